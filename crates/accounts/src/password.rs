//! What makes a password acceptable. How it is kept: [`hasher`].
//!
//! Long rather than complicated: no rules about kinds of characters, nothing is cut
//! off, and what attackers try first is refused (OWASP ASVS 6.2, and the texts of
//! Django's validators, which clients of the replaced service show).

pub(crate) mod hasher;

mod common;

use std::fmt;

/// The fewest characters of a password.
pub const MIN_PASSWORD: usize = 8;

/// The most characters of a password: beyond it, hashing costs and nothing is gained.
pub const MAX_PASSWORD: usize = 256;

/// From this likeness on, a password is too much like something known of its owner.
const TOO_LIKE: f64 = 0.7;

/// What is wrong with a password. Its text is for the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Fewer than [`MIN_PASSWORD`] characters.
    TooShort,
    /// More than [`MAX_PASSWORD`] characters.
    TooLong,
    /// Nothing but digits.
    OnlyDigits,
    /// Among the first that attackers try.
    TooCommon,
    /// Like what is known of its owner; here is what, in words.
    LikeIdentity(&'static str),
}

impl fmt::Display for PasswordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(
                f,
                "This password is too short. It must contain at least {MIN_PASSWORD} characters."
            ),
            Self::TooLong => write!(
                f,
                "This password is too long. It must contain at most {MAX_PASSWORD} characters."
            ),
            Self::OnlyDigits => f.write_str("This password is entirely numeric."),
            Self::TooCommon => f.write_str("This password is too common."),
            Self::LikeIdentity(what) => {
                write!(f, "The password is too similar to the {what}.")
            }
        }
    }
}

/// What is known of a password's owner and must not be guessable from it. Empty
/// texts do not count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Identity<'a> {
    pub(crate) email: &'a str,
    pub(crate) username: &'a str,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
}

/// Everything that is wrong with `password`; nothing if it may be used.
pub(crate) fn problems(password: &str, identity: Identity<'_>) -> Vec<PasswordProblem> {
    let length = password.chars().count();
    // Nothing else is worth computing on something huge.
    if length > MAX_PASSWORD {
        return vec![PasswordProblem::TooLong];
    }
    let folded = password.to_lowercase();
    let known = [
        ("email address", identity.email),
        ("username", identity.username),
        ("first name", identity.first_name),
        ("last name", identity.last_name),
    ];
    let like = known.into_iter().find(|(_, text)| is_like(&folded, text));
    let mut found = Vec::new();
    found.extend(like.map(|(what, _)| PasswordProblem::LikeIdentity(what)));
    found.extend((length < MIN_PASSWORD).then_some(PasswordProblem::TooShort));
    found.extend(common::contains(&folded).then_some(PasswordProblem::TooCommon));
    let digits = !password.is_empty() && password.chars().all(|c| c.is_ascii_digit());
    found.extend(digits.then_some(PasswordProblem::OnlyDigits));
    found
}

/// Whether `password` (in lower case) is like `text` or one of the words in it.
fn is_like(password: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.chain([text.as_str()]).any(|part| likeness(password, part) >= TOO_LIKE)
}

/// Twice the characters in common by the sum of the lengths, whatever their order:
/// `quick_ratio` of Python's difflib, by which Django's validator goes.
fn likeness(one: &str, other: &str) -> f64 {
    let mut left: Vec<char> = other.chars().collect();
    let (one_length, other_length) = (one.chars().count(), left.len());
    // A short word is in every long password.
    if other_length == 0 || one_length >= 10 * other_length {
        return 0.0;
    }
    let mut common = 0_u32;
    for c in one.chars() {
        if let Some(at) = left.iter().position(|other| *other == c) {
            left.swap_remove(at);
            common += 1;
        }
    }
    let sum = u32::try_from(one_length + other_length).unwrap_or(u32::MAX);
    2.0 * f64::from(common) / f64::from(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Identity<'_> = Identity {
        email: "ann.wilkinson@example.org",
        username: "annw",
        first_name: "Ann",
        last_name: "Wilkinson",
    };

    fn check(password: &str) -> Vec<PasswordProblem> {
        problems(password, ANN)
    }

    #[test]
    fn a_phrase_of_any_characters_is_fine() {
        for fine in [
            "tide-lamp-9",
            "correct horse battery",
            "ünïcødé-πάσχω",
            "        .       ",
            "x9!kQ2$w",
        ] {
            assert_eq!(check(fine), [], "{fine}");
        }
        assert_eq!(check(&"tidelamp".repeat(32)), []);
    }

    #[test]
    fn eight_characters_are_the_least_however_many_bytes() {
        assert_eq!(check("tide-la"), [PasswordProblem::TooShort]);
        assert_eq!(check("πφξψωζκ"), [PasswordProblem::TooShort]);
        assert_eq!(check(""), [PasswordProblem::TooShort]);
    }

    #[test]
    fn over_256_characters_is_too_long() {
        assert_eq!(check(&"ab-".repeat(86)), [PasswordProblem::TooLong]);
    }

    #[test]
    fn digits_alone_are_refused() {
        assert_eq!(check("8301947265"), [PasswordProblem::OnlyDigits]);
        assert_eq!(check("12345678"), [PasswordProblem::TooCommon, PasswordProblem::OnlyDigits]);
    }

    #[test]
    fn what_everybody_takes_is_refused_in_any_case() {
        for common in ["password", "Password1", "QWERTYUIOP", "iloveyou", "letmein123", "trustno1"]
        {
            assert!(check(common).contains(&PasswordProblem::TooCommon), "{common}");
        }
    }

    #[test]
    fn what_is_known_of_its_owner_is_no_password() {
        for (password, what) in [
            ("ann.wilkinson", "email address"),
            ("Wilkinson1", "email address"),
            ("wilkinson@example", "email address"),
            ("example.org", "email address"),
        ] {
            assert_eq!(check(password), [PasswordProblem::LikeIdentity(what)], "{password}");
        }
        let nameless = Identity { username: "grasshopper", ..Identity::default() };
        let like = [PasswordProblem::LikeIdentity("username")];
        assert_eq!(problems("grasshopper9", nameless), like);
        assert_eq!(problems("tide-lamp-9", Identity::default()), []);
    }

    #[test]
    fn likeness_is_what_difflib_says() {
        // SequenceMatcher(a=…, b=…).quick_ratio() of CPython.
        assert!((likeness("abcd", "bcde") - 0.75).abs() < 1e-9);
        assert!((likeness("wilkinson1", "wilkinson") - 18.0 / 19.0).abs() < 1e-9);
        assert!(likeness("abcdefghij", "a") < 1e-9, "too short a word to count");
    }

    #[test]
    fn problems_are_told_in_djangos_words() {
        let text = |problem: PasswordProblem| problem.to_string();
        assert_eq!(
            text(PasswordProblem::TooShort),
            "This password is too short. It must contain at least 8 characters."
        );
        assert_eq!(text(PasswordProblem::TooCommon), "This password is too common.");
        assert_eq!(text(PasswordProblem::OnlyDigits), "This password is entirely numeric.");
        assert_eq!(
            text(PasswordProblem::LikeIdentity("email address")),
            "The password is too similar to the email address."
        );
    }
}
