//! `sessions`: who is signed in, and from where: browsers and API tokens.
#![allow(unreachable_pub, reason = "SeaORM's derive makes what belongs to a model public")]

use sea_orm::entity::prelude::*;

/// A session or an API token. When it ends follows from `kind` and `last_used_at`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Random, below 2^53; not the secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// SHA-256 of the token in hex; unique.
    pub token_hash: String,
    /// Its owner; goes with it.
    pub account_id: i64,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Milliseconds since the Unix epoch; up to a minute behind the truth.
    pub last_used_at: i64,
    /// The address that signed in.
    pub client_address: String,
    /// What the client said it is, at most 200 characters.
    pub user_agent: Option<String>,
    /// 0: a browser's session. 1: an API token.
    pub kind: i16,
    /// What its owner calls a token.
    pub name: Option<String>,
    /// The session that asked for a token; it may be over.
    pub issued_by: Option<i64>,
    /// The owner's row.
    #[sea_orm(belongs_to, from = "account_id", to = "id", on_delete = "Cascade")]
    pub account: BelongsTo<super::account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
