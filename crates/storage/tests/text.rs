//! Texts are found, compared and listed alike in every database, whatever its own defaults.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use base::{ManualClock, Timestamp};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, NullOrdering, Query, SimpleExpr, Table};
use sea_orm::{ConnectionTrait, Order};
use storage::{Database, Migration, Step, StorageError, add_column, contains};
use testdb::TestDatabase;

const WORDS: [&str; 14] = [
    "Hello",
    "HELLÖ",
    "hello ",
    "Straße",
    "50%",
    "500",
    "a_b",
    "axb",
    "a\\b",
    "[x]*?.",
    "a\nb",
    "Ωmega",
    "日本語 😀",
    "",
];

fn words() -> Vec<Step> {
    let table = Table::create()
        .table("words")
        .col(ColumnDef::new("word").string_len(40).not_null().unique_key())
        .to_owned();
    let mut rows = Query::insert().into_table("words").columns(["word"]).to_owned();
    for word in WORDS {
        rows.values_panic([word.into()]);
    }
    let other = ColumnDef::new("other").text().null().to_owned();
    vec![table.into(), rows.into(), add_column("words", other)]
}

async fn filled() -> (TestDatabase, Database) {
    let at = TestDatabase::new();
    let database = Database::connect(at.url()).await.unwrap();
    let migration = Migration { name: "m20261120_000000_words", up: words };
    database.migrate(&[migration], &ManualClock::new(Timestamp(0))).await.unwrap();
    (at, database)
}

async fn found(database: &Database, condition: SimpleExpr) -> Vec<String> {
    let select = Query::select()
        .column("word")
        .from("words")
        .and_where(condition)
        .order_by("word", Order::Asc)
        .to_owned();
    let rows = database.reader().query_all(&select).await.unwrap();
    rows.iter().map(|row| row.try_get("", "word").unwrap()).collect()
}

async fn searched(database: &Database, text: &str) -> Vec<String> {
    found(database, contains(database.reader(), "word", text)).await
}

#[tokio::test]
async fn a_search_knows_letters_in_both_cases_and_takes_the_rest_literally() {
    let (_at, database) = filled().await;
    assert_eq!(searched(&database, "hello").await, ["Hello", "hello "]);
    assert_eq!(searched(&database, "hellö").await, ["HELLÖ"]);
    assert_eq!(searched(&database, "ωMEGA").await, ["Ωmega"]);
    assert_eq!(searched(&database, "STRAß").await, ["Straße"]);
    assert_eq!(searched(&database, "本").await, ["日本語 😀"]);
    assert_eq!(searched(&database, "😀").await, ["日本語 😀"]);
    for (text, only) in [
        ("0%", "50%"),
        ("A_B", "a_b"),
        ("a\\b", "a\\b"),
        ("[x]", "[x]*?."),
        ("*?.", "[x]*?."),
        ("a\nb", "a\nb"),
    ] {
        assert_eq!(searched(&database, text).await, [only], "{text}");
    }
    assert_eq!(searched(&database, "").await.len(), WORDS.len());
    for text in ["\0", "hel\0", "]x", "(", "(?i)", "^", "$", "\u{1}", "{2}", "^[x", "***:"] {
        assert_eq!(searched(&database, text).await, [""; 0], "{text:?}");
    }
}

#[tokio::test]
async fn equal_is_equal_byte_by_byte() {
    let (_at, database) = filled().await;
    let equals = async |text: &str| found(&database, Expr::col("word").eq(text)).await;
    assert_eq!(equals("Hello").await, ["Hello"]);
    for text in ["hello", "Hello ", "HELLO", "HELLO ", "hellö", "Strasse"] {
        assert_eq!(equals(text).await, [""; 0], "{text}");
    }
    // The unique index goes by the same.
    let insert = async |word: &str| -> Result<(), StorageError> {
        let row = Query::insert()
            .into_table("words")
            .columns(["word"])
            .values_panic([word.into()])
            .to_owned();
        database.reader().execute(&row).await?;
        Ok(())
    };
    insert("hello").await.unwrap();
    insert("hello  ").await.unwrap();
    assert!(insert("hello ").await.unwrap_err().is_unique_violation());
}

#[tokio::test]
async fn lists_are_in_one_order_everywhere() {
    let (_at, database) = filled().await;
    let all = found(&database, Expr::val(1).eq(1)).await;
    let mut expected = WORDS;
    expected.sort_unstable();
    assert_eq!(all, expected);
    for (order, first_is_null) in [(Order::Asc, true), (Order::Desc, false)] {
        let update = Query::update()
            .table("words")
            .value("other", "x")
            .and_where(Expr::col("word").eq("Hello"))
            .to_owned();
        database.reader().execute(&update).await.unwrap();
        let nulls = if first_is_null { NullOrdering::First } else { NullOrdering::Last };
        let select = Query::select()
            .column("other")
            .from("words")
            .order_by_with_nulls("other", order, nulls)
            .limit(1)
            .to_owned();
        let row = database.reader().query_one(&select).await.unwrap().unwrap();
        let other: Option<String> = row.try_get("", "other").unwrap();
        assert_eq!(other.is_none(), first_is_null);
    }
}
