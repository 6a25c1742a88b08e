//! Mail: a queue that survives, an SMTP server or a folder behind it, and the texts.
//!
//! Owns the table `mail_queue`, the layout of HTML mails, and how a mail is written. A
//! capability declares its mails with their texts ([`templates!`]) and hands a [`Draft`] to
//! [`SendMail`]; [`Composer`] writes it, [`Mailer::enqueue`] stores it, [`Mailer::run`]
//! sends it.
//!
//! Invariants:
//! - A mail that was taken in is sent at least once, or given up where the operator sees it.
//!   See `worker.rs` for when it may be sent twice.
//! - Only the worker waits for an SMTP server.
//! - Nothing that a stranger can write reaches a header or an SMTP command unchecked.
//! - The texts of a mail are forgotten once it has left: they may hold a link that is as
//!   good as a password. While it waits they are in the database as they are.
//!
//! Deliberately absent: which mails there are and when they are sent (the capabilities
//! know), and receiving.

mod address;
mod composer;
mod delivery;
mod draft;
pub mod mails;
mod message;
mod outbox;
mod outcome;
mod overview;
mod queue;
mod record;
mod smtp;
mod store;
mod template;
mod templates;
mod worker;

use std::fmt;
use std::sync::Arc;

use base::{Clock, Random};
use storage::{Database, ExportTable, Migration};
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;

pub use crate::address::{InvalidAddress, Recipient, Sender, masked};
pub use crate::composer::{ComposeError, Composer, MailService};
pub use crate::delivery::{Delivery, default_sender};
pub use crate::draft::{Draft, SendMail};
pub use crate::message::{DEFAULT_LIFETIME, MAX_BODY, MAX_SUBJECT, Mail};
pub use crate::outbox::MAX_OUTBOX_FILES;
pub use crate::outcome::{Failure, Receipt};
pub use crate::overview::{MAX_PAGE, MailPage};
pub use crate::queue::{
    EnqueueError, MAILBOX_SPAN, MAILS_PER_MAILBOX, MAX_POSTED, MAX_WAITING, POST_PAUSE, POST_TRIES,
};
pub use crate::record::{MailQuery, MailSort, MailState, QueuedMail};
pub use crate::smtp::{Encryption, InvalidSmtpUrl, Login, SEND_TIMEOUT, SmtpSetupError, SmtpUrl};
pub use crate::template::Template;
pub use crate::templates::TemplateError;
pub use crate::worker::{CLAIM, FIRST_PAUSE, KEEP_FAILED, KEEP_SENT, LONGEST_PAUSE, MAX_AT_ONCE};

/// The mail queue. Cloning is cheap; all clones are the same.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    db: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    delivery: Delivery,
    /// Says that something may be due.
    wake: Notify,
    /// Mails on their way into the database, and the places for them.
    posting: TaskTracker,
    posted: Arc<Semaphore>,
}

impl Mailer {
    /// On a database that has [`migrations`](Self::migrations) applied. Nothing is sent
    /// until [`run`](Self::run).
    #[must_use]
    pub fn new(
        db: Database,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        delivery: Delivery,
    ) -> Self {
        let posted = Arc::new(Semaphore::new(MAX_POSTED));
        let (wake, posting) = (Notify::new(), TaskTracker::new());
        Self(Arc::new(Inner { db, clock, random, delivery, wake, posting, posted }))
    }

    /// The history of this crate's table.
    #[must_use]
    pub fn migrations() -> Vec<Migration> {
        store::migrations::all()
    }

    /// What is exported of it.
    pub const EXPORTED: &[ExportTable] = store::tables::EXPORTED;
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}
