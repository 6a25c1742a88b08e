//! The history of this crate's tables, oldest first. Released steps are never
//! edited.

mod m20261120_100000_accounts;
mod m20261120_100100_sessions;
mod m20261120_150000_credentials;
mod m20261120_150100_tokens;
mod m20261120_150200_mailed_links;
mod m20261128_120000_setup_links;

use storage::Migration;

/// What the server puts into its one list of migrations.
pub(crate) fn all() -> Vec<Migration> {
    vec![
        m20261120_100000_accounts::MIGRATION,
        m20261120_100100_sessions::MIGRATION,
        m20261120_150000_credentials::MIGRATION,
        m20261120_150100_tokens::MIGRATION,
        m20261120_150200_mailed_links::MIGRATION,
        m20261128_120000_setup_links::MIGRATION,
    ]
}
