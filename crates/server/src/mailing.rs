//! Mail: from settings to a queue, and from what accounts wants said to a mail that says
//! it, with links to this server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use accounts::AccountMail;
use mail::{
    Delivery, Failure, InvalidAddress, Mailer, Recipient, SmtpSetupError, Template, TemplateError,
    Templates, Values, default_sender,
};
use storage::Database;

use crate::place::base_url;
use crate::{Environment, Settings};

/// The folder, in the data folder, that mails go to without `mail.smtp_url`.
const OUTBOX: &str = "outbox";

/// How long a link to choose a new password works, and in words.
const RESET: (Duration, &str) = (Duration::from_secs(60 * 60), "1 hour");

/// How long a link to confirm an address works, and in words.
const CONFIRM: (Duration, &str) = (Duration::from_secs(24 * 60 * 60), "24 hours");

/// The longest name a mail addresses somebody by, in characters.
const MAX_NAME: usize = 40;

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

/// The queue, and the words for it.
#[derive(Clone, Debug)]
pub(crate) struct Mailing {
    pub(crate) mailer: Mailer,
    words: Arc<Words>,
}

/// What turns an occasion into a mail.
#[derive(Debug)]
struct Words {
    templates: Templates,
    site: String,
    url: String,
}

impl Mailing {
    /// The queue of `database`, with its outbox in `data` if there is no SMTP server; links
    /// lead to `public_url`, or to the listener on `first`.
    pub(crate) fn open(
        settings: &Settings,
        environment: &Environment,
        data: &Path,
        first: SocketAddr,
        database: Database,
    ) -> Result<Self, MailSetupError> {
        let words = Arc::new(Words::new(settings, first)?);
        let delivery = delivery(settings, data, &words.site)?;
        match &settings.mail_smtp {
            None => tracing::info!("no mail.smtp_url: mails go to the folder outbox"),
            Some(url) if url.exposes_password() => {
                tracing::warn!("mail.smtp_url: the password may cross the network unprotected");
            }
            Some(_) => {}
        }
        let (clock, random) = (Arc::clone(&environment.clock), Arc::clone(&environment.random));
        Ok(Self { mailer: Mailer::new(database, clock, random, delivery), words })
    }
}

impl accounts::Mailer for Mailing {
    fn send(&self, mail: AccountMail) {
        match self.words.say(mail) {
            Ok(mail) => self.mailer.post(mail),
            // The templates were tried out at start: only one that fails on some values.
            Err(error) => tracing::error!(%error, "mail not written"),
        }
    }
}

impl Words {
    fn new(settings: &Settings, first: SocketAddr) -> Result<Self, MailSetupError> {
        let templates = Templates::load(settings.mail_templates.as_deref())?;
        let url = base_url(settings, first);
        let site = host(&url).to_owned();
        Ok(Self { templates, site, url })
    }

    fn values(&self) -> Values {
        Values { site: self.site.clone(), url: self.url.clone(), ..Values::default() }
    }

    fn say(&self, mail: AccountMail) -> Result<mail::Mail, SayError> {
        let to: Recipient = mail.to().as_str().parse()?;
        let base = self.values();
        let (template, values, lifetime) = match mail {
            AccountMail::PasswordReset { name, path, .. } => {
                let (link, valid) = (format!("{}{path}", self.url), RESET.1.to_owned());
                let values = Values { name: plain_name(name), link, valid, ..base };
                (Template::PasswordReset, values, Some(RESET.0))
            }
            // Whoever reads these two may be a stranger: no word of theirs that wrote it.
            AccountMail::ConfirmAddress { path, .. } => {
                let (link, valid) = (format!("{}{path}", self.url), CONFIRM.1.to_owned());
                (Template::ConfirmAddress, Values { link, valid, ..base }, Some(CONFIRM.0))
            }
            AccountMail::AlreadyRegistered { path, .. } => {
                let link = format!("{}{path}", self.url);
                (Template::AlreadyRegistered, Values { link, ..base }, None)
            }
            AccountMail::PasswordChanged { name, .. } => {
                (Template::PasswordChanged, Values { name: plain_name(name), ..base }, None)
            }
            AccountMail::AddressChanged { name, new, .. } => {
                let values = Values { name: plain_name(name), detail: new, ..base };
                (Template::AddressChanged, values, None)
            }
        };
        let mail = self.templates.render(template, to, &values)?;
        Ok(mail::Mail { lifetime: lifetime.unwrap_or(mail.lifetime), ..mail })
    }
}

