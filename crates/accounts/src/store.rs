//! All SQL of this crate: accounts, sessions and tokens, mailed links, the
//! set-up link.
//!
//! Knows rows and hashes, no rules. Nothing here reads or writes a secret in the
//! clear.

pub(crate) mod accounts;
pub(crate) mod entity;
pub(crate) mod links;
pub(crate) mod migrations;
pub(crate) mod sessions;
pub(crate) mod set_up;
pub(crate) mod tables;

use sea_orm::{ColumnTrait, Condition, ConnectionTrait};

/// The most rows of a page.
pub(crate) const MAX_PAGE: u64 = 500;

/// Rows of which one of `columns` holds `text`, in any case.
fn holding<C: ColumnTrait>(on: &impl ConnectionTrait, text: &str, columns: &[C]) -> Condition {
    let holds = |column: &C| storage::contains(on, column.as_column_ref(), text);
    columns.iter().map(holds).fold(Condition::any(), Condition::add)
}
