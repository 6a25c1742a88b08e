//! From settings to what sends mails, and the test mail.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use mail::{
    ComposeError, Composer, Delivery, Draft, Failure, InvalidAddress, MailService, Mailer,
    Recipient, SmtpSetupError, TemplateError, default_sender,
};
use storage::Database;

use crate::capabilities;
use crate::url::base_url;
use crate::{Environment, Settings};

/// The folder, in the data folder, that mails go to without `mail.smtp_url`.
const OUTBOX: &str = "outbox";

/// Mail that cannot be sent as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// The SMTP server's part.
    #[error(transparent)]
    Smtp(#[from] SmtpSetupError),
    /// The templates.
    #[error(transparent)]
    Templates(#[from] TemplateError),
}

/// Why a test mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailTestError {
    /// It is no address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The settings do not work.
    #[error(transparent)]
    Setup(#[from] MailSetupError),
    /// It did not leave.
    #[error("not sent: {0}")]
    Failed(#[from] Failure),
}

/// What writes and queues mails in `database`, with its outbox in `data` if there is no SMTP
/// server; links lead to `public_url`, or to the listener on `first`.
pub(crate) fn open(
    settings: &Settings,
    environment: &Environment,
    data: &Path,
    first: SocketAddr,
    database: Database,
) -> Result<MailService, MailSetupError> {
    let composer = composer(settings, first)?;
    let delivery = delivery(settings, data, composer.site())?;
    match &settings.mail_smtp {
        None => tracing::info!("no mail.smtp_url: mails go to the folder outbox"),
        Some(url) if url.exposes_password() => {
            tracing::warn!("mail.smtp_url: the password may cross the network unprotected");
        }
        Some(_) => {}
    }
    let (clock, random) = (Arc::clone(&environment.clock), Arc::clone(&environment.random));
    Ok(MailService { composer, mailer: Mailer::new(database, clock, random, delivery) })
}

fn composer(settings: &Settings, first: SocketAddr) -> Result<Composer, TemplateError> {
    let folder = settings.mail_templates.as_deref();
    Composer::new(folder, capabilities::mails(), base_url(settings, first))
}

/// Sends the test mail to `address` as `settings` say, at once and past the queue of a
/// server that may be running beside; what became of it, in a sentence.
///
/// # Errors
/// [`MailTestError`], one line for the operator.
pub async fn mail_test(settings: &Settings, address: &str) -> Result<String, MailTestError> {
    let _: Recipient = address.parse()?;
    let first = settings.listen.first().copied();
    let first = first.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    let composer = composer(settings, first).map_err(MailSetupError::from)?;
    let delivery = delivery(settings, &settings.data, composer.site())?;
    let mail =
        composer.compose(&Draft::new(&mail::mails::TEST, address)).map_err(
            |error| match error {
                ComposeError::Address(error) => MailTestError::from(error),
                ComposeError::Template(error) => MailSetupError::from(error).into(),
            },
        )?;
    let Environment { clock, random } = Environment::default();
    let receipt = delivery.try_now(mail, clock.as_ref(), random.as_ref()).await?;
    Ok(match &settings.mail_smtp {
        Some(_) => format!("Sent to {address}. {receipt}"),
        None => format!("There is no mail.smtp_url, so the mail was put into {receipt}"),
    })
}

fn delivery(settings: &Settings, data: &Path, site: &str) -> Result<Delivery, MailSetupError> {
    let smtp = settings.mail_smtp.clone();
    let sender = settings.mail_from.clone();
    let from = sender.unwrap_or_else(|| default_sender(smtp.as_ref(), site));
    match smtp {
        Some(url) => Ok(Delivery::smtp(url, from)?),
        None => Ok(Delivery::outbox(data.join(OUTBOX), from)),
    }
}