#[derive(Debug, thiserror::Error)]
enum SayError {
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Sends the test mail to `address` as `settings` say, at once and past the queue of a
/// server that may be running beside; what became of it, in a sentence.
///
/// # Errors
/// [`MailTestError`], one line for the operator.
pub async fn mail_test(settings: &Settings, address: &str) -> Result<String, MailTestError> {
    let to: Recipient = address.parse()?;
    let first = settings.listen.first().copied();
    let words = Words::new(settings, first.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()))?;
    let delivery = delivery(settings, &settings.data, &words.site)?;
    let mail = words.templates.render(Template::Test, to, &words.values());
    let mail = mail.map_err(MailSetupError::from)?;
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

/// The host of `scheme://host[:port]`.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    &authority[..port_at.unwrap_or(authority.len())]
}

/// `name` if it can only be a name. Somebody may have registered another's address, and a
/// server that mails whatever they call themselves is a way to send spam.
fn plain_name(name: String) -> String {
    let usual = |c: char| c.is_alphanumeric() || " '’-".contains(c);
    if name.chars().count() <= MAX_NAME && name.chars().all(usual) { name } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(public_url: Option<&str>) -> Words {
        let mut settings = Settings::in_folder("/nowhere".into());
        settings.public_url = public_url.map(|url| url.parse().unwrap());
        Words::new(&settings, ([0, 0, 0, 0], 7777).into()).unwrap()
    }

    fn reset(name: &str) -> AccountMail {
        AccountMail::PasswordReset {
            to: "ann@example.org".parse().unwrap(),
            name: name.to_owned(),
            path: "/password/reset/abc".to_owned(),
        }
    }

    #[test]
    fn links_lead_to_the_public_url_or_to_this_machine() {
        let mail = words(Some("https://chat.example.org:8443")).say(reset("Ann")).unwrap();
        assert!(mail.text.contains("\nhttps://chat.example.org:8443/password/reset/abc\n"));
        assert!(mail.text.starts_with("Hello Ann,"), "{}", mail.text);
        assert!(mail.subject.ends_with("chat.example.org"), "{}", mail.subject);
        assert_eq!(mail.lifetime, RESET.0);
        let mail = words(None).say(reset("Ann")).unwrap();
        assert!(mail.text.contains("\nhttp://localhost:7777/password/reset/abc\n"));
        assert!(mail.subject.ends_with("localhost"), "{}", mail.subject);
    }

    #[test]
    fn a_name_that_may_be_an_advertisement_is_left_out() {
        for name in ["Buy at http://evil.example", "Ann\r\nBcc: x", &"x".repeat(41), "www.evil.co"]
        {
            let mail = words(None).say(reset(name)).unwrap();
            assert!(mail.text.starts_with("Hello,\n"), "{}", mail.text);
        }
        assert!(words(None).say(reset("Anne-Marie O’Neil")).unwrap().text.contains("O’Neil"));
        let to = "ann@example.org".parse().unwrap();
        let (name, path) = ("Buy".to_owned(), "/confirm/abc".to_owned());
        let confirm = words(None).say(AccountMail::ConfirmAddress { to, name, path }).unwrap();
        assert!(!confirm.text.contains("Buy") && confirm.text.contains("24 hours"));
    }

    #[test]
    fn the_host_is_read_from_every_form_of_an_origin() {
        assert_eq!(host("https://chat.example.org"), "chat.example.org");
        assert_eq!(host("http://localhost:7777"), "localhost");
        assert_eq!(host("http://[::1]:7777"), "[::1]");
    }
}
