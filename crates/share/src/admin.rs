//! What the admin site shows of sharing sessions: how many people, files and bytes, and what
//! is under way. Never a name, a code or a key: what people share is theirs.

use std::sync::Arc;

use admin::{
    Action, Answer, Column, Description, Model, ModelError, Needs, Outcome, Page, Query, Record,
    Staff, Value,
};
use base::Timestamp;

use crate::id::RequestId;
use crate::session::{Abort, SessionCell};
use crate::share::{Ending, Share};
use crate::transfer::Transfer;

/// What both sides of a transfer are told that an administrator ended.
const ABORTED: &str = "An administrator has ended the transfer.";

impl Share {
    /// The screens of the admin site.
    pub(crate) fn models(&self) -> Vec<Arc<dyn Model>> {
        let sessions = Sessions { share: self.clone(), description: sessions() };
        let transfers = Transfers { share: self.clone(), description: transfers() };
        vec![Arc::new(sessions), Arc::new(transfers)]
    }
}

/// A session as it is at a moment.
struct SessionShown {
    number: u64,
    since: Timestamp,
    members: usize,
    connected: usize,
    files: usize,
    size: u64,
    transfers: usize,
    bytes: u64,
}

impl SessionShown {
    fn of(cell: &SessionCell) -> Self {
        let session = cell.lock();
        let connected = session.members.values().filter(|member| member.seat.is_some());
        Self {
            number: cell.number,
            since: cell.since,
            members: session.members.len(),
            connected: connected.count(),
            files: session.files.len(),
            size: session.files.bytes(),
            transfers: session.transfers.len(),
            bytes: session.bytes,
        }
    }

    fn record(&self) -> Record {
        let name = format!("no. {}", self.number);
        let cells = vec![
            Value::text(name.clone()),
            Value::Time(self.since),
            number(self.members),
            number(self.connected),
            number(self.files),
            Value::Bytes(self.size),
            number(self.transfers),
            Value::Bytes(self.bytes),
        ];
        record(self.number.to_string(), name, &sessions(), cells)
    }
}

/// A transfer as it is at a moment.
struct TransferShown {
    id: RequestId,
    session: u64,
    since: Timestamp,
    stage: &'static str,
    bytes: u64,
    under_way: usize,
}

impl TransferShown {
    fn of(cell: &SessionCell, transfer: &Transfer) -> Self {
        Self {
            id: transfer.id,
            session: cell.number,
            since: transfer.since,
            stage: transfer.stage.label(),
            bytes: transfer.bytes,
            under_way: transfer.flow.under_way(),
        }
    }

    fn record(&self) -> Record {
        let session = self.session.to_string();
        let cells = vec![
            Value::Time(self.since),
            Value::Link(format!("no. {session}"), SESSIONS, session),
            Value::text(self.stage.to_owned()),
            Value::Bytes(self.bytes),
            number(self.under_way),
        ];
        let name = format!("transfer in session no. {}", self.session);
        record(self.id.to_string(), name, &transfers(), cells)
    }
}

/// A record whose page says what its row does.
fn record(id: String, name: String, description: &Description, cells: Vec<Value>) -> Record {
    let labels = description.columns.iter().map(|column| column.label.into());
    let details = labels.zip(cells.iter().cloned()).collect();
    Record { id, name, cells, details, fields: Vec::new() }
}

fn number(count: usize) -> Value {
    Value::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

struct Sessions {
    share: Share,
    description: Description,
}

const SESSIONS: &str = "sharing-sessions";

fn sessions() -> Description {
    let about = "Members are told that an administrator has ended the session. Its list of \
                 files is gone, and transfers end where they are.";
    Description {
        about: "Sessions in which people hand files to each other. The server relays \
                ciphertext and holds no file.",
        columns: vec![
            Column::new("number", "Number"),
            Column::new("since", "Since").sortable(),
            Column::new("members", "Members").sortable(),
            Column::new("connected", "Connected").sortable(),
            Column::new("files", "Files").sortable(),
            Column::new("size", "Their size").sortable(),
            Column::new("transfers", "Transfers under way").sortable(),
            Column::new("bytes", "Handed over").sortable(),
        ],
        actions: vec![Action::new("end", "End", about, Needs::Confirmation)],
        ..Description::new(SESSIONS, "sharing session", "sharing sessions")
    }
}

impl Sessions {
    fn find(&self, id: &str) -> Option<Arc<SessionCell>> {
        let number: u64 = id.parse().ok()?;
        self.share.all().into_iter().find(|session| session.number == number)
    }
}

impl Model for Sessions {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let mut shown: Vec<_> =
                self.share.all().iter().map(|session| SessionShown::of(session)).collect();
            let by = query.sort.map_or("since", |sort| sort.column);
            shown.sort_by_key(|it| {
                let first = match by {
                    "members" => it.members as u64,
                    "connected" => it.connected as u64,
                    "files" => it.files as u64,
                    "size" => it.size,
                    "transfers" => it.transfers as u64,
                    "bytes" => it.bytes,
                    _ => 0,
                };
                (first, it.number)
            });
            Ok(Page::of_sorted(shown, query, SessionShown::record))
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move { Ok(self.find(id).map(|cell| SessionShown::of(&cell).record())) })
    }

    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let session = self.find(id).ok_or(ModelError::NotFound)?;
            self.share.end_session(&session, Ending::ByAdministrator);
            Ok(Outcome::default())
        })
    }
}

struct Transfers {
    share: Share,
    description: Description,
}

fn transfers() -> Description {
    let about = "Both sides are told that an administrator has ended the transfer.";
    Description {
        about: "Files that are being handed over now, or were asked for.",
        columns: vec![
            Column::new("since", "Since").sortable(),
            Column::new("session", "Session"),
            Column::new("stage", "Stage"),
            Column::new("bytes", "Handed over").sortable(),
            Column::new("under_way", "Chunks under way"),
        ],
        actions: vec![Action::new("end", "End", about, Needs::Confirmation)],
        ..Description::new("transfers", "transfer", "transfers")
    }
}

impl Transfers {
    fn all(&self) -> Vec<TransferShown> {
        let of = |cell: &Arc<SessionCell>| {
            let session = cell.lock();
            let shown = session.transfers.values().map(|it| TransferShown::of(cell, it));
            shown.collect::<Vec<_>>()
        };
        self.share.all().iter().flat_map(of).collect()
    }
}

impl Model for Transfers {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let mut shown = self.all();
            let by_bytes = query.sort.is_some_and(|sort| sort.column == "bytes");
            shown.sort_by_key(|it| (if by_bytes { it.bytes } else { 0 }, it.since, it.id));
            Ok(Page::of_sorted(shown, query, TransferShown::record))
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let id = RequestId::parse(id);
            let found = self.all().into_iter().find(|shown| Some(shown.id) == id);
            Ok(found.map(|shown| shown.record()))
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let id = RequestId::parse(id).ok_or(ModelError::NotFound)?;
            for cell in self.share.all() {
                let mut session = cell.lock();
                if session.transfers.contains_key(&id) {
                    session.abort(id, Abort::because(ABORTED), self.share.services());
                    return Ok(Outcome::default());
                }
            }
            Err(ModelError::NotFound)
        })
    }
}
