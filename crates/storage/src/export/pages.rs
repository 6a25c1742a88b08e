//! A table read in the order of its primary key, a page at a time: each page is a walk along
//! the key's index from where the last one ended, in every kind of database.

use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, Value};
use sea_orm::{ConnectionTrait, DbErr, Order, QueryResult};

use super::{ColumnKind, ExportColumn, ExportTable};

/// Rows of a page.
const PAGE: u64 = 1_000;

/// Where the reading of a table has come to.
pub(crate) struct Pages {
    table: ExportTable,
    columns: Vec<&'static ExportColumn>,
    /// The key of the last row.
    last: Option<Vec<Value>>,
    /// How many of the key's columns are the same as in the last row: the next page has the
    /// rows with those the same and a greater value in the one after them. `(a, b) > (x, y)`
    /// says it in one condition, and has MariaDB read the table from its start each time.
    same: usize,
    is_done: bool,
}

impl Pages {
    /// The rows of `table`, with the values of `columns` in this order.
    pub(crate) fn new(table: ExportTable, columns: Vec<&'static ExportColumn>) -> Self {
        Self { table, columns, last: None, same: 0, is_done: false }
    }

    /// The next rows; `None` after the last. A page may have none.
    pub(crate) async fn next(
        &mut self,
        on: &impl ConnectionTrait,
    ) -> Result<Option<Vec<QueryResult>>, DbErr> {
        if self.is_done {
            return Ok(None);
        }
        let rows = on.query_all(&self.query()).await?;
        if let Some(row) = rows.last() {
            self.last = Some(self.key_of(row)?);
        }
        if rows.len() as u64 == PAGE {
            self.same = self.table.key.len() - 1;
        } else if self.same == 0 {
            self.is_done = true;
        } else {
            self.same -= 1;
        }
        Ok(Some(rows))
    }

    fn query(&self) -> sea_orm::sea_query::SelectStatement {
        let key = self.table.key;
        let mut query = Query::select();
        // The key comes last: what is asked for stands at its own index.
        query.columns(self.columns.iter().map(|column| column.name)).from(self.table.name);
        query.exprs(key.iter().map(|name| Expr::col(*name)));
        if let Some(last) = &self.last {
            let same = key.iter().zip(last).take(self.same);
            let same = same.map(|(name, value)| Expr::col(*name).eq(value.clone()));
            let after = Expr::col(key[self.same]).gt(last[self.same].clone());
            query.cond_where(same.fold(Condition::all(), Condition::add).add(after));
        }
        for name in key {
            query.order_by(*name, Order::Asc);
        }
        query.limit(PAGE).to_owned()
    }

    /// The values of the primary key of a row of a page.
    pub(crate) fn key_of(&self, row: &QueryResult) -> Result<Vec<Value>, DbErr> {
        let value = |(offset, name): (usize, &&str)| {
            let index = self.columns.len() + offset;
            let column = self.table.column(name);
            let kind = column.ok_or_else(|| DbErr::Custom(format!("{name} is not declared")))?.kind;
            Ok(match kind {
                ColumnKind::BigInteger => row.try_get_by_index::<i64>(index)?.into(),
                ColumnKind::Integer => row.try_get_by_index::<i32>(index)?.into(),
                ColumnKind::SmallInteger => row.try_get_by_index::<i16>(index)?.into(),
                ColumnKind::Boolean => row.try_get_by_index::<bool>(index)?.into(),
                ColumnKind::Text => row.try_get_by_index::<String>(index)?.into(),
            })
        };
        self.table.key.iter().enumerate().map(value).collect()
    }
}
