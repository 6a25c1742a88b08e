//! `accounts`: people.
#![allow(unreachable_pub, reason = "SeaORM's derive makes what belongs to a model public")]

use sea_orm::entity::prelude::*;

/// A person.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    /// Random, below 2^53.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// As its owner spelled it.
    pub username: String,
    /// In lower case; unique.
    pub username_folded: String,
    /// SHA-256 of the access key in hex; unique. Empty for who has no key.
    pub key_hash: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
