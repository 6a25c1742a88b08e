//! Appending in PostgreSQL: one statement, which the server commits by itself. So no lock is
//! held while anything crosses the network, and a process that freezes holds no room up.

use base::{MAX_AHEAD, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::Serialize;
use storage::StorageError;

use super::Place;
use crate::Message;
use crate::intake::Posted;

/// The row of the room gives the turn, and after waiting for it is seen as it is by then.
/// Times are the database's, read once the row is there, and by the rule of
/// [`accepted_at`](crate::message::accepted_at). The messages come as one text, so that the
/// statement is the same for any number of them, and is prepared once a connection.
const APPEND: &str = "\
WITH turn AS ( \
  UPDATE rooms SET head = head + $1, last_at = CASE \
      WHEN last_at > (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint + $7 \
      THEN (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint \
      ELSE GREATEST(last_at, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint) END \
  WHERE id = $2 AND epoch = $3 AND fence = $4 \
  RETURNING head, last_at), \
stored AS ( \
  INSERT INTO messages (room_id, id, author_id, author, text, sent_at, client_id, origin) \
  SELECT $2, turn.head - $1 + posted.place, posted.author_id, posted.author, posted.text, \
         turn.last_at, posted.client_id, $5 \
  FROM turn, ROWS FROM (json_to_recordset($6::json) \
         AS (author_id bigint, author text, text text, client_id text)) \
       WITH ORDINALITY AS posted (author_id, author, text, client_id, place)) \
SELECT head - $1 + 1 AS first, last_at FROM turn";

/// A message as the statement reads it.
#[derive(Serialize)]
struct Row<'a> {
    author_id: i64,
    author: &'a str,
    text: &'a str,
    client_id: Option<&'a str>,
}

/// The number and time of the first of `messages`; `None` if nothing was stored because the
/// room is not as `place` has it.
pub(super) async fn append(
    on: &impl ConnectionTrait,
    place: Place<'_>,
    messages: &[Message],
    origin: i64,
) -> Result<Option<Posted>, StorageError> {
    let rows: Vec<_> = messages.iter().map(Row::from).collect();
    // Numbers and strings always serialise; if they did not, the server would refuse the text.
    let rows = serde_json::to_string(&rows).unwrap_or_default();
    let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
    let ahead = i64::try_from(MAX_AHEAD.as_millis()).unwrap_or(i64::MAX);
    let values = [
        count.into(),
        place.room.into(),
        place.epoch.into(),
        place.fence.into(),
        origin.into(),
        rows.into(),
        ahead.into(),
    ];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, APPEND, values);
    let Some(first) = on.query_one_raw(statement).await? else { return Ok(None) };
    let at = Timestamp(first.try_get("", "last_at")?);
    Ok(Some(Posted { id: first.try_get("", "first")?, at }))
}

impl<'a> From<&'a Message> for Row<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            author_id: message.author.0,
            author: &message.author_name,
            text: &message.text,
            client_id: message.client_id.as_deref(),
        }
    }
}
