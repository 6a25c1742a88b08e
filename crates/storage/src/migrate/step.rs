//! A step of a migration: one statement, in the words of each database.

use std::fmt;

use sea_orm::sea_query::{
    ColumnDef, DeleteStatement, IndexCreateStatement, IndexDropStatement, InsertStatement, Table,
    TableCreateStatement, TableDropStatement, UpdateStatement,
};
use sea_orm::{ConnectionTrait, DbErr, StatementBuilder};

use crate::table;

/// A statement of a [`Migration`](crate::Migration): any of sea_query's in the list below, by
/// `.into()`, or [`add_column`].
pub struct Step(Change);

enum Change {
    Table(Box<TableCreateStatement>),
    Column(&'static str, Box<ColumnDef>),
    Schema(Box<dyn StatementBuilder + Send>),
    Rows(Box<dyn StatementBuilder + Send>),
}

/// Adds a column to a table that is there.
#[must_use]
pub fn add_column(table: &'static str, column: ColumnDef) -> Step {
    Step(Change::Column(table, Box::new(column)))
}

impl From<TableCreateStatement> for Step {
    fn from(table: TableCreateStatement) -> Self {
        Self(Change::Table(Box::new(table)))
    }
}

macro_rules! steps {
    ($($statement:ty => $change:ident),* $(,)?) => {
        $(impl From<$statement> for Step {
            fn from(statement: $statement) -> Self {
                Self(Change::$change(Box::new(statement)))
            }
        })*
    };
}

steps! {
    IndexCreateStatement => Schema,
    IndexDropStatement => Schema,
    TableDropStatement => Schema,
    InsertStatement => Rows,
    UpdateStatement => Rows,
    DeleteStatement => Rows,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

impl Step {
    /// Whether it changes rows and not the schema.
    pub(super) fn changes_rows(&self) -> bool {
        matches!(self.0, Change::Rows(_))
    }

    pub(super) async fn run(&self, on: &impl ConnectionTrait) -> Result<(), DbErr> {
        let backend = on.get_database_backend();
        let statement = match &self.0 {
            Change::Table(table) => {
                StatementBuilder::build(&table::adapted(on, table).await?, &backend)
            }
            Change::Column(name, column) => {
                let column = table::bytewise(column, backend);
                let alter = Table::alter().table(*name).add_column(column).to_owned();
                StatementBuilder::build(&alter, &backend)
            }
            Change::Schema(statement) | Change::Rows(statement) => statement.build(&backend),
        };
        on.execute_raw(statement).await.map(drop)
    }
}
