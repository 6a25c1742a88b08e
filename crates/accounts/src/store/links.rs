//! Links that were mailed and work once.

use base::{AccountId, MAX_AHEAD, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter,
};
use storage::StorageError;

use super::entity::mailed_link;
use crate::EmailAddress;
use crate::link::Purpose;
use crate::secret::SecretHash;

/// A link that is still open.
#[derive(Clone, Debug)]
pub(crate) struct OpenLink {
    pub(crate) account: AccountId,
    /// The address that it was mailed to.
    pub(crate) email: String,
}

/// A link to confirm an address that need not be confirmed any more: it works for
/// nothing, but it was mailed, and counts as such until it would have expired.
const VOID: i16 = 3;

fn number(purpose: Purpose) -> i16 {
    match purpose {
        Purpose::ResetPassword => 1,
        Purpose::ConfirmAddress => 2,
    }
}

/// Adds a link.
pub(crate) async fn insert(
    on: &impl ConnectionTrait,
    token: SecretHash,
    purpose: Purpose,
    account: AccountId,
    email: &EmailAddress,
    expires_at: Timestamp,
) -> Result<(), StorageError> {
    let row = mailed_link::ActiveModel {
        token_hash: Set(token.to_hex()),
        account_id: Set(account.0),
        purpose: Set(number(purpose)),
        email: Set(email.as_str().to_owned()),
        expires_at: Set(expires_at.0),
    };
    mailed_link::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// The link with `token`, if it was made for `purpose` and is open at `now`.
pub(crate) async fn find(
    on: &impl ConnectionTrait,
    token: SecretHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<OpenLink>, StorageError> {
    let row = mailed_link::Entity::find_by_id(token.to_hex())
        .filter(mailed_link::Column::Purpose.eq(number(purpose)))
        .filter(mailed_link::Column::ExpiresAt.gt(now.0))
        .one(on)
        .await?;
    Ok(row.map(|row| OpenLink { account: AccountId(row.account_id), email: row.email }))
}

/// Deletes the link with `token`, if it was made for `purpose` and is open at `now`; whether
/// there was one. Of those that use a link at once, one is told that there was.
pub(crate) async fn take(
    on: &impl ConnectionTrait,
    token: SecretHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let deleted = mailed_link::Entity::delete_many()
        .filter(mailed_link::Column::TokenHash.eq(token.to_hex()))
        .filter(mailed_link::Column::Purpose.eq(number(purpose)))
        .filter(mailed_link::Column::ExpiresAt.gt(now.0))
        .exec(on)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// How many links of `purpose` are open for `account`, or were and are void.
pub(crate) async fn count(
    on: &impl ConnectionTrait,
    account: AccountId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let numbers = [number(purpose), VOID];
    let numbers = if purpose == Purpose::ConfirmAddress { &numbers[..] } else { &numbers[..1] };
    let open = mailed_link::Entity::find()
        .filter(mailed_link::Column::AccountId.eq(account.0))
        .filter(mailed_link::Column::Purpose.is_in(numbers.iter().copied()))
        .filter(mailed_link::Column::ExpiresAt.gt(now.0));
    Ok(open.count(on).await?)
}

/// Deletes the links of `account` for `purpose`.
pub(crate) async fn delete_of(
    on: &impl ConnectionTrait,
    account: AccountId,
    purpose: Purpose,
) -> Result<(), StorageError> {
    mailed_link::Entity::delete_many()
        .filter(mailed_link::Column::AccountId.eq(account.0))
        .filter(mailed_link::Column::Purpose.eq(number(purpose)))
        .exec(on)
        .await?;
    Ok(())
}

/// Makes every link of `account` that was mailed so far work for nothing.
pub(crate) async fn revoke(
    on: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StorageError> {
    delete_of(on, account, Purpose::ResetPassword).await?;
    void_confirmations(on, account).await
}

/// Voids the links of `account` to confirm an address.
async fn void_confirmations(
    on: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StorageError> {
    mailed_link::Entity::update_many()
        .col_expr(mailed_link::Column::Purpose, VOID.into())
        .filter(mailed_link::Column::AccountId.eq(account.0))
        .filter(mailed_link::Column::Purpose.eq(number(Purpose::ConfirmAddress)))
        .exec(on)
        .await?;
    Ok(())
}

/// When the last link of `purpose` that was made by `now` has expired.
fn latest(purpose: Purpose, now: Timestamp) -> Timestamp {
    now.plus(purpose.life()).plus(MAX_AHEAD)
}

/// What links are stored as, and the purpose whose life such a link has.
fn kinds() -> [(i16, Purpose); 3] {
    let (reset, confirm) = (Purpose::ResetPassword, Purpose::ConfirmAddress);
    [(number(reset), reset), (number(confirm), confirm), (VOID, confirm)]
}

/// Whether any link lives longer than one that is made `now`.
pub(crate) async fn any_outliving(
    on: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<bool, StorageError> {
    // The shortest life first: mostly there is no link that lives as long, and one look
    // at the end of the index is all.
    let shortest = mailed_link::Column::ExpiresAt.gt(latest(Purpose::ResetPassword, now).0);
    if mailed_link::Entity::find().filter(shortest).one(on).await?.is_none() {
        return Ok(false);
    }
    let any = kinds()
        .into_iter()
        .fold(Condition::any(), |any, (number, purpose)| any.add(outliving(number, purpose, now)));
    Ok(mailed_link::Entity::find().filter(any).one(on).await?.is_some())
}

fn outliving(number: i16, purpose: Purpose, now: Timestamp) -> Condition {
    Condition::all()
        .add(mailed_link::Column::Purpose.eq(number))
        .add(mailed_link::Column::ExpiresAt.gt(latest(purpose, now).0))
}

/// Has links that live longer than one that is made `now` live no longer; how many.
pub(crate) async fn cut_outliving(
    on: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let mut cut = 0;
    for (number, purpose) in kinds() {
        let done = mailed_link::Entity::update_many()
            .col_expr(mailed_link::Column::ExpiresAt, now.plus(purpose.life()).0.into())
            .filter(outliving(number, purpose, now))
            .exec(on)
            .await?;
        cut += done.rows_affected;
    }
    Ok(cut)
}

/// Whether any link has expired at `now`.
pub(crate) async fn any_expired(
    on: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let expired = mailed_link::Column::ExpiresAt.lte(now.0);
    Ok(mailed_link::Entity::find().filter(expired).one(on).await?.is_some())
}

/// Deletes what has expired at `now`.
pub(crate) async fn delete_expired(
    on: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<(), StorageError> {
    let expired = mailed_link::Column::ExpiresAt.lte(now.0);
    mailed_link::Entity::delete_many().filter(expired).exec(on).await?;
    Ok(())
}
