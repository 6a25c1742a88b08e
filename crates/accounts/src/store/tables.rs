//! What is exported of this crate's tables.
//!
//! Accounts carry their credentials as hashes. Sessions, API tokens and mailed links are of
//! the moment: one that has ended or was used since the export would work again.

use storage::{ExportColumn, ExportTable};

/// In the order in which they refer to each other.
pub(crate) const EXPORTED: &[ExportTable] = &[ACCOUNTS, SESSIONS, MAILED_LINKS];

const ACCOUNTS: ExportTable = ExportTable::new(
    "accounts",
    &["id"],
    &[
        ExportColumn::big_integer("id"),
        ExportColumn::text("username"),
        ExportColumn::text("username_folded"),
        ExportColumn::text("key_hash").nullable(),
        ExportColumn::big_integer("created_at"),
        ExportColumn::text("email").nullable(),
        ExportColumn::text("email_folded").nullable(),
        ExportColumn::big_integer("email_confirmed_at").nullable(),
        ExportColumn::text("password_hash").nullable(),
        ExportColumn::big_integer("password_changed_at").nullable(),
        ExportColumn::text("first_name"),
        ExportColumn::text("last_name"),
        ExportColumn::boolean("is_staff"),
        ExportColumn::boolean("is_active"),
        ExportColumn::boolean("shows_username"),
        ExportColumn::big_integer("last_login_at").nullable(),
    ],
);

const SESSIONS: ExportTable = ExportTable::new(
    "sessions",
    &["id"],
    &[
        ExportColumn::big_integer("id"),
        ExportColumn::text("token_hash"),
        ExportColumn::big_integer("account_id"),
        ExportColumn::big_integer("created_at"),
        ExportColumn::big_integer("last_used_at"),
        ExportColumn::text("client_address"),
        ExportColumn::text("user_agent").nullable(),
        ExportColumn::small_integer("kind"),
        ExportColumn::text("name").nullable(),
        ExportColumn::big_integer("issued_by").nullable(),
    ],
)
.of_the_moment();

const MAILED_LINKS: ExportTable = ExportTable::new(
    "mailed_links",
    &["token_hash"],
    &[
        ExportColumn::text("token_hash"),
        ExportColumn::big_integer("account_id"),
        ExportColumn::small_integer("purpose"),
        ExportColumn::text("email"),
        ExportColumn::big_integer("expires_at"),
    ],
)
.of_the_moment();
