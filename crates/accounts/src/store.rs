//! All SQL of this crate: accounts and sessions.
//!
//! Knows rows and hashes, no rules. Nothing here reads or writes a secret in the
//! clear.

pub(crate) mod entity;
pub(crate) mod migrations;

use std::sync::Arc;

use base::{AccountId, Activity, Principal, SessionRef, Timestamp};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use storage::StorageError;

use self::entity::{account, session};
use crate::secret::SecretHash;
use crate::session::SignInContext;
use crate::{AccountSummary, Username};

/// The most sessions that are looked at in one go; the rest waits for the next.
pub(crate) const SESSION_BATCH: u64 = 500;

/// A session named for ending it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionOf {
    pub(crate) account: AccountId,
    pub(crate) session: SessionRef,
}

impl From<session::Model> for SessionOf {
    fn from(row: session::Model) -> Self {
        Self { account: AccountId(row.account_id), session: SessionRef(row.id) }
    }
}

/// Adds an account. A unique violation means that the username is taken: the
/// other unique columns are random and do not repeat.
pub(crate) async fn insert_account(
    on: &impl ConnectionTrait,
    account: AccountId,
    username: &Username,
    key: SecretHash,
    now: Timestamp,
) -> Result<(), StorageError> {
    let row = account::ActiveModel {
        id: Set(account.0),
        username: Set(username.as_str().to_owned()),
        username_folded: Set(username.folded()),
        key_hash: Set(Some(key.to_hex())),
        created_at: Set(now.0),
    };
    account::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// The account that `key` belongs to.
pub(crate) async fn account_by_key(
    on: &impl ConnectionTrait,
    key: SecretHash,
) -> Result<Option<AccountId>, StorageError> {
    let matches = account::Column::KeyHash.eq(key.to_hex());
    let row = account::Entity::find().filter(matches).one(on).await?;
    Ok(row.map(|row| AccountId(row.id)))
}

/// The account of that name, however it is spelled.
pub(crate) async fn account_by_username(
    on: &impl ConnectionTrait,
    username: &Username,
) -> Result<Option<AccountSummary>, StorageError> {
    let matches = account::Column::UsernameFolded.eq(username.folded());
    let row = account::Entity::find().filter(matches).one(on).await?;
    Ok(row.map(|row| AccountSummary {
        account: AccountId(row.id),
        username: row.username,
        created_at: Timestamp(row.created_at),
    }))
}

/// Adds a session.
pub(crate) async fn insert_session(
    on: &impl ConnectionTrait,
    owner: SessionOf,
    token: SecretHash,
    context: &SignInContext,
    now: Timestamp,
) -> Result<(), StorageError> {
    let row = session::ActiveModel {
        id: Set(owner.session.0),
        token_hash: Set(token.to_hex()),
        account_id: Set(owner.account.0),
        created_at: Set(now.0),
        last_used_at: Set(now.0),
        client_address: Set(context.address.to_string()),
        user_agent: Set(context.stored_user_agent()),
    };
    session::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// Whom the session with `token` acts for, whether it is still valid or not; its
/// activity starts at the last use on record.
pub(crate) async fn principal_by_token(
    on: &impl ConnectionTrait,
    token: SecretHash,
) -> Result<Option<Principal>, StorageError> {
    let matches = session::Column::TokenHash.eq(token.to_hex());
    let found =
        session::Entity::find().find_also_related(account::Entity).filter(matches).one(on).await?;
    Ok(found.and_then(|(session, account)| {
        // The foreign key keeps a session from outliving its account.
        let account = account?;
        Some(Principal {
            account: AccountId(account.id),
            username: account.username.into(),
            session: SessionRef(session.id),
            activity: Arc::new(Activity::new(Timestamp(session.last_used_at))),
        })
    }))
}

/// The session with `token`.
pub(crate) async fn session_by_token(
    on: &impl ConnectionTrait,
    token: SecretHash,
) -> Result<Vec<SessionOf>, StorageError> {
    let matches = session::Column::TokenHash.eq(token.to_hex());
    sessions(on, session::Entity::find().filter(matches)).await
}

/// The sessions last used at `cutoff` or before, as far as the database knows:
/// the longest unused first, at most [`SESSION_BATCH`].
pub(crate) async fn sessions_unused_since(
    on: &impl ConnectionTrait,
    cutoff: Timestamp,
) -> Result<Vec<SessionOf>, StorageError> {
    let unused = session::Entity::find()
        .filter(session::Column::LastUsedAt.lte(cutoff.0))
        .order_by_asc(session::Column::LastUsedAt)
        .limit(SESSION_BATCH);
    sessions(on, unused).await
}

/// Those of `owner`'s sessions beyond the `kept` last used, at most
/// [`SESSION_BATCH`].
pub(crate) async fn surplus_sessions(
    on: &impl ConnectionTrait,
    owner: AccountId,
    kept: u64,
) -> Result<Vec<SessionOf>, StorageError> {
    let surplus = session::Entity::find()
        .filter(session::Column::AccountId.eq(owner.0))
        .order_by_desc(session::Column::LastUsedAt)
        .offset(kept)
        .limit(SESSION_BATCH);
    sessions(on, surplus).await
}

async fn sessions(
    on: &impl ConnectionTrait,
    select: sea_orm::Select<session::Entity>,
) -> Result<Vec<SessionOf>, StorageError> {
    Ok(select.all(on).await?.into_iter().map(SessionOf::from).collect())
}

/// Deletes exactly `doomed`.
pub(crate) async fn delete_sessions(
    on: &impl ConnectionTrait,
    doomed: &[SessionOf],
) -> Result<(), StorageError> {
    let ids = doomed.iter().map(|doomed| doomed.session.0);
    session::Entity::delete_many().filter(session::Column::Id.is_in(ids)).exec(on).await?;
    Ok(())
}

/// Records when sessions were last used, in one statement. Sessions that are
/// gone stay gone.
pub(crate) async fn record_uses(
    on: &impl ConnectionTrait,
    uses: &[(SessionRef, Timestamp)],
) -> Result<(), StorageError> {
    let last_used = uses.iter().fold(CaseStatement::new(), |case, (session, at)| {
        case.case(Expr::col(session::Column::Id).eq(session.0), at.0)
    });
    session::Entity::update_many()
        .col_expr(session::Column::LastUsedAt, last_used.into())
        .filter(session::Column::Id.is_in(uses.iter().map(|(session, _)| session.0)))
        .exec(on)
        .await?;
    Ok(())
}
