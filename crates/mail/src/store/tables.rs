//! What is exported of the mail queue: all of it, of the moment. Mails that wait would go out
//! a second time from a database that is put back.

use storage::{ExportColumn, ExportTable};

/// For the server's one list.
pub(crate) const EXPORTED: &[ExportTable] = &[ExportTable::new(
    "mail_queue",
    &["id"],
    &[
        ExportColumn::big_integer("id"),
        ExportColumn::text("kind"),
        ExportColumn::text("recipient"),
        ExportColumn::text("mailbox"),
        ExportColumn::text("subject"),
        ExportColumn::text("text_body"),
        ExportColumn::text("html_body"),
        ExportColumn::text("state"),
        ExportColumn::integer("attempts"),
        ExportColumn::big_integer("created_at"),
        ExportColumn::big_integer("next_attempt_at"),
        ExportColumn::big_integer("give_up_at"),
        ExportColumn::big_integer("finished_at").nullable(),
        ExportColumn::text("last_error").nullable(),
    ],
)
.of_the_moment()];
