//! The second kind of credential, email and password, and what goes with a person.

use sea_orm::sea_query::{ColumnDef, Index};
use storage::{Migration, Step, add_column};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261120_150000_credentials", up };

fn up() -> Vec<Step> {
    let columns = [
        ColumnDef::new("email").string_len(254).null().to_owned(),
        ColumnDef::new("email_folded").string_len(254).null().to_owned(),
        ColumnDef::new("email_confirmed_at").big_integer().null().to_owned(),
        // A PHC string of ours has 97 characters; other parameters, other lengths.
        ColumnDef::new("password_hash").string_len(255).null().to_owned(),
        ColumnDef::new("password_changed_at").big_integer().null().to_owned(),
        ColumnDef::new("first_name").string_len(150).not_null().default("").to_owned(),
        ColumnDef::new("last_name").string_len(150).not_null().default("").to_owned(),
        ColumnDef::new("is_staff").boolean().not_null().default(false).to_owned(),
        ColumnDef::new("is_active").boolean().not_null().default(true).to_owned(),
        ColumnDef::new("shows_username").boolean().not_null().default(false).to_owned(),
        ColumnDef::new("last_login_at").big_integer().null().to_owned(),
    ];
    // SQLite adds one column a statement.
    let mut steps: Vec<Step> =
        columns.into_iter().map(|column| add_column("accounts", column)).collect();
    // And a column that is added cannot be unique by itself there.
    let unique = Index::create()
        .name("accounts_email_folded")
        .table("accounts")
        .col("email_folded")
        .unique()
        .to_owned();
    let by_age =
        Index::create().name("accounts_by_age").table("accounts").col("created_at").to_owned();
    steps.extend([unique.into(), by_age.into()]);
    steps
}
