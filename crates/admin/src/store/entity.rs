//! The rows of `audit_log`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub(crate) struct Model {
    /// Rises with every entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub at: i64,
    /// An account; no foreign key: entries outlive the account.
    pub account_id: Option<i64>,
    /// Its name then.
    pub who: String,
    pub action: String,
    pub model: String,
    pub object_id: String,
    /// The object's name then.
    pub name: String,
    /// `begun`, `done`, `refused` or `failed`.
    pub outcome: String,
    pub reason: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub before_json: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub after_json: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
