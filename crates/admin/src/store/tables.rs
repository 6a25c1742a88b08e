//! What is exported of the audit log: all of it.

use storage::{ExportColumn, ExportTable};

/// For the server's one list.
pub const EXPORTED: &[ExportTable] = &[ExportTable::new(
    "audit_log",
    &["id"],
    &[
        ExportColumn::big_integer("id"),
        ExportColumn::big_integer("at"),
        ExportColumn::big_integer("account_id").nullable(),
        ExportColumn::text("who"),
        ExportColumn::text("action"),
        ExportColumn::text("model"),
        ExportColumn::text("object_id"),
        ExportColumn::text("name"),
        ExportColumn::text("outcome"),
        ExportColumn::text("reason").nullable(),
        ExportColumn::text("before_json").nullable(),
        ExportColumn::text("after_json").nullable(),
    ],
)];
