//! Appending in a database of a server: a room at a time, numbered by its row.
//!
//! Whoever appends takes the row of the room, so ids have no gaps and one order, however many
//! append. An append names the epoch and the *fence* of the room as it knows them; if either
//! is another one, nothing is stored.
//!
//! The fence is what makes the past final. When the outcome of an append is not known (the
//! connection was lost, no answer came in time), it may still be running at the server, or be
//! on its way to it. [`move_fence`](ServerLedger::move_fence) waits for the row like any
//! append, so one that holds the row is through by then; and one that comes later finds
//! another fence and stores nothing. So what is read afterwards is all that there will ever
//! be of it.
//!
//! Deliberately absent: what rooms hold in memory, and when it is tried again.

use std::sync::Arc;
use std::time::Duration;

use base::{Random, id53};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use storage::{Database, Fault, Kind, StorageError};
use tokio::time::timeout;

use super::super::entity::{message, room};
use super::{PostedAs, mariadb, posted_as, postgres};
use crate::Message;
use crate::intake::Posted;

/// The most time that an append takes. More than the database lets a transaction wait for a
/// lock, so that what stood in the way is known.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The most time that a question to the database takes.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Messages read at once, at most, that came from elsewhere.
pub(crate) const MAX_FOUND: u64 = 4_096;

/// See the module's documentation. Clones are the same process.
#[derive(Clone, Debug)]
pub(crate) struct ServerLedger {
    db: Database,
    /// Tells rows of this process from those of others. Never used again.
    origin: i64,
}

/// Where messages are appended, as far as this process knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) room: i64,
    pub(crate) epoch: &'a str,
    pub(crate) fence: i64,
}

/// How far a room has come, by the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) room: i64,
    pub(crate) epoch: String,
    pub(crate) head: i64,
    pub(crate) fence: i64,
}

/// A message that is in the database.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// This process stored it.
    pub(crate) is_own: bool,
    pub(crate) message: Arc<Message>,
}

/// Why messages were not appended, as far as is known.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// The room has another epoch or another fence. Nothing is stored.
    Moved,
    /// A message of the same author under the same client id was stored meanwhile. Nothing
    /// is stored.
    Repeated(StorageError),
    /// Nothing is stored.
    Refused(StorageError),
    /// They may be stored, or be stored later.
    Unknown(StorageError),
}

impl ServerLedger {
    pub(crate) fn new(db: Database, random: &dyn Random) -> Self {
        Self { db, origin: id53(random) }
    }

    /// The number of this process.
    #[cfg(test)]
    pub(crate) fn origin(&self) -> i64 {
        self.origin
    }

    /// Appends `messages`, all of them or none, numbered in their order: the number and time
    /// of the first. Ids and times in `messages` say nothing yet.
    pub(crate) async fn append(
        &self,
        place: Place<'_>,
        messages: &[Message],
    ) -> Result<Posted, NotAppended> {
        match self.db.kind() {
            Kind::Postgres => self.append_by_statement(place, messages).await,
            Kind::MariaDb | Kind::Sqlite => {
                mariadb::append(&self.db, place, messages, self.origin, APPEND_TIMEOUT).await
            }
        }
    }

    async fn append_by_statement(
        &self,
        place: Place<'_>,
        messages: &[Message],
    ) -> Result<Posted, NotAppended> {
        let on = self.db.urgent_statement().map_err(NotAppended::Refused)?;
        let append = postgres::append(on, place, messages, self.origin);
        let appended = timeout(APPEND_TIMEOUT, append).await.unwrap_or(Err(StorageError::Busy));
        match appended {
            Ok(first) => {
                self.db.note_stored(true);
                first.ok_or(NotAppended::Moved)
            }
            Err(error) if error.is_unique_violation() => Err(NotAppended::Repeated(error)),
            Err(error) => {
                self.db.note_stored(false);
                Err(match error.fault() {
                    // The server said so.
                    Fault::Again | Fault::ReadOnly | Fault::Full | Fault::Taken => {
                        NotAppended::Refused(error)
                    }
                    _ => NotAppended::Unknown(error),
                })
            }
        }
    }

    /// What was posted to `room` under any of these client ids, by any author.
    pub(crate) async fn posted_as(
        &self,
        room: i64,
        client_ids: Vec<&str>,
    ) -> Result<Vec<PostedAs>, StorageError> {
        // In the line for the others may be thousands who come back.
        let on = self.db.urgent_statement()?;
        within_limit(posted_as(on, &[(room, client_ids)])).await
    }

    /// Sees to it that no append that was sent before stores anything from now on: how far
    /// the room has come.
    pub(crate) async fn move_fence(&self, room: i64) -> Result<Standing, StorageError> {
        within_limit(async {
            let tx = self.db.begin_urgent_write().await?;
            room::Entity::update_many()
                .col_expr(room::Column::Fence, Expr::col(room::Column::Fence).add(1))
                .filter(room::Column::Id.eq(room))
                .exec(tx.connection())
                .await?;
            let found = room::Entity::find_by_id(room).one(tx.connection()).await?;
            tx.commit().await?;
            found.map(Standing::from).ok_or_else(missing)
        })
        .await
    }

    /// How far these rooms have come.
    pub(crate) async fn standings(&self, rooms: &[i64]) -> Result<Vec<Standing>, StorageError> {
        let on = self.db.urgent_statement()?;
        within_limit(async {
            let select = room::Entity::find().filter(room::Column::Id.is_in(rooms.iter().copied()));
            Ok(select.all(on).await?.into_iter().map(Standing::from).collect())
        })
        .await
    }

    /// The messages of `room` above `after`, oldest first, [`MAX_FOUND`] at most.
    pub(crate) async fn after(&self, room: i64, after: i64) -> Result<Vec<Found>, StorageError> {
        let on = self.db.urgent_statement()?;
        within_limit(async {
            let select = message::Entity::find()
                .filter(message::Column::RoomId.eq(room))
                .filter(message::Column::Id.gt(after))
                .order_by_asc(message::Column::Id)
                .limit(MAX_FOUND);
            let rows = select.all(on).await?.into_iter();
            Ok(rows
                .map(|row| Found {
                    is_own: row.origin == Some(self.origin),
                    message: Arc::new(row.into()),
                })
                .collect())
        })
        .await
    }
}

impl From<room::Model> for Standing {
    fn from(row: room::Model) -> Self {
        Self { room: row.id, epoch: row.epoch, head: row.head, fence: row.fence }
    }
}

async fn within_limit<T>(
    question: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    timeout(READ_TIMEOUT, question).await.unwrap_or(Err(StorageError::Busy))
}

/// A room that is open has no row.
fn missing() -> StorageError {
    sea_orm::DbErr::RecordNotFound("the room".to_owned()).into()
}
