//! People, and what they sign in with.

use base::{AccountId, Timestamp};
use sea_orm::sea_query::NullOrdering;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use storage::StorageError;

use super::entity::account;
use super::{MAX_PAGE, holding};
use crate::administration::{AccountQuery, AccountSort, Page};
use crate::profile::Profile;
use crate::secret::SecretHash;
use crate::{EmailAddress, Username};

/// A person with the hashes of their credentials.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) profile: Profile,
    pub(crate) key_hash: Option<String>,
    pub(crate) password_hash: Option<String>,
}

impl From<account::Model> for Person {
    fn from(row: account::Model) -> Self {
        let profile = Profile {
            account: AccountId(row.id),
            username: row.username,
            email: row.email,
            email_confirmed: row.email_confirmed_at.is_some(),
            first_name: row.first_name,
            last_name: row.last_name,
            shows_username: row.shows_username,
            is_staff: row.is_staff,
            is_active: row.is_active,
            has_key: row.key_hash.is_some(),
            has_password: row.password_hash.is_some(),
            created_at: Timestamp(row.created_at),
            last_login_at: row.last_login_at.map(Timestamp),
            password_changed_at: row.password_changed_at.map(Timestamp),
        };
        Self { profile, key_hash: row.key_hash, password_hash: row.password_hash }
    }
}

/// By what an account is found. Each belongs to one at most.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    Id(AccountId),
    Username(&'a Username),
    Email(&'a EmailAddress),
    Key(SecretHash),
}

/// What a new account starts with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registration {
    pub(crate) email: Option<EmailAddress>,
    pub(crate) email_confirmed_at: Option<Timestamp>,
    pub(crate) password_hash: Option<String>,
    pub(crate) key: Option<SecretHash>,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) is_staff: bool,
}

/// What is to be another; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) username: Option<Username>,
    pub(crate) email: Option<Option<EmailAddress>>,
    pub(crate) email_confirmed_at: Option<Option<Timestamp>>,
    pub(crate) password_hash: Option<String>,
    pub(crate) password_changed_at: Option<Timestamp>,
    pub(crate) key: Option<Option<SecretHash>>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) shows_username: Option<bool>,
    pub(crate) is_staff: Option<bool>,
    pub(crate) is_active: Option<bool>,
    pub(crate) last_login_at: Option<Timestamp>,
}

