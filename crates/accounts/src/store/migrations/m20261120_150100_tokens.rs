//! API tokens beside browser sessions, in one table.

use sea_orm::sea_query::{ColumnDef, Index};
use storage::{Migration, Step, add_column};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261120_150100_tokens", up };

fn up() -> Vec<Step> {
    let columns = [
        // 0: a browser's session, as all were so far. 1: an API token.
        ColumnDef::new("kind").small_integer().not_null().default(0).to_owned(),
        ColumnDef::new("name").string_len(64).null().to_owned(),
        ColumnDef::new("issued_by").big_integer().null().to_owned(),
    ];
    let mut steps: Vec<Step> =
        columns.into_iter().map(|column| add_column("sessions", column)).collect();
    // Looked at every few seconds for what ran out, by kind because each has its own
    // time; the older index without the kind is of no use any more.
    let by_kind_and_use = Index::create()
        .name("sessions_by_kind_and_use")
        .table("sessions")
        .col("kind")
        .col("last_used_at")
        .to_owned();
    let old = Index::drop().name("sessions_by_last_use").table("sessions").to_owned();
    steps.extend([by_kind_and_use.into(), old.into()]);
    steps
}
