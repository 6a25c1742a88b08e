//! Email addresses, as far as a server can know them: their form.

use std::fmt;
use std::str::FromStr;

/// The most bytes in an address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;

/// The most bytes before the `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// The most bytes of a name between two dots of the domain (RFC 1035).
const MAX_LABEL: usize = 63;

/// An email address in the form that people use: a dot-atom of ASCII, `@`, a
/// domain name with a dot (an international one in its `xn--` form), at most 254
/// bytes. Quoted local parts, comments and address literals are no addresses here.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// The text has not the form of an [`EmailAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Enter a valid email address.")]
pub struct InvalidEmail;

impl EmailAddress {
    /// As its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case. Addresses are unique without regard to case: no provider in
    /// use tells `Ann@` from `ann@`, and one person should not pass for another.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// For logs and notices: the first letter and the domain, `a…@example.org`.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.parts();
        format!("{}…@{domain}", &local[..1])
    }

    /// What stands before the `@`.
    pub(crate) fn local_part(&self) -> &str {
        self.parts().0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').expect("an address holds an @")
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    /// Reads an address; white space around it is let pass.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let valid = text.len() <= MAX_LENGTH && is_local(local) && is_domain(domain);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidEmail) }
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

fn is_local(text: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    text.len() <= MAX_LOCAL
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits alone would be an IPv4 address.
    let top = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && !top.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_use_are_addresses() {
        let long = format!("{}@example.org", "x".repeat(64));
        for text in [
            "ann@example.org",
            "Ann.O'Neil+news@mail.Example.co.uk",
            "a@b.io",
            "123@4.example",
            "ann@xn--bcher-kva.example",
            &long,
        ] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), text);
        }
        assert_eq!(
            " ann@example.org\n".parse::<EmailAddress>().unwrap().as_str(),
            "ann@example.org"
        );
    }

    #[test]
    fn anything_else_is_not() {
        let long_local = format!("{}@example.org", "x".repeat(65));
        let long = format!("ann@{}example.org", "abcdefgh.".repeat(30));
        for text in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.org",
            "ann@example",
            "ann@@example.org",
            "a b@example.org",
            "ann@exa mple.org",
            ".ann@example.org",
            "ann.@example.org",
            "a..n@example.org",
            "ann@-example.org",
            "ann@example-.org",
            "ann@example..org",
            "ann@example.org.",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "\"a b\"@example.org",
            "Ann <ann@example.org>",
            "ann@example.org\r\nBcc: x@y.zz",
            "änn@example.org",
            "ann@exämple.org",
            "ann\0@example.org",
            "ann,bob@example.org",
            &long_local,
            &long,
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn logs_see_the_first_letter_and_the_domain() {
        let address: EmailAddress = "Ann.Smith@example.org".parse().unwrap();
        assert_eq!(address.masked(), "A…@example.org");
        assert!(!format!("{address:?}").contains("Smith"));
        assert_eq!(address.folded(), "ann.smith@example.org");
    }
}