/// Adds an account. A unique violation means that the username or the address is
/// taken: the other unique columns are random and do not repeat.
pub(crate) async fn insert(
    on: &impl ConnectionTrait,
    account: AccountId,
    username: &Username,
    registration: &Registration,
    now: Timestamp,
) -> Result<(), StorageError> {
    let row = account::ActiveModel {
        id: Set(account.0),
        username: Set(username.as_str().to_owned()),
        username_folded: Set(username.folded()),
        key_hash: Set(registration.key.map(SecretHash::to_hex)),
        created_at: Set(now.0),
        email: Set(registration.email.as_ref().map(|email| email.as_str().to_owned())),
        email_folded: Set(registration.email.as_ref().map(EmailAddress::folded)),
        email_confirmed_at: Set(registration.email_confirmed_at.map(|at| at.0)),
        password_hash: Set(registration.password_hash.clone()),
        password_changed_at: Set(registration.password_hash.as_ref().map(|_| now.0)),
        first_name: Set(registration.first_name.clone()),
        last_name: Set(registration.last_name.clone()),
        is_staff: Set(registration.is_staff),
        is_active: Set(true),
        shows_username: Set(false),
        last_login_at: Set(None),
    };
    account::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// Who that is.
pub(crate) async fn find(
    on: &impl ConnectionTrait,
    by: By<'_>,
) -> Result<Option<Person>, StorageError> {
    let matches = match by {
        By::Id(account) => account::Column::Id.eq(account.0),
        By::Username(username) => account::Column::UsernameFolded.eq(username.folded()),
        By::Email(email) => account::Column::EmailFolded.eq(email.folded()),
        By::Key(key) => account::Column::KeyHash.eq(key.to_hex()),
    };
    let row = account::Entity::find().filter(matches).one(on).await?;
    Ok(row.map(Person::from))
}

/// The account, whose row no other transaction changes until the transaction ends.
pub(crate) async fn lock(
    on: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Person>, StorageError> {
    let row = account::Entity::find_by_id(account.0).lock_exclusive().one(on).await?;
    Ok(row.map(Person::from))
}

/// The same for several, in the order of their ids, so that transactions that want the same
/// ones do not wait for each other.
pub(crate) async fn lock_all(
    on: &impl ConnectionTrait,
    wanted: impl IntoIterator<Item = AccountId>,
) -> Result<(), StorageError> {
    let ids = wanted.into_iter().map(|account| account.0);
    account::Entity::find()
        .select_only()
        .column(account::Column::Id)
        .filter(account::Column::Id.is_in(ids))
        .order_by_asc(account::Column::Id)
        .lock_exclusive()
        .into_tuple::<i64>()
        .all(on)
        .await?;
    Ok(())
}

/// Changes an account that exists. Unique violations are as for [`insert`].
pub(crate) async fn change(
    on: &impl ConnectionTrait,
    account: AccountId,
    changes: Changes,
) -> Result<(), StorageError> {
    fn set<V: Into<sea_orm::Value>>(value: Option<V>) -> sea_orm::ActiveValue<V> {
        value.map_or(NotSet, Set)
    }
    let millis = |at: Timestamp| Some(at.0);
    let email = changes.email.as_ref();
    let row = account::ActiveModel {
        username: set(changes.username.as_ref().map(|name| name.as_str().to_owned())),
        username_folded: set(changes.username.as_ref().map(Username::folded)),
        email: set(email.map(|email| email.as_ref().map(|email| email.as_str().to_owned()))),
        email_folded: set(email.map(|email| email.as_ref().map(EmailAddress::folded))),
        email_confirmed_at: set(changes.email_confirmed_at.map(|at| at.and_then(millis))),
        password_hash: set(changes.password_hash.map(Some)),
        password_changed_at: set(changes.password_changed_at.map(millis)),
        key_hash: set(changes.key.map(|key| key.map(SecretHash::to_hex))),
        first_name: set(changes.first_name),
        last_name: set(changes.last_name),
        shows_username: set(changes.shows_username),
        is_staff: set(changes.is_staff),
        is_active: set(changes.is_active),
        last_login_at: set(changes.last_login_at.map(millis)),
        ..Default::default()
    };
    if row.is_changed() {
        let matches = account::Column::Id.eq(account.0);
        account::Entity::update_many().set(row).filter(matches).exec(on).await?;
    }
    Ok(())
}

/// Deletes an account and, by the foreign keys, its sessions and links.
pub(crate) async fn delete(
    on: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StorageError> {
    account::Entity::delete_by_id(account.0).exec(on).await?;
    Ok(())
}

/// How many active accounts of staff there are besides `others`.
pub(crate) async fn staff_besides(
    on: &impl ConnectionTrait,
    others: &[AccountId],
) -> Result<u64, StorageError> {
    let staff = account::Entity::find()
        .filter(account::Column::IsStaff.eq(true))
        .filter(account::Column::IsActive.eq(true))
        .filter(account::Column::Id.is_not_in(others.iter().map(|account| account.0)));
    Ok(staff.count(on).await?)
}

/// The accounts that `query` asks for.
pub(crate) async fn page(
    on: &impl ConnectionTrait,
    query: &AccountQuery,
) -> Result<Page<Profile>, StorageError> {
    use account::Column;
    let mut wanted = Condition::all();
    if let Some(text) = query.search.as_deref().filter(|text| !text.is_empty()) {
        let columns = [Column::Username, Column::Email, Column::FirstName, Column::LastName];
        wanted = wanted.add(holding(on, text, &columns));
    }
    wanted = wanted.add_option(query.staff.map(|staff| Column::IsStaff.eq(staff)));
    wanted = wanted.add_option(query.active.map(|active| Column::IsActive.eq(active)));
    let column = match query.sort {
        AccountSort::Created => Column::CreatedAt,
        AccountSort::Username => Column::UsernameFolded,
        AccountSort::Email => Column::EmailFolded,
        AccountSort::LastLogin => Column::LastLoginAt,
    };
    let order = if query.descending { Order::Desc } else { Order::Asc };
    // An account that has no address, or was never signed in to, counts as the least.
    let nulls = if query.descending { NullOrdering::Last } else { NullOrdering::First };
    let select = account::Entity::find().filter(wanted);
    let total = select.clone().count(on).await?;
    let rows = select
        .order_by_with_nulls(column, order.clone(), nulls)
        .order_by(Column::Id, order)
        .offset(query.offset)
        .limit(Ord::min(query.limit, MAX_PAGE))
        .all(on)
        .await?;
    let rows = rows.into_iter().map(|row| Person::from(row).profile).collect();
    Ok(Page { rows, total })
}
