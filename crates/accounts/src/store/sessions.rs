//! Browser sessions and API tokens: one table, two kinds.

use std::sync::Arc;

use base::{AccountId, Activity, MAX_AHEAD, Principal, SessionRef, Timestamp};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, Func};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, SelectTwo,
};
use storage::StorageError;

use super::accounts::Person;
use super::entity::{account, session};
use super::{MAX_PAGE, holding};
use crate::administration::{Page, SessionQuery, SessionSort};
use crate::devices::SessionInfo;
use crate::secret::SecretHash;
use crate::session::{SessionKind, SignInContext};

/// The most sessions that are looked at in one go; the rest waits for the next. More
/// than an account can have.
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

/// What is kept of a new session besides whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) token: SecretHash,
    pub(crate) kind: SessionKind,
    pub(crate) name: Option<&'a str>,
    pub(crate) issued_by: Option<SessionRef>,
    pub(crate) context: &'a SignInContext,
}

fn number(kind: SessionKind) -> i16 {
    match kind {
        SessionKind::Browser => 0,
        SessionKind::Token => 1,
    }
}

fn kind(number: i16) -> SessionKind {
    if number == 0 { SessionKind::Browser } else { SessionKind::Token }
}

/// Adds a session.
pub(crate) async fn insert(
    on: &impl ConnectionTrait,
    owner: SessionOf,
    new: NewSession<'_>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let row = session::ActiveModel {
        id: Set(owner.session.0),
        token_hash: Set(new.token.to_hex()),
        account_id: Set(owner.account.0),
        created_at: Set(now.0),
        last_used_at: Set(now.0),
        client_address: Set(new.context.address.to_string()),
        user_agent: Set(new.context.stored_user_agent()),
        kind: Set(number(new.kind)),
        name: Set(new.name.map(str::to_owned)),
        issued_by: Set(new.issued_by.map(|session| session.0)),
    };
    session::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// The account that the session with `token` acts for, whether it is still valid or not; its
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
        let profile = Person::from(account?).profile;
        Some(Principal {
            account: profile.account,
            display_name: profile.display_name().into(),
            username: profile.username.into(),
            session: SessionRef(session.id),
            activity: Arc::new(Activity::new(Timestamp(session.last_used_at))),
        })
    }))
}

/// The session with `token`.
pub(crate) async fn by_token(
    on: &impl ConnectionTrait,
    token: SecretHash,
) -> Result<Vec<SessionOf>, StorageError> {
    let matches = session::Column::TokenHash.eq(token.to_hex());
    sessions(on, session::Entity::find().filter(matches)).await
}

/// The sessions of `kind` last used at `cutoff` or before, as far as the database
/// knows: the longest unused first, at most [`SESSION_BATCH`].
pub(crate) async fn unused_since(
    on: &impl ConnectionTrait,
    kind: SessionKind,
    cutoff: Timestamp,
) -> Result<Vec<SessionOf>, StorageError> {
    let unused = session::Entity::find()
        .filter(session::Column::Kind.eq(number(kind)))
        .filter(session::Column::LastUsedAt.lte(cutoff.0))
        .order_by_asc(session::Column::LastUsedAt)
        .limit(SESSION_BATCH);
    sessions(on, unused).await
}

/// Those of `owner`'s sessions of `kind` beyond `newest` and the last used, `kept` in
/// all, at most [`SESSION_BATCH`]. The newest is named, because times may tie.
pub(crate) async fn surplus(
    on: &impl ConnectionTrait,
    owner: AccountId,
    kind: SessionKind,
    newest: SessionRef,
    kept: u64,
) -> Result<Vec<SessionOf>, StorageError> {
    let surplus = of_account(owner)
        .filter(session::Column::Kind.eq(number(kind)))
        .filter(session::Column::Id.ne(newest.0))
        .order_by_desc(session::Column::LastUsedAt)
        .offset(kept - 1)
        .limit(SESSION_BATCH);
    sessions(on, surplus).await
}

/// Those of `owner`'s tokens without a name that `issuer` asked for, beyond `newest` and
/// the last used, `kept` in all.
pub(crate) async fn surplus_issued(
    on: &impl ConnectionTrait,
    owner: AccountId,
    issuer: SessionRef,
    newest: SessionRef,
    kept: u64,
) -> Result<Vec<SessionOf>, StorageError> {
    let surplus = of_account(owner)
        .filter(session::Column::IssuedBy.eq(issuer.0))
        .filter(session::Column::Name.is_null())
        .filter(session::Column::Id.ne(newest.0))
        .order_by_desc(session::Column::LastUsedAt)
        .offset(kept - 1)
        .limit(SESSION_BATCH);
    sessions(on, surplus).await
}

