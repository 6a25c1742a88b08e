//! All SQL of this crate: the table `mail_queue`. Knows rows, no rules.

mod entity;
mod listing;
pub(crate) mod migrations;
pub(crate) mod tables;

use std::time::Duration;

use base::{MAX_AHEAD, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use storage::StorageError;

use self::entity::{ActiveModel, Column, Entity, Model};
use crate::message::{DEFAULT_LIFETIME, Mail, OutgoingMail};
use crate::record::MailState;

pub(crate) use self::listing::{by_id, page};

/// The most rows that one upkeep deletes; more wait for the next.
const PURGE_BATCH: u64 = 500;

/// A mail that is being tried.
#[derive(Clone)]
pub(crate) struct Claimed {
    pub(crate) mail: OutgoingMail,
    pub(crate) kind: String,
    /// Counting this attempt.
    pub(crate) attempts: u32,
    pub(crate) give_up_at: Timestamp,
}

/// Adds a mail that is due at once.
pub(crate) async fn insert(
    on: &impl ConnectionTrait,
    id: i64,
    mail: &Mail,
    now: Timestamp,
    lifetime: Duration,
) -> Result<(), StorageError> {
    let row = ActiveModel {
        id: Set(id),
        kind: Set(mail.kind.to_owned()),
        recipient: Set(mail.to.as_str().to_owned()),
        mailbox: Set(mail.to.mailbox()),
        subject: Set(mail.subject.clone()),
        text_body: Set(mail.text.clone()),
        html_body: Set(mail.html.clone()),
        state: Set(MailState::Queued.as_str().to_owned()),
        attempts: Set(0),
        created_at: Set(now.0),
        next_attempt_at: Set(now.0),
        give_up_at: Set(now.plus(lifetime).0),
        finished_at: Set(None),
        last_error: Set(None),
    };
    Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// How many mails wait.
pub(crate) async fn waiting(on: &impl ConnectionTrait) -> Result<u64, StorageError> {
    Ok(Entity::find().filter(is_in(MailState::Queued)).count(on).await?)
}

/// When the mail that has waited longest was made.
pub(crate) async fn oldest_waiting(
    on: &impl ConnectionTrait,
) -> Result<Option<Timestamp>, StorageError> {
    let oldest = Entity::find()
        .select_only()
        .column(Column::CreatedAt)
        .filter(is_in(MailState::Queued))
        .order_by_asc(Column::CreatedAt)
        .into_tuple::<i64>()
        .one(on)
        .await?;
    Ok(oldest.map(Timestamp))
}

/// How many mails of `kind` were made for `mailbox` after `since`.
pub(crate) async fn made_since(
    on: &impl ConnectionTrait,
    mailbox: &str,
    kind: &str,
    since: Timestamp,
) -> Result<u64, StorageError> {
    let made = Entity::find()
        .filter(Column::Mailbox.eq(mailbox))
        .filter(Column::CreatedAt.gt(since.0))
        .filter(Column::Kind.eq(kind));
    Ok(made.count(on).await?)
}

/// Whether any mail is due at `now`, besides those in `in_flight`.
pub(crate) async fn is_any_due(
    on: &impl ConnectionTrait,
    now: Timestamp,
    in_flight: &[i64],
) -> Result<bool, StorageError> {
    Ok(due(now, in_flight)
        .select_only()
        .column(Column::Id)
        .into_tuple::<i64>()
        .one(on)
        .await?
        .is_some())
}

/// Up to `limit` mails that are due, the longest due first, each counted as tried and
/// due again at `again_at`. Passes over those that another worker is claiming.
pub(crate) async fn claim(
    on: &impl ConnectionTrait,
    now: Timestamp,
    again_at: Timestamp,
    in_flight: &[i64],
    limit: u64,
) -> Result<Vec<Claimed>, StorageError> {
    let rows = due(now, in_flight)
        .order_by_asc(Column::NextAttemptAt)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(on)
        .await?;
    Entity::update_many()
        .col_expr(Column::NextAttemptAt, again_at.0.into())
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(on)
        .await?;
    // Rows were checked when they came in. Should one be unreadable nevertheless, it stays
    // where the operator sees it, and is tried again with the next version.
    Ok(rows.into_iter().filter_map(claimed).collect())
}

fn claimed(row: Model) -> Option<Claimed> {
    let mail = OutgoingMail {
        id: row.id,
        created_at: Timestamp(row.created_at),
        to: row.recipient.parse().ok()?,
        subject: row.subject,
        text: row.text_body,
        html: row.html_body,
    };
    let attempts = u32::try_from(row.attempts).unwrap_or(0).saturating_add(1);
    Some(Claimed { mail, kind: row.kind, attempts, give_up_at: Timestamp(row.give_up_at) })
}

/// Notes that a mail has left, and forgets its texts.
pub(crate) async fn sent(
    on: &impl ConnectionTrait,
    id: i64,
    now: Timestamp,
) -> Result<(), StorageError> {
    Entity::update_many()
        .col_expr(Column::State, MailState::Sent.as_str().into())
        .col_expr(Column::FinishedAt, now.0.into())
        .col_expr(Column::TextBody, "".into())
        .col_expr(Column::HtmlBody, "".into())
        .col_expr(Column::LastError, Option::<String>::None.into())
        .filter(Column::Id.eq(id))
        .exec(on)
        .await?;
    Ok(())
}

/// Notes that a mail is to be tried again, unless it has left or was given up meanwhile.
pub(crate) async fn put_off(
    on: &impl ConnectionTrait,
    id: i64,
    until: Timestamp,
    reason: &str,
) -> Result<(), StorageError> {
    Entity::update_many()
        .col_expr(Column::NextAttemptAt, until.0.into())
        .col_expr(Column::LastError, reason.into())
        .filter(Column::Id.eq(id))
        .filter(is_in(MailState::Queued))
        .exec(on)
        .await?;
    Ok(())
}

/// Notes that a mail is given up, unless it has left meanwhile.
pub(crate) async fn failed(
    on: &impl ConnectionTrait,
    id: i64,
    now: Timestamp,
    reason: &str,
) -> Result<(), StorageError> {
    Entity::update_many()
        .col_expr(Column::State, MailState::Failed.as_str().into())
        .col_expr(Column::FinishedAt, now.0.into())
        .col_expr(Column::LastError, reason.into())
        .filter(Column::Id.eq(id))
        .filter(is_in(MailState::Queued))
        .exec(on)
        .await?;
    Ok(())
}

/// Corrects what was noted while the clock was ahead of `now`: a mail that was made in
/// the future was made now and lives from now on, and none waits longer than
/// `longest_pause`, or at all if `all_due`; how many.
pub(crate) async fn cut_ahead(
    on: &impl ConnectionTrait,
    now: Timestamp,
    longest_pause: Duration,
    all_due: bool,
) -> Result<u64, StorageError> {
    let queued = || Entity::update_many().filter(is_in(MailState::Queued));
    let life = Expr::col(Column::GiveUpAt).sub(Expr::col(Column::CreatedAt));
    let made = queued()
        .col_expr(Column::GiveUpAt, life.add(now.0))
        .col_expr(Column::NextAttemptAt, now.0.into())
        .filter(Column::CreatedAt.gt(now.plus(MAX_AHEAD).0))
        .exec(on)
        .await?;
    // Whatever became of them: they count against their mailbox.
    Entity::update_many()
        .col_expr(Column::CreatedAt, now.0.into())
        .filter(Column::CreatedAt.gt(now.plus(MAX_AHEAD).0))
        .exec(on)
        .await?;
    let latest = if all_due { now } else { now.plus(longest_pause).plus(MAX_AHEAD) };
    let put_off = queued()
        .col_expr(Column::NextAttemptAt, now.0.into())
        .filter(Column::NextAttemptAt.gt(latest.0))
        .exec(on)
        .await?;
    // An administrator tried them again meanwhile.
    let prolonged = queued()
        .col_expr(Column::GiveUpAt, now.plus(DEFAULT_LIFETIME).0.into())
        .filter(Column::GiveUpAt.gt(now.plus(DEFAULT_LIFETIME).plus(MAX_AHEAD).0))
        .exec(on)
        .await?;
    Ok(made.rows_affected + put_off.rows_affected + prolonged.rows_affected)
}

/// Makes those of `ids` that have not left due at once; how many.
pub(crate) async fn retry(
    on: &impl ConnectionTrait,
    ids: &[i64],
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<u64, StorageError> {
    let done = Entity::update_many()
        .col_expr(Column::State, MailState::Queued.as_str().into())
        .col_expr(Column::FinishedAt, Option::<i64>::None.into())
        .col_expr(Column::NextAttemptAt, now.0.into())
        .col_expr(Column::GiveUpAt, give_up_at.0.into())
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::State.ne(MailState::Sent.as_str()))
        .exec(on)
        .await?;
    Ok(done.rows_affected)
}

/// Deletes `ids`; how many there were.
pub(crate) async fn delete(on: &impl ConnectionTrait, ids: &[i64]) -> Result<u64, StorageError> {
    let ids = ids.iter().copied();
    Ok(Entity::delete_many().filter(Column::Id.is_in(ids)).exec(on).await?.rows_affected)
}

/// Deletes what reached `state` at `until` or before, a batch at a time; how many.
pub(crate) async fn purge(
    on: &impl ConnectionTrait,
    state: MailState,
    until: Timestamp,
) -> Result<u64, StorageError> {
    let old: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_in(state))
        .filter(Column::FinishedAt.lte(until.0))
        .limit(PURGE_BATCH)
        .into_tuple()
        .all(on)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    // Asked again: an administrator may have had some of them tried again meanwhile.
    let deleted = Entity::delete_many()
        .filter(Column::Id.is_in(old))
        .filter(is_in(state))
        .filter(Column::FinishedAt.lte(until.0))
        .exec(on)
        .await?;
    Ok(deleted.rows_affected)
}

fn due(now: Timestamp, in_flight: &[i64]) -> sea_orm::Select<Entity> {
    Entity::find()
        .filter(is_in(MailState::Queued))
        .filter(Column::NextAttemptAt.lte(now.0))
        .filter(Column::Id.is_not_in(in_flight.iter().copied()))
}

fn is_in(state: MailState) -> sea_orm::sea_query::Expr {
    Column::State.eq(state.as_str())
}
