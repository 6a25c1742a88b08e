//! The history of this crate's tables, oldest first. Released steps are never
//! edited.

mod m20261120_100000_accounts;
mod m20261120_100100_sessions;

use storage::Migration;

/// What the server puts into its one list of migrations.
pub(crate) fn all() -> Vec<Migration> {
    vec![m20261120_100000_accounts::MIGRATION, m20261120_100100_sessions::MIGRATION]
}