/// All of `owner`'s, except `kept`.
pub(crate) async fn of_owner(
    on: &impl ConnectionTrait,
    owner: AccountId,
    kept: Option<SessionRef>,
) -> Result<Vec<SessionOf>, StorageError> {
    let mut others = of_account(owner).limit(SESSION_BATCH);
    if let Some(kept) = kept {
        others = others.filter(session::Column::Id.ne(kept.0));
    }
    sessions(on, others).await
}

/// Those of `wanted` that exist.
pub(crate) async fn listed(
    on: &impl ConnectionTrait,
    wanted: &[SessionRef],
) -> Result<Vec<SessionOf>, StorageError> {
    let ids = wanted.iter().map(|session| session.0);
    sessions(on, session::Entity::find().filter(session::Column::Id.is_in(ids))).await
}

/// These, and the tokens without a name that they asked for: who revokes a device means
/// the tokens it made for itself, too.
pub(crate) async fn with_issued(
    on: &impl ConnectionTrait,
    mut ended: Vec<SessionOf>,
) -> Result<Vec<SessionOf>, StorageError> {
    let issuers = ended.iter().map(|ended| ended.session.0);
    let issued = session::Entity::find()
        .filter(session::Column::IssuedBy.is_in(issuers))
        .filter(session::Column::Name.is_null());
    for token in sessions(on, issued).await? {
        if ended.iter().all(|known| known.session != token.session) {
            ended.push(token);
        }
    }
    Ok(ended)
}

/// `owner`'s session of that name, if it is theirs.
pub(crate) async fn own(
    on: &impl ConnectionTrait,
    owner: AccountId,
    session: SessionRef,
) -> Result<Vec<SessionOf>, StorageError> {
    sessions(on, of_account(owner).filter(session::Column::Id.eq(session.0))).await
}

/// Whether one of `owner`'s sessions was opened from `address` and is younger in its
/// last use than `cutoff`.
pub(crate) async fn any_from(
    on: &impl ConnectionTrait,
    owner: AccountId,
    address: std::net::IpAddr,
    cutoff: Timestamp,
) -> Result<bool, StorageError> {
    let known = of_account(owner)
        .filter(session::Column::ClientAddress.eq(address.to_string()))
        .filter(session::Column::LastUsedAt.gt(cutoff.0));
    Ok(known.one(on).await?.is_some())
}

fn of_account(owner: AccountId) -> Select<session::Entity> {
    session::Entity::find().filter(session::Column::AccountId.eq(owner.0))
}

async fn sessions(
    on: &impl ConnectionTrait,
    select: Select<session::Entity>,
) -> Result<Vec<SessionOf>, StorageError> {
    Ok(select.all(on).await?.into_iter().map(SessionOf::from).collect())
}

/// A session whose row no other transaction changes or deletes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locked {
    pub(crate) session: SessionOf,
    pub(crate) kind: SessionKind,
    pub(crate) last_used_at: Timestamp,
}

impl From<session::Model> for Locked {
    fn from(row: session::Model) -> Self {
        let (kind, last_used_at) = (kind(row.kind), Timestamp(row.last_used_at));
        Self { session: row.into(), kind, last_used_at }
    }
}

/// Locks those of `wanted` that are still there, as they are now, in the order of their ids:
/// transactions that want the same ones do not wait for each other.
pub(crate) async fn lock(
    on: &impl ConnectionTrait,
    wanted: &[SessionOf],
) -> Result<Vec<Locked>, StorageError> {
    let mut ids: Vec<i64> = wanted.iter().map(|wanted| wanted.session.0).collect();
    ids.sort_unstable();
    let mut locked = Vec::new();
    // As many in one statement as every database takes parameters.
    for ids in ids.chunks(SESSION_BATCH as usize) {
        let rows = session::Entity::find()
            .filter(session::Column::Id.is_in(ids.iter().copied()))
            .order_by_asc(session::Column::Id)
            .lock_exclusive()
            .all(on)
            .await?;
        locked.extend(rows.into_iter().map(Locked::from));
    }
    Ok(locked)
}

/// Deletes exactly `ended`, which are locked.
pub(crate) async fn delete(
    on: &impl ConnectionTrait,
    ended: &[SessionOf],
) -> Result<(), StorageError> {
    for ended in ended.chunks(SESSION_BATCH as usize) {
        let ids = ended.iter().map(|ended| ended.session.0);
        session::Entity::delete_many().filter(session::Column::Id.is_in(ids)).exec(on).await?;
    }
    Ok(())
}

