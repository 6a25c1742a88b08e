//! What this crate has mailed: the words are the server's, the occasion is ours.

use std::fmt;

use crate::EmailAddress;

/// Takes mails and sends them when it can. Implemented by the server.
pub trait Mailer: Send + Sync {
    /// Sends `mail`, now or later. Must not block, and has no failure that a
    /// caller could act on: whoever asked must not learn whether there was a mail.
    fn send(&self, mail: AccountMail);
}

/// A mail about an account.
///
/// `name` is how to address the person: their first name, or their username.
/// `path` is an absolute path on this server and may hold a secret that works
/// once: it goes into the mail and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub enum AccountMail {
    /// Whoever opens the link owns the address. Valid for 24 hours.
    ConfirmAddress {
        /// The address to confirm.
        to: EmailAddress,
        /// How to address the person.
        name: String,
        /// `/confirm/<token>`.
        path: String,
    },
    /// Somebody asked to set a new password. Valid for 1 hour.
    PasswordReset {
        /// The account's address.
        to: EmailAddress,
        /// How to address the person.
        name: String,
        /// `/password/reset/<token>`.
        path: String,
    },
    /// Somebody wanted to register this address, which has an account.
    AlreadyRegistered {
        /// The account's address.
        to: EmailAddress,
        /// How to address the person.
        name: String,
        /// `/password/reset`, for who has forgotten.
        path: String,
    },
    /// The password is another one now.
    PasswordChanged {
        /// The account's address.
        to: EmailAddress,
        /// How to address the person.
        name: String,
    },
    /// The account has another address now.
    AddressChanged {
        /// The address that it had.
        to: EmailAddress,
        /// How to address the person.
        name: String,
        /// The new one, masked.
        new: String,
    },
}

impl AccountMail {
    /// Whom it goes to.
    #[must_use]
    pub fn to(&self) -> &EmailAddress {
        match self {
            Self::ConfirmAddress { to, .. }
            | Self::PasswordReset { to, .. }
            | Self::AlreadyRegistered { to, .. }
            | Self::PasswordChanged { to, .. }
            | Self::AddressChanged { to, .. } => to,
        }
    }

    /// What it is about, for logs: `password_reset` and the like.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ConfirmAddress { .. } => "confirm_address",
            Self::PasswordReset { .. } => "password_reset",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::PasswordChanged { .. } => "password_changed",
            Self::AddressChanged { .. } => "address_changed",
        }
    }
}

impl fmt::Debug for AccountMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountMail({} to {})", self.kind(), self.to().masked())
    }
}
