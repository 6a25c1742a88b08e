//! Taking mails in: they are stored here, and sent later by the worker.

use std::time::Duration;

use base::id53;
use storage::StorageError;
use tokio::time::sleep;

use crate::message::{DEFAULT_LIFETIME, MAX_BODY, Mail, one_line};
use crate::{Mailer, store};

/// The most mails of one kind that one mailbox gets within [`MAILBOX_SPAN`]: a client
/// that asks for the reset of a password again and again does not flood the mailbox. Each kind counts by
/// itself, so that such a flood does not keep back the word that a password was changed.
pub const MAILS_PER_MAILBOX: u64 = 5;

/// See [`MAILS_PER_MAILBOX`].
pub const MAILBOX_SPAN: Duration = Duration::from_secs(60 * 60);

/// The most mails that wait at once; beyond it none is taken in.
pub const MAX_WAITING: u64 = 10_000;

/// The most mails handed over by [`Mailer::post`] that are not stored yet.
pub const MAX_POSTED: usize = 1_024;

/// How often it is tried to store a mail that was posted.
pub const POST_TRIES: u32 = 600;

/// The pause between two such tries.
pub const POST_PAUSE: Duration = Duration::from_secs(1);

/// Held by transactions that take a mail in.
const QUEUE_LOCK: &str = "mail_queue";

/// Why a mail was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// Its mailbox has had [`MAILS_PER_MAILBOX`] of this kind within the hour.
    #[error("too many mails of this kind to this address within an hour")]
    TooMany,
    /// [`MAX_WAITING`] mails wait already.
    #[error("too many mails wait")]
    Full,
    /// A text is longer than [`MAX_BODY`].
    #[error("the text is too long")]
    TooLong,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Mailer {
    /// Takes `mail` in. When this returns it is stored, survives a crash, and is sent by
    /// [`run`](Mailer::run) soon.
    ///
    /// # Errors
    /// [`EnqueueError`]; nothing was stored then.
    pub async fn enqueue(&self, mut mail: Mail) -> Result<i64, EnqueueError> {
        if mail.text.len() > MAX_BODY || mail.html.len() > MAX_BODY {
            return Err(EnqueueError::TooLong);
        }
        mail.subject = one_line(&mail.subject);
        let now = self.0.clock.now();
        let lifetime = mail.lifetime.min(DEFAULT_LIFETIME);
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        // Counted by one at a time: the limits are exact, however many servers take mails in.
        storage::lock(on, QUEUE_LOCK).await?;
        let since = now.minus(MAILBOX_SPAN);
        if store::made_since(on, &mail.to.mailbox(), mail.kind, since).await? >= MAILS_PER_MAILBOX {
            return Err(EnqueueError::TooMany);
        }
        if store::waiting(on).await? >= MAX_WAITING {
            return Err(EnqueueError::Full);
        }
        let id = id53(self.0.random.as_ref());
        store::insert(on, id, &mail, now, lifetime).await?;
        transaction.commit().await?;
        metrics::counter!("packetboat_mails_queued_total", "kind" => mail.kind).increment(1);
        self.0.wake.notify_one();
        Ok(id)
    }

    /// The same for those who cannot wait and cannot do anything about a failure: returns at
    /// once, and a failure is a log line. How long it takes does not show whether there
    /// was anything to send.
    ///
    /// People have been told that the mail is on its way: while the database cannot store
    /// it, that is tried again, [`POST_TRIES`] times or until [`flush`](Self::flush).
    pub fn post(&self, mail: Mail) {
        let Ok(place) = self.0.posted.clone().try_acquire_owned() else {
            tracing::error!(kind = mail.kind, "mail dropped: too many wait to be stored");
            return;
        };
        let mailer = self.clone();
        self.0.posting.spawn(async move {
            let (kind, to) = (mail.kind, mail.to.to_string());
            if let Err(error) = mailer.enqueue_patiently(mail).await {
                tracing::warn!(kind, to, %error, "mail not taken in");
            }
            drop(place);
        });
    }

    async fn enqueue_patiently(&self, mail: Mail) -> Result<i64, EnqueueError> {
        for _ in 1..POST_TRIES {
            match self.enqueue(mail.clone()).await {
                Err(EnqueueError::Storage(error)) if !self.0.posting.is_closed() => {
                    tracing::warn!(kind = mail.kind, %error, "mail not stored yet");
                    sleep(POST_PAUSE).await;
                }
                done => return done,
            }
        }
        self.enqueue(mail).await
    }

    /// Waits until everything that was [posted](Mailer::post) is stored: the last call before
    /// the database closes.
    pub async fn flush(&self) {
        self.0.posting.close();
        self.0.posting.wait().await;
    }
}
