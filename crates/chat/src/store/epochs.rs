//! Epochs: which history of a room its ids belong to.
//!
//! A database can forget: an older copy is put back, or another server of it takes over that
//! had not received the end. Then ids are given again that people know as other messages, and
//! the room needs a new epoch, so that what clients know of it is not taken for its past.
//!
//! PostgreSQL says by itself that its history took another turn, by a *timeline* that changes
//! when a standby takes over or a backup is recovered. The one that was seen last is on
//! record, in a table of the chat's own. MariaDB has no such number: there a room that has
//! fewer messages than were published tells. A copy that is put back by our own means has new
//! epochs already ([`tables`](super::tables)).

use base::Random;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement,
};
use storage::{Fault, Kind, StorageError, WriteTransaction};

use super::entity::{room, timeline};
use super::{RoomRecord, Store, new_epoch};

/// The primary key of the only row.
const ONE: i16 = 1;

/// The cluster's identifier and the timeline that is written to, which an ordinary role may
/// ask for. The control file has the timeline, too, but only after the next checkpoint.
const TIMELINE: &str = "\
    SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || \
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline";

impl Store {
    /// Gives `room` another epoch, on record before this returns: what clients know of
    /// it is not its past any more. If another server did so meanwhile, its epoch stays.
    pub(crate) async fn begin_anew(
        &self,
        room: &mut RoomRecord,
        random: &dyn Random,
    ) -> Result<(), StorageError> {
        let epoch = new_epoch(random);
        let tx = self.db.begin_write().await?;
        room::Entity::update_many()
            .col_expr(room::Column::Epoch, epoch.into())
            .filter(room::Column::Id.eq(room.id))
            .filter(room::Column::Epoch.eq(room.epoch.as_str()))
            .exec(tx.connection())
            .await?;
        if let Some(found) = room::Entity::find_by_id(room.id).one(tx.connection()).await? {
            *room = found.into();
        }
        tx.commit().await
    }

    /// If the database has taken another turn since this was asked last, by whatever server,
    /// all rooms get another epoch. Whether they did.
    pub(crate) async fn follow_timeline(&self, random: &dyn Random) -> Result<bool, StorageError> {
        let Some(now) = self.timeline().await? else { return Ok(false) };
        let seen = timeline::Entity::find_by_id(ONE).one(self.db.reader()).await?;
        if seen.is_some_and(|seen| seen.timeline == now) {
            return Ok(false);
        }
        let tx = self.db.begin_write().await?;
        let seen = timeline::Entity::find_by_id(ONE).lock_exclusive().one(tx.connection()).await?;
        let is_other = seen.as_ref().is_some_and(|seen| seen.timeline != now);
        if seen.is_none() {
            let row = timeline::ActiveModel { one: Set(ONE), timeline: Set(now.clone()) };
            timeline::Entity::insert(row).exec_without_returning(tx.connection()).await?;
        }
        if is_other {
            timeline::Entity::update_many()
                .col_expr(timeline::Column::Timeline, Expr::val(now.as_str()))
                .exec(tx.connection())
                .await?;
            begin_all_anew(&tx, random).await?;
        }
        tx.commit().await?;
        Ok(is_other)
    }

    /// `None` if the database does not say.
    async fn timeline(&self) -> Result<Option<String>, StorageError> {
        if self.db.kind() != Kind::Postgres {
            return Ok(None);
        }
        let ask = Statement::from_string(DbBackend::Postgres, TIMELINE);
        match self.db.reader().query_one_raw(ask).await.map_err(StorageError::from) {
            Ok(row) => Ok(row.map(|row| row.try_get("", "timeline")).transpose()?),
            // Not to this role, or not while it is a standby.
            Err(error) if error.fault() == Fault::Other => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One epoch does for all: it tells the histories of one room apart.
async fn begin_all_anew(tx: &WriteTransaction, random: &dyn Random) -> Result<(), StorageError> {
    let epoch = new_epoch(random);
    room::Entity::update_many()
        .col_expr(room::Column::Epoch, epoch.into())
        .exec(tx.connection())
        .await?;
    Ok(())
}
