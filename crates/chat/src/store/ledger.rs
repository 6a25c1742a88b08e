//! Appending messages: what differs between databases.
//!
//! With SQLite, of which this process is the only writer, ids come from memory and one
//! transaction stores messages of many rooms ([`embedded`]). A database of a server numbers
//! by the row of the room, one room at a time, whoever else appends ([`server`]). Here is what
//! both ask and store.
//!
//! Invariant: `rooms.head` and `rooms.last_at` are those of the room's newest message, for
//! they change in the transaction that stores it.
//!
//! Deliberately absent: what rooms hold in memory.

mod embedded;
mod mariadb;
mod postgres;
mod server;

use base::{AccountId, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use storage::StorageError;

use super::entity::message;
use crate::Message;
use crate::intake::Posted;

pub(crate) use embedded::{Append, EmbeddedLedger};
pub(crate) use server::{Found, NotAppended, Place, ServerLedger, Standing};

/// A message that a client has posted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostedAs {
    pub(crate) room: i64,
    pub(crate) author: AccountId,
    pub(crate) client_id: String,
    pub(crate) posted: Posted,
}

/// What was posted to these rooms under any of these client ids, by any author.
async fn posted_as(
    on: &impl ConnectionTrait,
    client_ids: &[(i64, Vec<&str>)],
) -> Result<Vec<PostedAs>, StorageError> {
    let mut any = Condition::any();
    for (room, client_ids) in client_ids.iter().filter(|(_, ids)| !ids.is_empty()) {
        let of_room = message::Column::RoomId.eq(*room);
        let client_ids = message::Column::ClientId.is_in(client_ids.iter().copied());
        any = any.add(Condition::all().add(of_room).add(client_ids));
    }
    if any.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, i64, Option<String>, i64, i64)> = message::Entity::find()
        .select_only()
        .columns([
            message::Column::RoomId,
            message::Column::AuthorId,
            message::Column::ClientId,
            message::Column::Id,
            message::Column::SentAt,
        ])
        .filter(any)
        .into_tuple()
        .all(on)
        .await?;
    let posted = |(room, author, client_id, id, at): (_, _, Option<_>, _, _)| {
        let (author, posted) = (AccountId(author), Posted { id, at: Timestamp(at) });
        Some(PostedAs { room, author, client_id: client_id?, posted })
    };
    Ok(rows.into_iter().filter_map(posted).collect())
}

/// The row of `message`, which is to be stored under this number and time.
fn row(room: i64, message: &Message, stored: Posted, origin: Option<i64>) -> message::ActiveModel {
    message::ActiveModel {
        room_id: Set(room),
        id: Set(stored.id),
        author_id: Set(message.author.0),
        author: Set(message.author_name.to_string()),
        text: Set(message.text.to_string()),
        sent_at: Set(stored.at.0),
        client_id: Set(message.client_id.as_deref().map(str::to_owned)),
        removed_at: Set(None),
        origin: Set(origin),
    }
}
