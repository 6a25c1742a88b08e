//! `setup_links`: by what the first account of staff can be made.
#![allow(unreachable_pub, reason = "SeaORM's derive makes what belongs to a model public")]

use sea_orm::entity::prelude::*;

/// The link that was given out last.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setup_links")]
pub struct Model {
    /// Of its secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// Milliseconds since the Unix epoch.
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
