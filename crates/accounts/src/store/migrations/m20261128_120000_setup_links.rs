//! The link by which the first account of staff is made, where every server sees it.

use sea_orm::sea_query::{ColumnDef, Table};
use storage::{Migration, Step};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261128_120000_setup_links", up };

fn up() -> Vec<Step> {
    let links = Table::create()
        .table("setup_links")
        .col(ColumnDef::new("token_hash").string_len(64).not_null().primary_key())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .to_owned();
    vec![links.into()]
}
