//! Where mails go: an SMTP server, or a folder as long as there is none.

use crate::address::{Recipient, Sender};
use crate::message::{Mail, OutgoingMail};
use crate::outbox::Outbox;
use crate::outcome::{Failure, Receipt};
use crate::smtp::{Smtp, SmtpSetupError, SmtpUrl};

/// How mails leave.
#[derive(Clone)]
pub struct Delivery {
    from: Sender,
    transport: Transport,
}

#[derive(Clone)]
enum Transport {
    Smtp(Box<Smtp>),
    Outbox(Outbox),
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transport = match &self.transport {
            Transport::Smtp(_) => "Smtp",
            Transport::Outbox(_) => "Outbox",
        };
        f.debug_struct("Delivery").field("transport", &transport).finish_non_exhaustive()
    }
}

impl Delivery {
    /// By SMTP to the server at `url`.
    ///
    /// # Errors
    /// [`SmtpSetupError`] if TLS cannot be set up as it says.
    pub fn smtp(url: SmtpUrl, from: Sender) -> Result<Self, SmtpSetupError> {
        let transport = Transport::Smtp(Box::new(Smtp::new(url, &from)?));
        Ok(Self { from, transport })
    }

    /// Into `folder`, one `.eml` file a mail; the folder is made when it is needed.
    #[must_use]
    pub fn outbox(folder: impl Into<std::path::PathBuf>, from: Sender) -> Self {
        Self { from, transport: Transport::Outbox(Outbox::new(folder.into())) }
    }

    /// Sends `mail` now and once, past queue and limits: for a test of the settings.
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
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(mail, &self.from).await,
            Transport::Outbox(outbox) => outbox.put(mail, &self.from).await,
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
}
