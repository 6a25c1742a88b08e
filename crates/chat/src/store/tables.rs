//! What is exported of this capability's tables.
//!
//! A room's epoch is not: an imported room is another history for its clients, which start
//! afresh in place of taking new messages for old ones that have the same ids.

use storage::{ExportColumn, ExportTable};

/// In the order in which they refer to each other.
pub(crate) const EXPORTED: &[ExportTable] = &[ROOMS, MESSAGES, TIMELINE];

const ROOMS: ExportTable = ExportTable::new(
    "rooms",
    &["id"],
    &[
        ExportColumn::big_integer("id"),
        ExportColumn::text("name"),
        ExportColumn::text("epoch").made_anew(super::new_epoch),
        ExportColumn::big_integer("created_at"),
        ExportColumn::big_integer("head"),
        ExportColumn::big_integer("rev"),
        ExportColumn::big_integer("last_at"),
        ExportColumn::big_integer("fence"),
    ],
);

const MESSAGES: ExportTable = ExportTable::new(
    "messages",
    &["room_id", "id"],
    &[
        ExportColumn::big_integer("room_id"),
        ExportColumn::big_integer("id"),
        ExportColumn::big_integer("author_id"),
        ExportColumn::text("author"),
        ExportColumn::text("text"),
        ExportColumn::big_integer("sent_at"),
        ExportColumn::text("client_id").nullable(),
        ExportColumn::big_integer("removed_at").nullable(),
        ExportColumn::big_integer("origin").nullable(),
    ],
);

const TIMELINE: ExportTable = ExportTable::new(
    "chat_timeline",
    &["one"],
    &[ExportColumn::small_integer("one"), ExportColumn::text("timeline")],
)
.of_the_moment();
