//! `mailed_links`: what was mailed and works once.
#![allow(unreachable_pub, reason = "SeaORM's derive makes what belongs to a model public")]

use sea_orm::entity::prelude::*;

/// A link. It is gone once used, and counts for nothing once expired.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mailed_links")]
pub struct Model {
    /// SHA-256 of the link's secret in hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// Whose; goes with it.
    pub account_id: i64,
    /// 1: set a new password. 2: confirm an address. 3: was a 2 and is void.
    pub purpose: i16,
    /// The address that it was mailed to.
    pub email: String,
    /// Milliseconds since the Unix epoch.
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
