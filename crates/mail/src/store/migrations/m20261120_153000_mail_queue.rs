//! Mails that wait, and for a while those that left or were given up.

use sea_orm::sea_query::{ColumnDef, Index, Table};
use storage::{Migration, Step};

pub(crate) const MIGRATION: Migration = Migration { name: "m20261120_153000_mail_queue", up };

fn up() -> Vec<Step> {
    let queue = Table::create()
        .table("mail_queue")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("kind").string_len(32).not_null())
        .col(ColumnDef::new("recipient").string_len(254).not_null())
        .col(ColumnDef::new("mailbox").string_len(254).not_null())
        .col(ColumnDef::new("subject").string_len(200).not_null())
        .col(ColumnDef::new("text_body").text().not_null())
        .col(ColumnDef::new("html_body").text().not_null())
        .col(ColumnDef::new("state").string_len(8).not_null())
        .col(ColumnDef::new("attempts").integer().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("next_attempt_at").big_integer().not_null())
        .col(ColumnDef::new("give_up_at").big_integer().not_null())
        .col(ColumnDef::new("finished_at").big_integer().null())
        .col(ColumnDef::new("last_error").string_len(300).null())
        .to_owned();
    let due = Index::create()
        .name("mail_queue_due")
        .table("mail_queue")
        .col("state")
        .col("next_attempt_at")
        .to_owned();
    let by_mailbox = Index::create()
        .name("mail_queue_by_mailbox")
        .table("mail_queue")
        .col("mailbox")
        .col("created_at")
        .to_owned();
    vec![queue.into(), due.into(), by_mailbox.into()]
}
