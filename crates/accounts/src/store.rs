//! All SQL of this crate: accounts, sessions and tokens, mailed links.
//!
//! Knows rows and hashes, no rules. Nothing here reads or writes a secret in the
//! clear.

pub(crate) mod accounts;
pub(crate) mod entity;
pub(crate) mod links;
pub(crate) mod migrations;
pub(crate) mod sessions;

use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr};
use sea_orm::{ColumnTrait, Condition};

/// The most rows of a page.
pub(crate) const MAX_PAGE: u64 = 500;

/// Rows of which one of `columns` holds `text`, in any case.
fn holding<C: ColumnTrait>(text: &str, columns: &[C]) -> Condition {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        // What means something in a pattern means itself here.
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    let holds = |column: &C| {
        let like = LikeExpr::new(pattern.clone()).escape('!');
        Expr::expr(Func::lower(Expr::col(column.as_column_ref()))).like(like)
    };
    columns.iter().map(holds).fold(Condition::any(), Condition::add)
}
