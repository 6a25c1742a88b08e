//! The set-up link, of which there is one at most.

use base::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use storage::StorageError;

use super::entity::setup_link;
use crate::secret::SecretHash;

/// Has the link with `token` be the one there is.
pub(crate) async fn replace(
    on: &impl ConnectionTrait,
    token: SecretHash,
    expires_at: Timestamp,
) -> Result<(), StorageError> {
    setup_link::Entity::delete_many().exec(on).await?;
    let row =
        setup_link::ActiveModel { token_hash: Set(token.to_hex()), expires_at: Set(expires_at.0) };
    setup_link::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// Whether the link with `token` works at `now`.
pub(crate) async fn is_open(
    on: &impl ConnectionTrait,
    token: SecretHash,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let open = setup_link::Column::ExpiresAt.gt(now.0);
    let found = setup_link::Entity::find_by_id(token.to_hex()).filter(open).one(on).await?;
    Ok(found.is_some())
}

/// Deletes the link with `token`, if it works at `now`; whether there was one.
pub(crate) async fn take(
    on: &impl ConnectionTrait,
    token: SecretHash,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let deleted = setup_link::Entity::delete_many()
        .filter(setup_link::Column::TokenHash.eq(token.to_hex()))
        .filter(setup_link::Column::ExpiresAt.gt(now.0))
        .exec(on)
        .await?;
    Ok(deleted.rows_affected == 1)
}
