//! The history of this crate's table, oldest first. Released steps are never edited.

mod m20261120_153000_mail_queue;

use storage::Migration;

/// What the server puts into its one list of migrations.
pub(crate) fn all() -> Vec<Migration> {
    vec![m20261120_153000_mail_queue::MIGRATION]
}
