//! What lists of a growing table need: counting that ends. Search:
//! [`contains`](crate::contains).

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, Query, SelectStatement};

use crate::StorageError;

/// How many rows `select` has, counting no further than `cap`: what a page says of a
/// table must not take longer because the table is long. Its columns and order do not
/// matter; it has no limit of its own.
///
/// # Errors
/// [`StorageError::Database`] if the database fails.
pub async fn count_up_to(
    on: &impl ConnectionTrait,
    select: SelectStatement,
    cap: u64,
) -> Result<u64, StorageError> {
    let mut rows = select;
    rows.clear_selects().clear_order_by().expr_as(Expr::val(1), "counted").limit(cap);
    let count = Query::select()
        .expr_as(Expr::cust("COUNT(*)"), "total")
        .from_subquery(rows, "counted_rows")
        .to_owned();
    let row = on.query_one(&count).await?;
    let total = row.map(|row| row.try_get::<i64>("", "total")).transpose()?;
    Ok(u64::try_from(total.unwrap_or_default()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Migration, Step};
    use base::{ManualClock, Timestamp};
    use sea_orm::sea_query::{ColumnDef, Table};

    fn words() -> Vec<Step> {
        let word = ColumnDef::new("word").string_len(16).not_null().to_owned();
        let table = Table::create().table("words").col(word).to_owned();
        let mut rows = Query::insert().into_table("words").columns(["word"]).to_owned();
        for word in ["50%", "500", "a_b", "axb", "a\\b"] {
            rows.values_panic([word.into()]);
        }
        vec![table.into(), rows.into()]
    }

    async fn count(text: &str, cap: u64) -> u64 {
        let db = Database::connect("sqlite::memory:").await.unwrap();
        let migration = Migration { name: "m20261120_000000_words", up: words };
        db.migrate(&[migration], &ManualClock::new(Timestamp(0))).await.unwrap();
        let select = Query::select()
            .column("word")
            .from("words")
            .and_where(crate::contains(db.reader(), "word", text))
            .to_owned();
        count_up_to(db.reader(), select, cap).await.unwrap()
    }

    #[tokio::test]
    async fn wildcards_are_taken_literally() {
        assert_eq!(count("50", 9).await, 2);
        assert_eq!(count("%", 9).await, 1);
        assert_eq!(count("a_b", 9).await, 1);
        assert_eq!(count("\\", 9).await, 1);
    }

    #[tokio::test]
    async fn counting_ends_at_the_cap() {
        assert_eq!(count("", 9).await, 5);
        assert_eq!(count("", 3).await, 3);
    }
}
