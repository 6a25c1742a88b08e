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
    /// As its owner wrote it. Empty for who has none.
    pub email: Option<String>,
    /// In lower case; unique.
    pub email_folded: Option<String>,
    /// When its owner opened the link that was mailed there.
    pub email_confirmed_at: Option<i64>,
    /// PHC string. Empty for who has no password.
    pub password_hash: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub password_changed_at: Option<i64>,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// May use the admin site.
    pub is_staff: bool,
    /// May sign in.
    pub is_active: bool,
    /// Wants the username shown where others are shown by address.
    pub shows_username: bool,
    /// Milliseconds since the Unix epoch.
    pub last_login_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
