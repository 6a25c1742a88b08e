//! What the admin site shows of the chat: rooms, and messages that can be searched and
//! removed.

use std::sync::Arc;

use admin::{
    Action, Answer, COUNT_CAP, Column, Count, Description, Filter, FilterKind, Model, ModelError,
    Needs, Outcome, Page, Query, Record, Staff, Tone, Value,
};

use crate::Chat;
use crate::store::{MessageFilter, RoomSummary, StoredMessage};

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
            let found = self.chat.store().find(&filter(query), COUNT_CAP + 1).await?;
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
            let Some(message) = self.chat.store().message(room, id).await? else {
                return Ok(None);
            };
            let room = self.chat.store().room_summary(room).await?;
            Ok(Some(detailed(&message, room.as_ref())))
        })
    }

    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let (room, id) = place(id).ok_or(ModelError::NotFound)?;
            if self.chat.rooms().remove(room, id).await? {
                return Ok(Outcome::default());
            }
            Err(ModelError::Refused("It was removed already.".to_owned()))
        })
    }
}

fn filter(query: &Query) -> MessageFilter {
    let (from, before) = query.between("sent_at");
    let search = query.search.clone();
    let id = search.as_deref().and_then(|text| text.strip_prefix('#')?.parse().ok());
    MessageFilter {
        text: search.filter(|_| id.is_none()),
        id,
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

fn shown(message: &StoredMessage) -> Record {
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

fn detailed(message: &StoredMessage, room: Option<&RoomSummary>) -> Record {
    let mut record = shown(message);
    record.details = vec![
        ("Text".into(), Value::text(&message.text)),
        ("Author".into(), Value::text(&message.author)),
        ("Account".into(), Value::Number(message.account)),
        ("Room".into(), room.map_or(Value::Number(message.room), |room| Value::text(&room.name))),
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
    fn record(&self, room: &RoomSummary) -> Record {
        let online = self.chat.rooms().open_now(room.id).map_or(0, |room| room.count());
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
            let store = self.chat.store();
            let rooms = store.rooms(query.offset, query.limit).await?;
            let rows = rooms.iter().map(|room| self.record(room)).collect();
            let total = Count::of(store.count_rooms(COUNT_CAP + 1).await?);
            Ok(Page { rows, total, note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Ok(id) = id.parse() else { return Ok(None) };
            let room = self.chat.store().room_summary(id).await?;
            Ok(room.as_ref().map(|room| self.record(room)))
        })
    }
}

#[cfg(test)]
mod tests;
