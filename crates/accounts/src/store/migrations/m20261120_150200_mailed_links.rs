//! Links that were mailed and work once.

use sea_orm::sea_query::{ColumnDef, ForeignKey, ForeignKeyAction, Index, Table};
use storage::{Migration, Step};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261120_150200_mailed_links", up };

fn up() -> Vec<Step> {
    let links = Table::create()
        .table("mailed_links")
        .col(ColumnDef::new("token_hash").string_len(64).not_null().primary_key())
        .col(ColumnDef::new("account_id").big_integer().not_null())
        .col(ColumnDef::new("purpose").small_integer().not_null())
        .col(ColumnDef::new("email").string_len(254).not_null())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .name("mailed_links_account")
                .from("mailed_links", "account_id")
                .to("accounts", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    let by_account = Index::create()
        .name("mailed_links_by_account")
        .table("mailed_links")
        .col("account_id")
        .col("purpose")
        .to_owned();
    let by_expiry = Index::create()
        .name("mailed_links_by_expiry")
        .table("mailed_links")
        .col("expires_at")
        .to_owned();
    vec![links.into(), by_account.into(), by_expiry.into()]
}
