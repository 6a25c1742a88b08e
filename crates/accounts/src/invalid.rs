//! What is wrong with what was typed into a form, by field.

use std::fmt;

use crate::{InvalidEmail, InvalidUsername, PasswordProblem};

/// The most characters of a first or last name.
const MAX_NAME: usize = 150;

/// A field that cannot be taken as it is. Its texts are for the person who typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not an email address.
    Email(InvalidEmail),
    /// Not a username.
    Username(InvalidUsername),
    /// Not an acceptable password; at least one problem.
    Password(Vec<PasswordProblem>),
    /// Not a first name.
    FirstName(NameProblem),
    /// Not a last name.
    LastName(NameProblem),
}

/// What is wrong with a first or last name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Over 150 characters.
    #[error("Ensure this field has no more than {MAX_NAME} characters.")]
    TooLong,
    /// Line breaks and the like.
    #[error("Control characters are not allowed.")]
    ControlCharacter,
}

impl Invalid {
    /// The field, as it is called on the wire and in forms.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Username(_) => "username",
            Self::Password(_) => "password",
            Self::FirstName(_) => "first_name",
            Self::LastName(_) => "last_name",
        }
    }

    /// One sentence a problem.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        match self {
            Self::Email(problem) => vec![problem.to_string()],
            Self::Username(_) => {
                vec!["Enter a username of 1 to 32 letters (A to Z) and digits.".to_owned()]
            }
            Self::Password(problems) => problems.iter().map(ToString::to_string).collect(),
            Self::FirstName(problem) | Self::LastName(problem) => vec![problem.to_string()],
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages().join(" "))
    }
}

/// A first or last name: at most 150 characters, none of them a control character.
pub(crate) fn name(text: &str) -> Result<String, NameProblem> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        Err(NameProblem::ControlCharacter)
    } else if text.chars().count() > MAX_NAME {
        Err(NameProblem::TooLong)
    } else {
        Ok(text.to_owned())
    }
}

/// Parses, noting what is wrong.
pub(crate) fn checked<T, E>(
    result: Result<T, E>,
    invalid: fn(E) -> Invalid,
    found: &mut Vec<Invalid>,
) -> Option<T> {
    result.map_err(|problem| found.push(invalid(problem))).ok()
}
