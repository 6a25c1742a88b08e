//! Sessions, found by token, by owner and by how long they were not used.

use sea_orm::sea_query::{ColumnDef, ForeignKey, ForeignKeyAction, Index, Table};
use storage::{Migration, Step};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261120_100100_sessions", up };

fn up() -> Vec<Step> {
    let sessions = Table::create()
        .table("sessions")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("token_hash").string_len(64).not_null().unique_key())
        .col(ColumnDef::new("account_id").big_integer().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("last_used_at").big_integer().not_null())
        .col(ColumnDef::new("client_address").string_len(45).not_null())
        .col(ColumnDef::new("user_agent").string_len(200).null())
        .foreign_key(
            ForeignKey::create()
                .name("sessions_account")
                .from("sessions", "account_id")
                .to("accounts", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    let by_last_use = Index::create()
        .name("sessions_by_last_use")
        .table("sessions")
        .col("last_used_at")
        .to_owned();
    let by_account = Index::create()
        .name("sessions_by_account")
        .table("sessions")
        .col("account_id")
        .col("last_used_at")
        .to_owned();
    vec![sessions.into(), by_last_use.into(), by_account.into()]
}
