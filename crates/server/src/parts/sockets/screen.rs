//! The WebSockets, streams of events and Socket.IO connections that are open now, on the
//! admin site: whose (an account's, a guest's or an anonymous visitor's), from where, since
//! when, how much waits for them; and cutting one off.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use accounts::Accounts;
use admin::{
    Action, Answer, Column, Count, Description, Model, ModelError, Needs, Outcome, Page, Query,
    Record, Staff, Value,
};
use base::{AccountId, Owner};
use transport::{OpenSocket, Sockets};

pub(super) struct Connections {
    sockets: Sockets,
    accounts: Accounts,
    description: Description,
}

impl Connections {
    pub(super) fn new(sockets: Sockets, accounts: Accounts) -> Self {
        Self { sockets, accounts, description: description() }
    }

    /// All that are open and fit the search, in the order asked for. They are in memory:
    /// sorting ten thousand takes a few milliseconds.
    fn wanted(&self, query: &Query) -> Vec<OpenSocket> {
        let mut open = self.sockets.list();
        if let Some(search) = &query.search {
            open.retain(|socket| {
                let is_owner = socket.owner.is_some_and(|owner| number(owner) == *search);
                is_owner || socket.from.to_string().contains(search)
            });
        }
        match query.sort.map_or("since", |sort| sort.column) {
            "queued" => open.sort_by_key(|socket| (socket.queued, socket.id)),
            "from" => open.sort_by_key(|socket| (socket.from, socket.id)),
            _ => open.sort_by_key(|socket| socket.id),
        }
        if query.sort.is_none_or(|sort| sort.descending) {
            open.reverse();
        }
        open
    }

    async fn record(&self, socket: &OpenSocket, names: &mut Names) -> Result<Record, ModelError> {
        let (name, who) = match socket.owner {
            Some(Owner::Account(account)) => {
                let name = self.username(account, names).await?;
                (name.clone(), Value::Link(name, "accounts", account.to_string()))
            }
            Some(Owner::Guest(number)) => plain(format!("guest {number}")),
            None => plain("anonymous visitor".to_owned()),
        };
        let queued = u64::try_from(socket.queued).unwrap_or(u64::MAX);
        let cells = vec![
            Value::text(format!("{name}, no. {}", socket.id)),
            Value::text(socket.from.to_string()),
            Value::Time(socket.since),
            Value::Bytes(queued),
        ];
        Ok(Record {
            id: socket.id.to_string(),
            name: format!("{name} from {}", socket.from),
            details: vec![
                ("Who".into(), who),
                ("From".into(), cells[1].clone()),
                ("Since".into(), cells[2].clone()),
                ("Waiting for it".into(), cells[3].clone()),
            ],
            cells,
            fields: Vec::new(),
        })
    }

    async fn username(&self, account: AccountId, names: &mut Names) -> Result<String, ModelError> {
        if let Entry::Vacant(unknown) = names.entry(account) {
            let profile = self.accounts.profile(account).await?;
            unknown.insert(profile.map_or_else(|| account.to_string(), |it| it.username));
        }
        Ok(names.get(&account).cloned().unwrap_or_default())
    }
}

/// A name that leads nowhere.
fn plain(name: String) -> (String, Value) {
    (name.clone(), Value::text(name))
}

/// The number that an owner is searched by.
fn number(owner: Owner) -> String {
    match owner {
        Owner::Account(account) => account.to_string(),
        Owner::Guest(number) => number.to_string(),
    }
}

/// Usernames already looked up.
type Names = HashMap<AccountId, String>;

impl Model for Connections {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let open = self.wanted(query);
            let total = Count::of(open.len() as u64);
            let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
            let take = usize::try_from(query.limit).unwrap_or(usize::MAX);
            let (mut names, mut rows) = (Names::new(), Vec::new());
            for socket in open.iter().skip(skip).take(take) {
                rows.push(self.record(socket, &mut names).await?);
            }
            Ok(Page { rows, total, note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Some(socket) = id.parse().ok().and_then(|id| self.sockets.get(id)) else {
                return Ok(None);
            };
            Ok(Some(self.record(&socket, &mut Names::new()).await?))
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let gone = id.parse().is_ok_and(|id| self.sockets.disconnect(id));
            if gone { Ok(Outcome::default()) } else { Err(ModelError::NotFound) }
        })
    }
}

fn description() -> Description {
    let about = "Closes the connection. The session stays: a client of ours is back in a moment. \
                 To keep its owner out, end their sessions or deactivate the account.";
    Description {
        about: "The WebSockets and authenticated Socket.IO connections that are open now.",
        columns: vec![
            Column::new("who", "Who"),
            Column::new("from", "From").sortable(),
            Column::new("since", "Since").sortable(),
            Column::new("queued", "Waiting for it").sortable(),
        ],
        search: Some("the network address, or the number of an account or guest"),
        actions: vec![Action::new("disconnect", "Disconnect", about, Needs::Confirmation)],
        ..Description::new("connections", "connection", "connections")
    }
}
