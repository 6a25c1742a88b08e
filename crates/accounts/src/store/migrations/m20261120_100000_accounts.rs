//! People, and the hashes of their access keys.

use sea_orm::sea_query::{ColumnDef, Table};
use storage::{Migration, Step};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261120_100000_accounts", up };

fn up() -> Vec<Step> {
    let accounts = Table::create()
        .table("accounts")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("username").string_len(32).not_null())
        .col(ColumnDef::new("username_folded").string_len(32).not_null().unique_key())
        // Not every kind of credential is a key, and SQLite cannot take back a
        // NOT NULL later.
        .col(ColumnDef::new("key_hash").string_len(64).null().unique_key())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .to_owned();
    vec![accounts.into()]
}
