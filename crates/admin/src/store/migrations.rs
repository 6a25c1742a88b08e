//! The history of the audit log's table. An applied migration is never edited.

use sea_orm::sea_query::{ColumnDef, Index, Table};
use storage::{Migration, Step};

/// The audit log's migrations, for the server's one list.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    vec![Migration { name: "m20261120_150400_audit_log", up: audit_log }]
}

fn audit_log() -> Vec<Step> {
    let log = Table::create()
        .table("audit_log")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("at").big_integer().not_null())
        .col(ColumnDef::new("account_id").big_integer().null())
        .col(ColumnDef::new("who").string_len(200).not_null())
        .col(ColumnDef::new("action").string_len(64).not_null())
        .col(ColumnDef::new("model").string_len(64).not_null())
        .col(ColumnDef::new("object_id").string_len(64).not_null())
        .col(ColumnDef::new("name").string_len(200).not_null())
        .col(ColumnDef::new("outcome").string_len(16).not_null())
        .col(ColumnDef::new("reason").string_len(300).null())
        .col(ColumnDef::new("before_json").text().null())
        .col(ColumnDef::new("after_json").text().null())
        .to_owned();
    let of_object = Index::create()
        .name("audit_log_of_object")
        .table("audit_log")
        .col("model")
        .col("object_id")
        .col("id")
        .to_owned();
    vec![log.into(), of_object.into()]
}
