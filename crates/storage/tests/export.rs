//! Exports over versions of a schema, and of tables that are longer than a page.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::collections::HashSet;
use std::path::Path;

use base::{ManualClock, OsRandom, Random, Timestamp};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Index, Query, Table};
use sea_orm::{ConnectionTrait, DbBackend, Statement, TryGetable};
use storage::{
    Database, ExportColumn, ExportError, ExportTable, Import, ImportedTable, Migration, Step,
    StorageError, Unseen, add_column, check_export, export, import,
};
use tempfile::TempDir;

const FIRST: Migration = Migration { name: "m1_things", up: things };
const SECOND: Migration = Migration { name: "m2_sizes", up: sizes };

const THINGS: ExportTable = ExportTable::new(
    "things",
    &["place", "id"],
    &[
        ExportColumn::text("place"),
        ExportColumn::big_integer("id"),
        ExportColumn::text("epoch").made_anew(epoch),
    ],
);

/// The same table, of the version after it.
const SIZED: ExportTable = ExportTable::new(
    "things",
    &["place", "id"],
    &[
        ExportColumn::text("place"),
        ExportColumn::big_integer("id"),
        ExportColumn::text("epoch").made_anew(epoch),
        ExportColumn::big_integer("size"),
    ],
);

fn epoch(random: &dyn Random) -> String {
    base::hex(random, 8)
}

fn things() -> Vec<Step> {
    let things = Table::create()
        .table("things")
        .col(ColumnDef::new("place").string_len(8).not_null())
        .col(ColumnDef::new("id").big_integer().not_null())
        .col(ColumnDef::new("epoch").string_len(16).not_null())
        .primary_key(Index::create().col("place").col("id"))
        .to_owned();
    vec![things.into()]
}

fn sizes() -> Vec<Step> {
    let sizes = Query::update().table("things").value("size", Expr::col("id").mul(10)).to_owned();
    let column = ColumnDef::new("size").big_integer().not_null().default(0).to_owned();
    vec![add_column("things", column), sizes.into()]
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp(1_790_000_000_000))
}

async fn database(folder: &Path, name: &str, migrations: &[Migration]) -> Database {
    let url = format!("sqlite://{}?mode=rwc", folder.join(name).display());
    let database = Database::connect(&url).await.unwrap();
    if !migrations.is_empty() {
        database.migrate(migrations, &clock()).await.unwrap();
    }
    database
}

async fn column<T: TryGetable>(database: &Database, sql: &str) -> Vec<T> {
    let select = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = database.reader().query_all_raw(select).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Places with no thing, one, and as many as a page, some pages, and some pages more one
/// have.
async fn fill(database: &Database) {
    for (place, things) in [("a", 1), ("b", 1000), ("B", 2000), ("c", 999), ("d", 2001), ("é", 3)]
    {
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {things}) \
             INSERT INTO things (place, id, epoch) SELECT '{place}', i - 500, 'old' FROM n"
        );
        database.reader().execute_unprepared(&sql).await.unwrap();
    }
}

async fn exported(
    from: &Database,
    to: &Path,
    table: ExportTable,
    known: &[Migration],
) -> Result<(), ExportError> {
    export(from, to, &[table], known, "test", &mut Unseen).await.map(drop)
}

#[tokio::test]
async fn every_row_is_there_once_in_the_order_of_the_key_whatever_the_pages() {
    let folder = TempDir::new().unwrap();
    let from = database(folder.path(), "from.db", &[FIRST]).await;
    fill(&from).await;
    let out = folder.path().join("export");
    exported(&from, &out, THINGS, &[FIRST]).await.unwrap();
    let sql = "SELECT '{\"place\":\"' || place || '\",\"id\":' || id || '}' FROM things \
               ORDER BY place, id";
    let expected: Vec<String> = column(&from, sql).await;
    assert_eq!(expected.len(), 6_004);
    let lines = std::fs::read_to_string(out.join("things.jsonl")).unwrap();
    assert!(lines.lines().eq(expected.iter()), "the epoch is not exported, all else is");
}

#[tokio::test]
async fn an_export_of_an_older_version_goes_through_the_migrations_since() {
    let folder = TempDir::new().unwrap();
    let from = database(folder.path(), "from.db", &[FIRST]).await;
    fill(&from).await;
    let out = folder.path().join("export");
    exported(&from, &out, THINGS, &[FIRST]).await.unwrap();

    let (tables, migrations) = ([SIZED], [FIRST, SECOND]);
    let export = check_export(&out, &tables, &migrations).unwrap();
    let to = database(folder.path(), "to.db", &[]).await;
    let spec = Import { export: &export, tables: &tables, migrations: &migrations, moves: true };
    let done = import(&to, &spec, &clock(), &OsRandom, &mut Unseen).await.unwrap();
    assert_eq!(done, [ImportedTable { name: "things", rows: 6_004, left_out: false }]);
    let wrong: Vec<i64> = column(&to, "SELECT COUNT(*) FROM things WHERE size <> id * 10").await;
    assert_eq!(wrong, [0]);
    let epochs: HashSet<String> =
        column(&to, "SELECT epoch FROM things").await.into_iter().collect();
    assert!(epochs.len() == 6_004 && !epochs.contains("old"), "each made anew");

    // What is newer than this program is refused, and what is older is not exported.
    let again = folder.path().join("again");
    exported(&to, &again, SIZED, &migrations).await.unwrap();
    let refused = check_export(&again, &[THINGS], &[FIRST]).unwrap_err();
    assert!(matches!(refused, ExportError::NewerExport { .. }), "{refused}");
    let none = folder.path().join("none");
    let refused = exported(&from, &none, SIZED, &migrations).await.unwrap_err();
    assert!(matches!(refused, ExportError::OlderDatabase { migration: "m2_sizes" }), "{refused}");
    let refused = exported(&to, &none, THINGS, &[FIRST]).await.unwrap_err();
    let newer = matches!(refused, ExportError::Storage(StorageError::NewerDatabase { .. }));
    assert!(newer && !none.exists(), "{refused}");
}

#[tokio::test]
async fn an_export_that_fails_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let from = database(folder.path(), "from.db", &[FIRST]).await;
    fill(&from).await;
    let out = folder.path().join("export");
    // A table that is declared and not there, after one that is.
    let tables = [THINGS, ExportTable { name: "missing", ..THINGS }];
    let failed = export(&from, &out, &tables, &[FIRST], "test", &mut Unseen).await;
    assert!(failed.is_err() && !out.exists(), "{failed:?}");
    std::fs::create_dir(&out).unwrap();
    assert!(export(&from, &out, &tables, &[FIRST], "test", &mut Unseen).await.is_err());
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0, "a folder of others stays");
}
