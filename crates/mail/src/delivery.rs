//! Where mails go: an SMTP server, or a folder as long as there is none.

use crate::address::{Recipient, Sender, without_addresses};
use crate::message::{Mail, OutgoingMail};
use crate::outbox::Outbox;
use crate::smtp::{Smtp, SmtpSetupError, SmtpUrl};

/// The longest account of a failure that is kept, in characters.
const MAX_REASON: usize = 300;

/// The way mails leave.
#[derive(Clone)]
pub struct Delivery {
    from: Sender,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Smtp(Box<Smtp>),
    Outbox(Outbox),
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match &self.way {
            Way::Smtp(_) => "Smtp",
            Way::Outbox(_) => "Outbox",
        };
        f.debug_struct("Delivery").field("way", &way).finish_non_exhaustive()
    }
}

/// What became of a mail that left: which server took it and what it said, or the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(pub(crate) String);

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&without_addresses(&self.0))
    }
}

/// Why a mail did not leave, addresses masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may leave later: no connection, no log-in, "try again" (4xx), a full disk.
    #[error("{}", reason(.0))]
    Temporary(String),
    /// It never will: refused for good (5xx).
    #[error("{}", reason(.0))]
    Permanent(String),
}

fn reason(text: &str) -> String {
    let printable = without_addresses(text);
    printable.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect()
}

impl Delivery {
    /// By SMTP to the server at `url`.
    ///
    /// # Errors
    /// [`SmtpSetupError`] if TLS cannot be set up as it says.
    pub fn smtp(url: SmtpUrl, from: Sender) -> Result<Self, SmtpSetupError> {
        let way = Way::Smtp(Box::new(Smtp::new(url, &from)?));
        Ok(Self { from, way })
    }

    /// Into `folder`, one `.eml` file a mail; the folder is made when it is needed.
    #[must_use]
    pub fn outbox(folder: impl Into<std::path::PathBuf>, from: Sender) -> Self {
        Self { from, way: Way::Outbox(Outbox::new(folder.into())) }
    }

    /// Sends `mail` now and once, past queue and limits: for trying the way out.
    ///
    /// # Errors
    /// [`Failure`] in words for the operator.
    pub async fn try_now(
        &self,
        mail: Mail,
        clock: &dyn base::Clock,
        random: &dyn base::Random,
    ) -> Result<Receipt, Failure> {
        let Mail { to, subject, text, html, .. } = mail;
        let (id, created_at) = (base::id53(random), clock.now());
        self.deliver(&OutgoingMail { id, created_at, to, subject, text, html }).await
    }

    pub(crate) async fn deliver(&self, mail: &OutgoingMail) -> Result<Receipt, Failure> {
        match &self.way {
            Way::Smtp(smtp) => smtp.send(mail, &self.from).await,
            Way::Outbox(outbox) => outbox.put(mail, &self.from).await,
        }
    }
}

/// The sender if `mail.from` is not set: the SMTP log-in if it is an address, else
/// `packetboat@` the server's own host.
#[must_use]
pub fn default_sender(url: Option<&SmtpUrl>, host: &str) -> Sender {
    let login = url.and_then(|url| url.login.as_ref()).map(|login| login.user.clone());
    let address = login.filter(|user| user.parse::<Recipient>().is_ok());
    let candidates = [address.unwrap_or_default(), format!("packetboat@{host}")];
    candidates
        .iter()
        .find_map(|address| format!("Packetboat <{address}>").parse().ok())
        .unwrap_or_else(|| {
            "Packetboat <packetboat@localhost>".parse().expect("a literal that is an address")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_setting_the_sender_is_the_likeliest() {
        let url = |text: &str| text.parse::<SmtpUrl>().unwrap();
        let sender = |url: Option<&SmtpUrl>, host| default_sender(url, host).to_string();
        let login = url("smtps://boat%40example.org:p@mx.example.org");
        assert_eq!(sender(Some(&login), "chat.test"), "Packetboat <boat@example.org>");
        let user = url("smtps://boat:p@mx.example.org");
        assert_eq!(sender(Some(&user), "chat.test"), "Packetboat <packetboat@chat.test>");
        assert_eq!(sender(None, "localhost"), "Packetboat <packetboat@localhost>");
        assert_eq!(sender(None, "b@d\n"), "Packetboat <packetboat@localhost>");
    }

    #[test]
    fn a_failure_is_one_short_line_without_addresses() {
        let text = format!("550 <ann@example.org>\r\nno {}", "x".repeat(1_000));
        let shown = Failure::Permanent(text).to_string();
        assert!(shown.starts_with("550 <a…@example.org> no x"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_REASON);
    }
}
