//! Handing a mail in by SMTP (RFC 5321), one connection a mail.
//!
//! What goes wrong before the server has heard of the mail (name, connection, TLS,
//! log-in) is the operator's or the network's to mend and is tried again; what the
//! server says about the mail decides by its code: 4xx again, 5xx never. The mail counts
//! as accepted with the answer to its last line, whatever becomes of the good-bye.
//!
//! Deliberately absent: a pool. The few mails of a chat server do not pay for connections
//! that stand open, and a stale one would cost a retry.

mod url;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use crate::address::Sender;
use crate::message::{OutgoingMail, bytes};
use crate::outcome::{Failure, Receipt};

pub use url::{Encryption, InvalidSmtpUrl, Login, SmtpUrl};

/// The longest that connecting takes, for each address of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest that handing in one mail takes, from the look-up to the answer.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest that saying good-bye takes; nothing depends on it.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// What a certificate in PEM begins with.
const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// An SMTP server that cannot be used as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSetupError {
    /// The certificates of `ca=` cannot be read.
    #[error("mail.smtp_url: cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// They are no certificates, or TLS cannot be set up with them.
    #[error("mail.smtp_url: cannot set up TLS: {0}")]
    Tls(String),
}

/// A server that mails are handed in at.
#[derive(Clone)]
pub(crate) struct Smtp {
    url: SmtpUrl,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

impl Smtp {
    pub(crate) fn new(url: SmtpUrl, from: &Sender) -> Result<Self, SmtpSetupError> {
        let tls = match url.encryption {
            Encryption::None => None,
            _ => Some(tls_parameters(&url)?),
        };
        let domain = from.domain();
        let hello = if domain.is_ascii() && domain.contains('.') {
            ClientId::Domain(domain.to_owned())
        } else {
            ClientId::default()
        };
        Ok(Self { url, tls, hello })
    }

    /// Hands `mail` in.
    pub(crate) async fn send(
        &self,
        mail: &OutgoingMail,
        from: &Sender,
    ) -> Result<Receipt, Failure> {
        let message = bytes(mail, from).map_err(Failure::Permanent)?;
        let envelope = Envelope::new(Some(from.address()), vec![mail.to.address()])
            .map_err(|error| Failure::Permanent(error.to_string()))?;
        let talk = async {
            let mut connection = self.connect().await.map_err(|error| {
                // Whatever the code: the server has not seen the mail yet.
                Failure::Temporary(self.said(&error))
            })?;
            match connection.send(&envelope, &message).await {
                Ok(answer) => Ok((connection, answer)),
                Err(error) if error.is_permanent() || error.is_client() => {
                    Err(Failure::Permanent(self.said(&error)))
                }
                Err(error) => Err(Failure::Temporary(self.said(&error))),
            }
        };
        let (mut connection, answer) = timeout(SEND_TIMEOUT, talk).await.unwrap_or_else(|_| {
            let seconds = SEND_TIMEOUT.as_secs();
            Err(Failure::Temporary(format!("{}: no end within {seconds} s", self.place())))
        })?;
        let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
        let words: Vec<&str> = answer.message().collect();
        Ok(Receipt(format!("{}: {} {}", self.place(), answer.code(), words.join(" "))))
    }

    /// A connection on which mails can be handed in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let server = (self.url.host.as_str(), self.url.port);
        let from_the_start = match self.url.encryption {
            Encryption::Implicit => self.tls.clone(),
            _ => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            server,
            Some(CONNECT_TIMEOUT),
            &self.hello,
            from_the_start,
            None,
        )
        .await?;
        let wanted = match self.url.encryption {
            Encryption::None | Encryption::Implicit => false,
            Encryption::Opportunistic => connection.can_starttls(),
            Encryption::Required => true,
        };
        if let Some(tls) = self.tls.clone().filter(|_| wanted) {
            connection.starttls(tls, &self.hello).await?;
        }
        if let Some(Login { user, password }) = self.url.login.clone() {
            let credentials = Credentials::new(user, password);
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn place(&self) -> String {
        format!("{}:{}", self.url.host, self.url.port)
    }

    /// An error in one line, causes included.
    fn said(&self, error: &SmtpError) -> String {
        let mut line = format!("{}: {error}", self.place());
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = inner.source();
        }
        line
    }
}

fn tls_parameters(url: &SmtpUrl) -> Result<TlsParameters, SmtpSetupError> {
    let unusable = |error: SmtpError| SmtpSetupError::Tls(error.to_string());
    let mut builder = TlsParameters::builder(url.host.clone());
    if let Some(path) = &url.ca {
        let pem = fs::read(path)
            .map_err(|source| SmtpSetupError::Unreadable { path: path.clone(), source })?;
        // An empty list would be taken, and fail for every mail.
        if !pem.windows(PEM.len()).any(|window| window == PEM) {
            return Err(SmtpSetupError::Tls(format!("no certificate in {}", path.display())));
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(unusable)?);
    }
    if url.encryption == Encryption::Opportunistic {
        builder =
            builder.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
    }
    builder.build().map_err(unusable)
}
