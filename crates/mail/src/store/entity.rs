//! `mail_queue`: mails that wait, left, or were given up.
#![allow(unreachable_pub, reason = "SeaORM's derive makes what belongs to a model public")]

use sea_orm::entity::prelude::*;

/// A mail. The bodies of one that has left are empty.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_queue")]
pub struct Model {
    /// Random, below 2^53.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The template's name.
    pub kind: String,
    /// The address.
    pub recipient: String,
    /// What counts as the same mailbox for the limit.
    pub mailbox: String,
    /// One line.
    pub subject: String,
    /// Empty once it has left: it may hold a link as good as a password.
    #[sea_orm(column_type = "Text")]
    pub text_body: String,
    /// The same.
    #[sea_orm(column_type = "Text")]
    pub html_body: String,
    /// `queued`, `sent` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it is due while queued; while it is being tried, when it is due again in case
    /// its outcome is never recorded.
    pub next_attempt_at: i64,
    /// No attempt after this.
    pub give_up_at: i64,
    /// When it left or was given up.
    pub finished_at: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
