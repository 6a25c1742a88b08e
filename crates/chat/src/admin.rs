//! What the admin site shows of the chat: rooms, and messages that can be searched and
//! removed.

use std::sync::Arc;

use admin::{
    Action, Answer, COUNT_CAP, Column, Count, Description, Filter, FilterKind, Model, ModelError,
    Needs, Outcome, Page, Query, Record, Staff, Tone, Value,
};

use crate::Chat;
use crate::store::{Kept, RoomKept, Wanted};

/// Characters of a message that stand for it where only a name fits.
const MAX_NAME: usize = 60;

impl Chat {
    /// The chat's screens of the admin site.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<dyn Model>> {
        let messages = Messages { chat: self.clone(), description: messages() };
        let rooms = Rooms { chat: self.clone(), description: rooms() };
        vec![Arc::new(rooms), Arc::new(messages)]
    }
}

struct Messages {
    chat: Chat,
    description: Description,
}

fn messages() -> Description {
    let about = "Takes the text away for good, from the history and from every screen that \
                 shows it; the place in the conversation stays, empty. The audit log keeps \
                 what it said.";
    Description {
        about: "Everything that was said.",
        columns: vec![
            Column::new("number", "Number"),
            Column::new("sent_at", "Sent").sortable(),
            Column::new("author", "Author"),
            Column::new("text", "Text"),
        ],
        search: Some("the text; #123 finds the message of this number"),
        filters: vec![
            Filter::new("author", "Author", FilterKind::Exactly),
            Filter::new("sent_at", "Day", FilterKind::Days),
        ],
        actions: vec![Action::new("remove", "Remove", about, Needs::Care)],
        ..Description::new("messages", "message", "messages")
    }
}

impl Model for Messages {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let found = self
                .chat
                .room()
                .store
                .wanted(&wanted(query, self.chat.room().id()), COUNT_CAP + 1)
                .await?;
            let note = found.reached.map(|at| {
                let day = Value::Time(at).plain();
                format!(
                    "The search looked no further than {day}. To look beyond, narrow it by day."
                )
            });
            Ok(Page {
                rows: found.rows.iter().map(shown).collect(),
                total: Count::of(found.total),
                note: note.unwrap_or_default(),
            })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Some((room, id)) = place(id) else { return Ok(None) };
            Ok(self.chat.room().store.kept(room, id).await?.as_ref().map(detailed))
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let (room, id) = place(id).ok_or(ModelError::NotFound)?;
            if room != self.chat.room().id() {
                return Err(ModelError::NotFound);
            }
            if self.chat.room().remove(id).await? {
                return Ok(Outcome::default());
            }
            Err(ModelError::Refused("It was removed already.".to_owned()))
        })
    }
}

fn wanted(query: &Query, room: i64) -> Wanted {
    let (from, before) = query.between("sent_at");
    let search = query.search.clone();
    let id = search.as_deref().and_then(|text| text.strip_prefix('#')?.parse().ok());
    Wanted {
        text: search.filter(|_| id.is_none()),
        place: id.map(|id| (room, id)),
        author: query.exactly("author").map(str::to_owned),
        from,
        before,
        oldest_first: query.sort.is_some_and(|sort| !sort.descending),
        offset: query.offset,
        limit: query.limit,
    }
}

/// Room and number: an address holds both.
fn place(id: &str) -> Option<(i64, i64)> {
    let (room, id) = id.split_once('-')?;
    Some((room.parse().ok()?, id.parse().ok()?))
}

fn shown(message: &Kept) -> Record {
    let excerpt: String = message.text.chars().take(MAX_NAME).collect();
    let name = match message.removed_at {
        Some(_) => format!("#{} by {}, removed", message.id, message.author),
        None => format!("#{} by {}: {excerpt}", message.id, message.author),
    };
    let text = match message.removed_at {
        Some(_) => Value::Badge("removed", Tone::Notable),
        None => Value::text(&message.text),
    };
    Record {
        id: format!("{}-{}", message.room, message.id),
        name,
        cells: vec![
            Value::Number(message.id),
            Value::Time(message.sent_at),
            Value::text(&message.author),
            text,
        ],
        ..Record::default()
    }
}

fn detailed(message: &Kept) -> Record {
    let mut record = shown(message);
    record.details = vec![
        ("Text".into(), Value::text(&message.text)),
        ("Author".into(), Value::text(&message.author)),
        ("Account".into(), Value::Number(message.account)),
        ("Sent".into(), Value::Time(message.sent_at)),
        ("Removed".into(), Value::time(message.removed_at)),
    ];
    record
}

struct Rooms {
    chat: Chat,
    description: Description,
}

fn rooms() -> Description {
    Description {
        about: "Where people talk.",
        columns: vec![
            Column::new("name", "Name"),
            Column::new("online", "People online"),
            Column::new("messages", "Messages"),
            Column::new("created_at", "Made"),
        ],
        ..Description::new("rooms", "room", "rooms")
    }
}

impl Rooms {
    fn record(&self, room: &RoomKept) -> Record {
        let open = room.id == self.chat.room().id();
        let online = if open { self.chat.room().count() } else { 0 };
        let cells = vec![
            Value::text(&room.name),
            Value::Number(i64::try_from(online).unwrap_or(i64::MAX)),
            Value::Number(room.messages),
            Value::Time(room.created_at),
        ];
        let labels = self.description.columns.iter().map(|column| column.label.into());
        Record {
            id: room.id.to_string(),
            name: room.name.clone(),
            details: labels.zip(cells.clone()).collect(),
            cells,
            fields: Vec::new(),
        }
    }
}

impl Model for Rooms {
    fn description(&self) -> &Description {
        &self.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let rooms = self.chat.room().store.rooms().await?;
            let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
            let take = usize::try_from(query.limit).unwrap_or(usize::MAX);
            let rows = rooms.iter().skip(skip).take(take).map(|room| self.record(room)).collect();
            Ok(Page { rows, total: Count::of(rooms.len() as u64), note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let rooms = self.chat.room().store.rooms().await?;
            let room = rooms.iter().find(|room| room.id.to_string() == id);
            Ok(room.map(|room| self.record(room)))
        })
    }
}
