//! The texts: a subject, a plain text and an HTML form of each mail, built in, each of them
//! replaceable by a file of the operator's.
//!
//! Everything is read and tried out at start, with every value missing that may be missing,
//! so that a broken file is an error then and not a mail that never comes. In HTML all
//! values are escaped.

mod builtin;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior, Value};

use crate::address::Recipient;
use crate::message::{DEFAULT_LIFETIME, MAX_BODY, Mail};

use builtin::BUILT_IN;

/// The largest file of the operator's.
const MAX_FILE: u64 = 256 * 1024;

/// One of the mails that this server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Template {
    /// A link to choose a new password.
    PasswordReset,
    /// A link to confirm that an address is one's own.
    ConfirmAddress,
    /// To the owner of an address that somebody tried to register with again.
    AlreadyRegistered,
    /// Word that the password was changed.
    PasswordChanged,
    /// Word, to the old address, that there is a new one.
    AddressChanged,
    /// What `packetboat mail test` sends.
    Test,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PasswordReset,
        Self::ConfirmAddress,
        Self::AlreadyRegistered,
        Self::PasswordChanged,
        Self::AddressChanged,
        Self::Test,
    ];

    /// What its files are called, without their endings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::ConfirmAddress => "confirm_address",
            Self::AlreadyRegistered => "already_registered",
            Self::PasswordChanged => "password_changed",
            Self::AddressChanged => "address_changed",
            Self::Test => "test",
        }
    }
}

/// What a template may say. Which of them a mail has is said in OPERATING.md; the others
/// are empty.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// The server's name: its host.
    pub site: String,
    /// The server's address, without a `/` at the end.
    pub url: String,
    /// Whom the mail is for; may be empty.
    pub name: String,
    /// Where to click.
    pub link: String,
    /// How long the link works, in words.
    pub valid: String,
    /// One thing more that only this mail says.
    pub detail: String,
}

/// Templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file or the folder cannot be read.
    #[error("mail.templates: cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that no mail would use: most likely misspelled.
    #[error("mail.templates: {} belongs to no mail; the mails are {}", path.display(), names())]
    Unknown {
        /// Which.
        path: PathBuf,
    },
    /// A file is not a template, or says something that is not known.
    #[error("mail.templates: {file}:{line}: {problem}")]
    Broken {
        /// The file, or the name of the built-in one.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
}

fn names() -> String {
    Template::ALL.map(Template::name).join(", ")
}

/// All templates, ready to be filled in.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    folder: Option<PathBuf>,
}

impl Templates {
    /// The built-in ones, and in their place what is in `folder`: `<name>.subject.txt`,
    /// `<name>.txt`, `<name>.html`, and `layout.html`, which the built-in HTML is set in.
    /// Files with other endings are left alone.
    ///
    /// # Errors
    /// [`TemplateError`]: the first file that cannot be used.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut templates = Self { environment, folder: folder.map(Path::to_path_buf) };
        for (name, text) in BUILT_IN {
            templates.add(name, text.to_owned())?;
        }
        if let Some(folder) = folder {
            templates.read(folder)?;
        }
        for template in Template::ALL {
            templates.try_out(template)?;
        }
        Ok(templates)
    }

    /// `template` filled in, as a mail to `to` that is worth delivering for three days.
    ///
    /// # Errors
    /// [`TemplateError::Broken`] if an operator's template fails on these values only.
    pub fn render(
        &self,
        template: Template,
        to: Recipient,
        values: &Values,
    ) -> Result<Mail, TemplateError> {
        let part = |ending: &str| self.fill_in(&format!("{}.{ending}", template.name()), values);
        Ok(Mail {
            kind: template.name(),
            to,
            subject: part("subject.txt")?,
            text: part("txt")?,
            html: part("html")?,
            lifetime: DEFAULT_LIFETIME,
        })
    }

    fn read(&mut self, folder: &Path) -> Result<(), TemplateError> {
        let unreadable = |path: &Path| {
            let path = path.to_path_buf();
            move |source| TemplateError::Unreadable { path, source }
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            paths.push(entry.map_err(unreadable(folder))?.path());
        }
        // In one order everywhere, so that of several problems the same one is named.
        paths.sort_unstable();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with('.') || !(name.ends_with(".txt") || name.ends_with(".html")) {
                continue;
            }
            let Some((known, _)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
                return Err(TemplateError::Unknown { path });
            };
            let size = fs::metadata(&path).map_err(unreadable(&path))?.len();
            if size > MAX_FILE {
                let source = io::Error::other("it is larger than 256 KiB");
                return Err(TemplateError::Unreadable { path, source });
            }
            let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
            self.add(known, text)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &'static str, text: String) -> Result<(), TemplateError> {
        let added = self.environment.add_template_owned(name, text);
        added.map_err(|error| self.broken(name, &error))
    }

    /// Fills in `template` with everything, and with only what every mail has.
    fn try_out(&self, template: Template) -> Result<(), TemplateError> {
        let bare = Values {
            site: "chat.example.org".to_owned(),
            url: "https://chat.example.org".to_owned(),
            ..Values::default()
        };
        let full = Values {
            name: "Ann".to_owned(),
            link: "https://chat.example.org/some/link".to_owned(),
            valid: "1 hour".to_owned(),
            detail: "a…@example.org".to_owned(),
            ..bare.clone()
        };
        let nobody: Recipient = "nobody@example.org".parse().expect("a literal address");
        for values in [bare, full] {
            let mail = self.render(template, nobody.clone(), &values)?;
            for (ending, text) in
                [("subject.txt", &mail.subject), ("txt", &mail.text), ("html", &mail.html)]
            {
                // Half of what is allowed: real values are longer than these.
                if text.trim().is_empty() || text.len() > MAX_BODY / 2 {
                    let size = text.len();
                    let problem = format!("gives {size} bytes, expected 1 to {}", MAX_BODY / 2);
                    let file = self.file(&format!("{}.{ending}", template.name()));
                    return Err(TemplateError::Broken { file, line: 1, problem });
                }
            }
        }
        Ok(())
    }

    fn fill_in(&self, name: &str, values: &Values) -> Result<String, TemplateError> {
        let template = self.environment.get_template(name);
        let values = Value::from_pairs([
            ("site", values.site.as_str()),
            ("url", &values.url),
            ("name", &values.name),
            ("link", &values.link),
            ("valid", &values.valid),
            ("detail", &values.detail),
        ]);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| self.broken(name, &error))
    }

    /// The innermost place that the engine knows: of a layout that fails while a mail is
    /// filled in, the layout.
    fn broken(&self, name: &str, error: &minijinja::Error) -> TemplateError {
        let mut innermost = error;
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            if let Some(inner) = inner.downcast_ref::<minijinja::Error>() {
                innermost = inner;
            }
            cause = inner.source();
        }
        let what = innermost.detail().map_or_else(String::new, |detail| format!(": {detail}"));
        TemplateError::Broken {
            file: self.file(innermost.name().unwrap_or(name)),
            line: innermost.line().unwrap_or(1),
            problem: format!("{}{what}", innermost.kind()),
        }
    }

    fn file(&self, name: &str) -> String {
        let own = self.folder.as_ref().map(|folder| folder.join(name));
        match own.filter(|path| path.exists()) {
            Some(path) => path.display().to_string(),
            None => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
