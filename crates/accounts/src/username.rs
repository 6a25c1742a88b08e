//! Usernames.

use std::fmt;
use std::str::FromStr;

/// The most characters in a username.
const MAX_LENGTH: usize = 32;

/// A username: `[A-Za-z0-9]{1,32}`, shown as its owner spelled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

/// The text is not `[A-Za-z0-9]{1,32}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a username is 1 to 32 letters (A to Z) and digits")]
pub struct InvalidUsername;

impl Username {
    /// As registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case: usernames are unique without regard to case, so that
    /// one person cannot pass for another by a capital letter.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Username {
    type Err = InvalidUsername;

    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        let length_fits = (1..=MAX_LENGTH).contains(&text.len());
        if length_fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidUsername)
        }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_make_a_username() {
        for text in ["a", "Z9", "0", &"x".repeat(32)] {
            assert_eq!(text.parse::<Username>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn anything_else_does_not() {
        for text in ["", " ", "a b", "a_b", "@me", "é", "ａ", "a\n", "a\0", &"x".repeat(33)] {
            assert_eq!(text.parse::<Username>(), Err(InvalidUsername), "{text:?}");
        }
    }

    #[test]
    fn spelling_differs_but_folding_does_not() {
        let (one, other): (Username, Username) =
            ("JohnDoe".parse().unwrap(), "johndoe".parse().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.folded(), other.folded());
    }
}
