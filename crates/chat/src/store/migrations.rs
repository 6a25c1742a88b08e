//! The history of this capability's tables. An applied migration is never edited.

use sea_orm::sea_query::{
    ColumnDef, Expr, ExprTrait, Func, Index, Order, Query, SelectStatement, Table,
};
use storage::{Migration, Step, add_column};

/// This capability's migrations, for the server's one list.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    vec![
        Migration { name: "m20261120_120000_chat", up: rooms_and_messages },
        Migration { name: "m20261120_150500_moderation", up: moderation },
        Migration { name: "m20261128_140000_chat_ledger", up: ledger },
    ]
}

fn rooms_and_messages() -> Vec<Step> {
    let rooms = Table::create()
        .table("rooms")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("name").string_len(64).not_null().unique_key())
        .col(ColumnDef::new("epoch").string_len(16).not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .to_owned();
    let messages = Table::create()
        .table("messages")
        .col(ColumnDef::new("room_id").big_integer().not_null())
        .col(ColumnDef::new("id").big_integer().not_null())
        .col(ColumnDef::new("author_id").big_integer().not_null())
        .col(ColumnDef::new("author").string_len(64).not_null())
        .col(ColumnDef::new("text").text().not_null())
        .col(ColumnDef::new("sent_at").big_integer().not_null())
        .col(ColumnDef::new("client_id").string_len(64).null())
        .primary_key(Index::create().col("room_id").col("id"))
        .to_owned();
    // Nulls are distinct in a unique index of every supported database, so messages
    // without a client id do not collide.
    let posted_once = Index::create()
        .name("messages_posted_once")
        .table("messages")
        .col("room_id")
        .col("client_id")
        .col("author_id")
        .unique()
        .to_owned();
    vec![rooms.into(), messages.into(), posted_once.into()]
}

/// What an admin looks messages up by. Both indexes grow at the end, or nearly so: they
/// cost a group commit little.
fn moderation() -> Vec<Step> {
    let removed = ColumnDef::new("removed_at").big_integer().null().to_owned();
    let by_time = Index::create()
        .name("messages_by_time")
        .table("messages")
        .col("sent_at")
        .col("id")
        .to_owned();
    let by_author = Index::create()
        .name("messages_by_author")
        .table("messages")
        .col("author")
        .col("sent_at")
        .to_owned();
    vec![add_column("messages", removed), by_time.into(), by_author.into()]
}

/// What rooms are numbered by where several servers, or several connections of one, append:
/// the row of the room says what comes next. Filled from the messages that there are.
fn ledger() -> Vec<Step> {
    let number = |name| {
        let column = ColumnDef::new(name).big_integer().not_null().default(0).to_owned();
        add_column("rooms", column)
    };
    let newest = |column| {
        let newest: SelectStatement = Query::select()
            .column(column)
            .from("messages")
            .and_where(Expr::col("room_id").eq(Expr::col(("rooms", "id"))))
            .order_by("id", Order::Desc)
            .limit(1)
            .to_owned();
        Func::coalesce([newest.into(), Expr::val(0)])
    };
    // Once more, it changes nothing.
    let filled = Query::update()
        .table("rooms")
        .value("head", newest("id"))
        .value("last_at", newest("sent_at"))
        .to_owned();
    let origin = ColumnDef::new("origin").big_integer().null().to_owned();
    // The chat's own, beside the tables of a cluster that is to come: the chat acts on it.
    let timeline = Table::create()
        .table("chat_timeline")
        .col(ColumnDef::new("one").small_integer().not_null().primary_key())
        .col(ColumnDef::new("timeline").string_len(64).not_null())
        .to_owned();
    vec![
        number("head"),
        number("rev"),
        number("last_at"),
        number("fence"),
        add_column("messages", origin),
        timeline.into(),
        filled.into(),
    ]
}
