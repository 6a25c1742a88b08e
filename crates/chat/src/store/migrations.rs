//! The history of this capability's tables. An applied migration is never edited.

use sea_orm::sea_query::{ColumnDef, Index, Table};
use storage::{Migration, Step};

/// This capability's migrations, for the server's one list.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    vec![Migration { name: "m20261120_120000_chat", up: rooms_and_messages }]
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
