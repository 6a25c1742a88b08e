//! A mail as a capability asks for it: which, to which address, and what it says.

use std::collections::BTreeMap;
use std::fmt;

use crate::Template;
use crate::address::masked;

/// The longest name that a mail addresses its reader by, in characters.
const MAX_NAME: usize = 40;

/// A mail to be written and sent. `Debug` shows no value: a link is as good as a password.
#[derive(Clone)]
pub struct Draft {
    /// Which mail.
    pub template: &'static Template,
    /// The address that it goes to.
    pub to: String,
    values: BTreeMap<&'static str, String>,
}

/// Takes mails and sends them when it can.
pub trait SendMail: Send + Sync {
    /// Sends `draft`, now or later. Must not block, and has no failure that a caller could
    /// act on: the client that asked must not learn whether there was a mail.
    fn send(&self, draft: Draft);
}

impl Draft {
    /// The mail of `template`, to the address `to`.
    #[must_use]
    pub fn new(template: &'static Template, to: impl Into<String>) -> Self {
        Self { template, to: to.into(), values: BTreeMap::new() }
    }

    /// How to address the reader. Left out unless it can only be a name: a person may have
    /// registered the address of another, and a server that mails whatever they call
    /// themselves is a way to send spam.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        let usual = |c: char| c.is_alphanumeric() || " '’-".contains(c);
        let is_name = name.chars().count() <= MAX_NAME && name.chars().all(usual);
        self.with("name", if is_name { name } else { "" })
    }

    /// Where its link leads: an absolute path on this server. It may hold a secret that
    /// works once, so it goes into the mail and nowhere else.
    #[must_use]
    pub fn link(self, path: &str) -> Self {
        self.with("link", path)
    }

    /// What it says besides, under a name that the template declares; any other is ignored.
    #[must_use]
    pub fn with(mut self, value: &'static str, text: &str) -> Self {
        self.values.insert(value, text.to_owned());
        self
    }

    /// What it says under that name; empty if nothing. Of the link, the path.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} to {})", self.template.name, masked(&self.to))
    }
}
