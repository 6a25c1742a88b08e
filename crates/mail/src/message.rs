//! What is sent: a [`Mail`] as a capability asks for it, and its bytes (RFC 5322).

use std::fmt;
use std::time::Duration;

use base::Timestamp;
use lettre::Message;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::address::{Recipient, Sender};

/// The longest subject, in characters; more is cut off.
pub const MAX_SUBJECT: usize = 200;

/// The longest text and the longest HTML of a mail, in bytes each.
pub const MAX_BODY: usize = 48 * 1024;

/// How long a mail is worth delivering unless it says otherwise.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// A mail to be sent. `Debug` shows neither the address nor the texts.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Which of the server's mails it is: a name of [`Template`](crate::Template), shown to
    /// the operator and counted separately by the limit on one mailbox.
    pub kind: &'static str,
    /// The receiver.
    pub to: Recipient,
    /// One line; anything that is not printable becomes a space.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// After this it is not worth delivering any more (a link in it has run out);
    /// [`DEFAULT_LIFETIME`] at most.
    pub lifetime: Duration,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("kind", &self.kind)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// `text` as a subject: one line, not too long.
pub(crate) fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.trim().chars().map(printable).take(MAX_SUBJECT).collect();
    line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A mail on its way, with what stays the same however often it is tried.
#[derive(Clone)]
pub(crate) struct OutgoingMail {
    pub(crate) id: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) to: Recipient,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The bytes of `mail`, CRLF line ends, ASCII only. Every attempt has the same
/// Message-ID and date, so that a receiver can tell a repetition.
///
/// # Errors
/// In words for the operator; a mail that cannot be built now never can.
pub(crate) fn bytes(mail: &OutgoingMail, from: &Sender) -> Result<Vec<u8>, String> {
    let id = format!("<{}.{}@{}>", mail.created_at.0, mail.id, from.domain());
    let message = Message::builder()
        .from(from.mailbox())
        .to(Mailbox::new(None, mail.to.address()))
        .subject(one_line(&mail.subject))
        .date(mail.created_at.into())
        .message_id(Some(id))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| error.to_string())?;
    Ok(message.formatted())
}

/// `Auto-Submitted: auto-generated` (RFC 3834): out-of-office assistants do not answer.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str) -> String {
        let mail = OutgoingMail {
            id: 7,
            created_at: Timestamp(1_790_000_000_000),
            to: "ann@example.org".parse().unwrap(),
            subject: subject.to_owned(),
            text: "Grüße\n.\nEnd".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        };
        let from = "Bö <boat@example.org>".parse().unwrap();
        String::from_utf8(bytes(&mail, &from).unwrap()).unwrap()
    }

    #[test]
    fn every_attempt_looks_the_same_to_its_receiver() {
        let text = mail("Hello");
        assert!(text.contains("\r\nMessage-ID: <1790000000000.7@example.org>\r\n"), "{text}");
        assert!(text.contains("\r\nDate: Mon, 21 Sep 2026 14:13:20 +0000\r\n"), "{text}");
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{text}");
        assert!(text.contains("\r\nTo: ann@example.org\r\n"), "{text}");
        assert!(text.contains("multipart/alternative"), "{text}");
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn a_subject_is_one_line_whatever_is_in_it() {
        for evil in [
            "a\r\nBcc: bob@example.org",
            "a\nBcc: bob@example.org",
            "a\r\n\r\nBcc: bob@example.org",
        ] {
            let text = mail(evil);
            let (headers, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
            assert!(headers.contains("\r\nSubject: a Bcc: bob@example.org\r\n"), "{headers}");
        }
        assert!(mail("Grüße").contains("Subject: =?utf-8?"));
        assert_eq!(one_line(&"x".repeat(1_000)).len(), MAX_SUBJECT);
    }
}
