//! From a [`Draft`] to a [`Mail`]: the server's name and address, links that lead to it, and
//! how long they work, in words.

use std::path::Path;
use std::time::Duration;

use crate::templates::{Templates, Values};
use crate::{Draft, InvalidAddress, Mail, Mailer, Recipient, SendMail, Template, TemplateError};

/// Why a draft is no mail.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Its template fails.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Writes mails.
#[derive(Debug)]
pub struct Composer {
    templates: Templates,
    site: String,
    url: String,
}

impl Composer {
    /// For the server at `url`, which has no `/` at the end. Writes the mails of `declared`
    /// and those of this crate, in the texts of the operator's `folder` where there are any.
    ///
    /// # Errors
    /// [`TemplateError`]: the first file that cannot be used.
    pub fn new(
        folder: Option<&Path>,
        declared: impl IntoIterator<Item = &'static Template>,
        url: String,
    ) -> Result<Self, TemplateError> {
        let own = crate::mails::ALL.iter().copied();
        let templates = Templates::load(folder, declared.into_iter().chain(own).collect())?;
        let site = host(&url).to_owned();
        Ok(Self { templates, site, url })
    }

    /// The server's name: its host.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Writes `draft`.
    ///
    /// # Errors
    /// [`ComposeError`]; that of a template only if it fails on these values.
    pub fn compose(&self, draft: &Draft) -> Result<Mail, ComposeError> {
        let template = draft.template;
        let to: Recipient = draft.to.parse()?;
        let mut values = Values::from([("site", self.site.clone()), ("url", self.url.clone())]);
        for name in template.values {
            let value = match (*name, template.link_life) {
                ("link", _) => format!("{}{}", self.url, draft.value("link")),
                ("valid", Some(life)) => in_words(life),
                (name, _) => draft.value(name).to_owned(),
            };
            values.insert(name, value);
        }
        Ok(self.templates.render(template, to, &values)?)
    }
}

/// Writes mails and queues them.
#[derive(Debug)]
pub struct MailService {
    /// Writes them.
    pub composer: Composer,
    /// Queues them.
    pub mailer: Mailer,
}

impl SendMail for MailService {
    fn send(&self, draft: Draft) {
        match self.composer.compose(&draft) {
            Ok(mail) => self.mailer.post(mail),
            // The templates were tried at start: only one that fails on some values.
            Err(error) => tracing::error!(%error, "mail not written"),
        }
    }
}

/// The host of `scheme://host[:port]`.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    &authority[..port_at.unwrap_or(authority.len())]
}

/// In hours if it is whole hours, else in minutes.
fn in_words(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    let (count, unit) =
        if minutes.is_multiple_of(60) { (minutes / 60, "hour") } else { (minutes, "minute") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_from_every_form_of_an_origin() {
        assert_eq!(host("https://chat.example.org"), "chat.example.org");
        assert_eq!(host("http://localhost:7777"), "localhost");
        assert_eq!(host("http://[::1]:7777"), "[::1]");
    }

    #[test]
    fn a_span_is_said_in_its_unit() {
        let words = |minutes: u32| in_words(Duration::from_secs(60 * u64::from(minutes)));
        assert_eq!(
            [1, 45, 60, 90, 1_440].map(words).join(", "),
            "1 minute, 45 minutes, 1 hour, 90 minutes, 24 hours"
        );
    }
}
