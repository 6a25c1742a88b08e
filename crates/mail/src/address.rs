//! Addresses: read once, masked wherever they are only talked about.

use std::fmt;
use std::str::FromStr;

use lettre::Address;
use lettre::message::Mailbox;

/// The longest address there is: what fits the path of RFC 5321, section 4.5.3.1.3.
const MAX_ADDRESS: usize = 254;

/// The longest `mail.from`, name and address together.
const MAX_SENDER: usize = 320;

/// Where a mail goes: one address, without a name. Never holds a control character, so
/// it cannot smuggle a line into a header or an SMTP command. `Debug` masks it.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(Address);

/// The sender of mails: an address, with a name before it if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// Not an address mail can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as ann@example.org")]
pub struct InvalidAddress;

impl FromStr for Recipient {
    type Err = InvalidAddress;

    /// Reads a bare address of at most 254 bytes. A quoted local part is refused: it may
    /// hold anything, and is not in use.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let odd = |character: char| {
            character.is_control() || character.is_whitespace() || "\"<>(),;:\\".contains(character)
        };
        // An address literal is in brackets and may have colons: `ann@[2001:db8::1]`.
        let local = text.rsplit_once('@').map_or(text, |(local, _)| local);
        let unsafe_text = text.chars().any(|c| c.is_control() || c.is_whitespace());
        if text.len() > MAX_ADDRESS || unsafe_text || local.chars().any(odd) {
            return Err(InvalidAddress);
        }
        text.parse().map(Self).map_err(|_| InvalidAddress)
    }
}

impl Recipient {
    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// What counts as the same mailbox: lower case, without a `+tag`.
    #[must_use]
    pub(crate) fn mailbox(&self) -> String {
        let user = self.0.user().split('+').next().unwrap_or_default();
        format!("{user}@{}", self.0.domain()).to_lowercase()
    }

    pub(crate) fn address(&self) -> Address {
        self.0.clone()
    }
}

impl fmt::Display for Recipient {
    /// Masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(self.as_str()))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl FromStr for Sender {
    type Err = InvalidAddress;

    /// Reads `boat@example.org` or `Packetboat <boat@example.org>`.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > MAX_SENDER || text.chars().any(char::is_control) {
            return Err(InvalidAddress);
        }
        let mailbox: Mailbox = text.parse().map_err(|_| InvalidAddress)?;
        let address: Recipient = AsRef::<str>::as_ref(&mailbox.email).parse()?;
        Ok(Self(Mailbox::new(mailbox.name, address.0)))
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Sender {
    /// The host name behind the `@`: what Message-IDs and the SMTP greeting are made of.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        self.0.clone()
    }

    pub(crate) fn address(&self) -> Address {
        self.0.email.clone()
    }
}

/// An address for logs and lists: `a…@example.org`.
#[must_use]
pub fn masked(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first = local.chars().next().map(String::from).unwrap_or_default();
    format!("{first}…@{domain}")
}

/// A server's answer with every address in it masked.
pub(crate) fn without_addresses(text: &str) -> String {
    let word = |word: &str| {
        let edge = |c: char| "<>()\"';:,[]".contains(c);
        let bare = word.trim_matches(edge);
        if bare.contains('@') { word.replace(bare, &masked(bare)) } else { word.to_owned() }
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_say_more_than_where_are_refused() {
        for good in ["ann@example.org", "ann+x@EXAMPLE.org", "ann@[192.0.2.1]", "ö@example.org"] {
            assert!(good.parse::<Recipient>().is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "ann@example.org\r\nBcc: bob@example.org",
            "ann\n@example.org",
            "ann@example.org>\r\nDATA",
            "\"ann\r\nRCPT TO:<bob@example.org>\"@example.org",
            "\"a b\"@example.org",
            "Ann <ann@example.org>",
            "ann@example.org, bob@example.org",
            "ann@exam ple.org",
            &long,
        ] {
            assert!(bad.parse::<Recipient>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_sender_may_have_a_name() {
        let sender: Sender = "Pâcketboat <boat@example.org>".parse().unwrap();
        assert_eq!(sender.domain(), "example.org");
        assert!("boat@example.org".parse::<Sender>().is_ok());
        for bad in ["Packetboat", "Packetboat <boat>", "a\r\nBcc: b@c.d <boat@example.org>"] {
            assert!(bad.parse::<Sender>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tags_and_case_make_no_other_mailbox() {
        let mailbox = |text: &str| text.parse::<Recipient>().unwrap().mailbox();
        assert_eq!(mailbox("Ann+one@Example.org"), mailbox("ann@example.org"));
        assert_ne!(mailbox("ann@example.org"), mailbox("bob@example.org"));
    }

    #[test]
    fn what_is_told_is_masked() {
        let ann: Recipient = "ann@example.org".parse().unwrap();
        assert_eq!(format!("{ann} {ann:?}"), "a…@example.org Recipient(a…@example.org)");
        let said = "550 5.1.1 <ann@example.org>: no such user, ask root@example.org.";
        assert_eq!(
            without_addresses(said),
            "550 5.1.1 <a…@example.org>: no such user, ask r…@example.org."
        );
    }
}
