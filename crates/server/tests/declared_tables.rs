//! What is declared for export is what there is: a column that were forgotten there would be
//! missing in every database that is imported.

use base::SystemClock;
use storage::{ColumnKind, Database, ExportTable, Source};
use testdb::TestDatabase;

/// Tables of storage's own: made anew with each database.
const NOT_EXPORTED: &[&str] = &["migrations", "write_probe"];

#[tokio::test]
async fn every_table_and_every_column_is_declared() {
    let at = TestDatabase::sqlite();
    let database = Database::connect(at.url()).await.expect("a database");
    database.migrate(&server::migrations(), &SystemClock::new()).await.expect("migrated");
    database.close().await.expect("closed");
    let declared = server::tables();
    let mut names: Vec<_> = declared.iter().map(|table| table.name).collect();
    names.extend(NOT_EXPORTED);
    names.sort_unstable();
    assert_eq!(at.tables(), names);
    for table in &declared {
        let name = table.name;
        let mut columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| {
                let optional = if column.nullable { " or nothing" } else { "" };
                format!("{} {}{optional}", column.name, sqlite_type(column.kind))
            })
            .collect();
        columns.sort();
        let found = format!(
            "SELECT name || ' ' || lower(CASE WHEN type LIKE 'varchar%' THEN 'text' ELSE type END) \
             || CASE WHEN \"notnull\" THEN '' ELSE ' or nothing' END \
             FROM pragma_table_info('{name}') ORDER BY 1"
        );
        assert_eq!(columns, at.texts(&found), "{name}");
        let key = format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk");
        assert_eq!(at.texts(&key), table.key, "{name}");
        assert_is_made_well(table);
        let parents = format!("SELECT \"table\" FROM pragma_foreign_key_list('{name}')");
        for parent in at.texts(&parents) {
            let place = |name: &str| declared.iter().position(|table| table.name == name);
            assert!(place(&parent) < place(name), "{parent} comes before {name}");
        }
    }
}

/// SQLite has one width of integers from 32 bits on; a wrong one is refused by the others when
/// a value is read.
fn sqlite_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::BigInteger | ColumnKind::Integer => "integer",
        ColumnKind::SmallInteger => "smallint",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Text => "text",
    }
}

/// Text alone is made anew, and no key.
fn assert_is_made_well(table: &ExportTable) {
    for column in table.columns {
        if matches!(column.source, Source::MadeAnew(_)) {
            assert_eq!(column.kind, ColumnKind::Text, "{}.{}", table.name, column.name);
            assert!(!table.key.contains(&column.name), "{}.{}", table.name, column.name);
        }
    }
}