/// Records when sessions were last used, in one statement; a later use that another server
/// has recorded stays. Sessions that are gone stay gone.
pub(crate) async fn record_uses(
    on: &impl ConnectionTrait,
    uses: &[(SessionRef, Timestamp)],
) -> Result<(), StorageError> {
    let last_used = uses.iter().fold(CaseStatement::new(), |case, (session, at)| {
        case.case(Expr::col(session::Column::Id).eq(session.0), at.0)
    });
    let on_record = Expr::col(session::Column::LastUsedAt);
    session::Entity::update_many()
        .col_expr(session::Column::LastUsedAt, Func::greatest([on_record, last_used.into()]).into())
        .filter(session::Column::Id.is_in(uses.iter().map(|(session, _)| session.0)))
        .exec(on)
        .await?;
    Ok(())
}

/// By kind, as the index has it.
fn ahead(of: SessionKind, now: Timestamp) -> Condition {
    Condition::all()
        .add(session::Column::Kind.eq(number(of)))
        .add(session::Column::LastUsedAt.gt(now.plus(MAX_AHEAD).0))
}

/// Whether a last use lies so far ahead of `now` that the clock was wrong.
pub(crate) async fn any_ahead(
    on: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<bool, StorageError> {
    for kind in SessionKind::ALL {
        if session::Entity::find().filter(ahead(kind, now)).one(on).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has what was last used so far ahead of `now` be last used now; how many.
pub(crate) async fn cut_ahead(
    on: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let mut cut = 0;
    for kind in SessionKind::ALL {
        let done = session::Entity::update_many()
            .col_expr(session::Column::LastUsedAt, now.0.into())
            .filter(ahead(kind, now))
            .exec(on)
            .await?;
        cut += done.rows_affected;
    }
    Ok(cut)
}

fn info((session, account): (session::Model, Option<account::Model>)) -> Option<SessionInfo> {
    Some(SessionInfo {
        session: SessionRef(session.id),
        account: AccountId(session.account_id),
        username: account?.username,
        kind: kind(session.kind),
        name: session.name,
        user_agent: session.user_agent,
        address: session.client_address,
        created_at: Timestamp(session.created_at),
        last_used_at: Timestamp(session.last_used_at),
    })
}

fn with_owner() -> SelectTwo<session::Entity, account::Entity> {
    session::Entity::find().find_also_related(account::Entity)
}

/// What there is to know of `owner`'s sessions, last used first.
pub(crate) async fn infos_of(
    on: &impl ConnectionTrait,
    owner: AccountId,
) -> Result<Vec<SessionInfo>, StorageError> {
    let rows = with_owner()
        .filter(session::Column::AccountId.eq(owner.0))
        .order_by_desc(session::Column::LastUsedAt)
        .limit(SESSION_BATCH)
        .all(on)
        .await?;
    Ok(rows.into_iter().filter_map(info).collect())
}

/// What there is to know of one.
pub(crate) async fn info_of(
    on: &impl ConnectionTrait,
    session: SessionRef,
) -> Result<Option<SessionInfo>, StorageError> {
    let row = with_owner().filter(session::Column::Id.eq(session.0)).one(on).await?;
    Ok(row.and_then(info))
}

/// The sessions that `query` asks for.
pub(crate) async fn page(
    on: &impl ConnectionTrait,
    query: &SessionQuery,
) -> Result<Page<SessionInfo>, StorageError> {
    let mut wanted = Condition::all();
    if let Some(text) = query.search.as_deref().filter(|text| !text.is_empty()) {
        let owner = holding(on, text, &[account::Column::Username, account::Column::Email]);
        let own = holding(on, text, &[session::Column::ClientAddress, session::Column::Name]);
        wanted = wanted.add(Condition::any().add(owner).add(own));
    }
    let of_kind = query.kind.map(|kind| session::Column::Kind.eq(number(kind)));
    let of_owner = query.account.map(|owner| session::Column::AccountId.eq(owner.0));
    let select = with_owner().filter(wanted.add_option(of_kind).add_option(of_owner));
    let total = select.clone().count(on).await?;
    let order = if query.descending { Order::Desc } else { Order::Asc };
    let ordered = match query.sort {
        SessionSort::LastUsed => select.order_by(session::Column::LastUsedAt, order.clone()),
        SessionSort::Created => select.order_by(session::Column::CreatedAt, order.clone()),
        SessionSort::Username => select.order_by(account::Column::UsernameFolded, order.clone()),
    };
    let rows = ordered
        .order_by(session::Column::Id, order)
        .offset(query.offset)
        .limit(Ord::min(query.limit, MAX_PAGE))
        .all(on)
        .await?;
    Ok(Page { rows: rows.into_iter().filter_map(info).collect(), total })
}
