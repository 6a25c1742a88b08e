//! What the admin site shows of accounts, sessions and tokens. Everything here goes
//! through what [`administration`](crate::administration) offers.

mod people;
mod sessions;

use std::sync::Arc;

use admin::{FieldError, Model, ModelError};

use crate::{Accounts, ChangeError, EditError};

impl Accounts {
    /// The screens of accounts, sessions and tokens.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<dyn Model>> {
        vec![
            Arc::new(people::People::new(self.clone())),
            Arc::new(sessions::Sessions::new(self.clone())),
        ]
    }
}

impl From<ChangeError> for ModelError {
    fn from(error: ChangeError) -> Self {
        let beside = |field, text: &str| Self::Invalid(vec![FieldError::new(field, text)]);
        match error {
            ChangeError::Invalid(invalid) => {
                let error = |it: &crate::Invalid| FieldError::new(it.field(), it.to_string());
                Self::Invalid(invalid.iter().map(error).collect())
            }
            ChangeError::UsernameTaken => beside("username", "This username is taken."),
            ChangeError::EmailTaken => beside("email", "Another account has this address."),
            ChangeError::Gone => Self::NotFound,
            ChangeError::Busy | ChangeError::TooMany(_) => {
                Self::Refused("The server is too busy now: try again in a moment.".to_owned())
            }
            ChangeError::Storage(error) => error.into(),
            // Of one's own account alone.
            error @ (ChangeError::WrongPassword | ChangeError::Unconfirmed) => {
                Self::Failed(error.to_string())
            }
        }
    }
}

impl From<EditError> for ModelError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Change(error) => error.into(),
            EditError::LastStaff => {
                Self::Refused("This is the last active account of staff.".to_owned())
            }
        }
    }
}
