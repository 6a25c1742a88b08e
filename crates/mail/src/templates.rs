//! The texts of all mails: a subject, a plain text and an HTML form of each, built in, each
//! of them replaceable by a file of the operator's.
//!
//! Everything is read and tried out at start, with every value missing that may be missing,
//! so that a broken file is an error then and not a mail that never comes. In HTML all
//! values are escaped.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior, Value};

use crate::Template;
use crate::address::Recipient;
use crate::message::{DEFAULT_LIFETIME, MAX_BODY, Mail};
use crate::template::Part;

/// What the built-in HTML texts are set in.
const LAYOUT: (&str, &str) = ("layout.html", include_str!("../mails/layout.html"));

/// What any text may say; what its mail does not have is empty.
const COMMON: [&str; 6] = ["site", "url", "name", "link", "valid", "detail"];

/// What one mail says, by name.
pub(crate) type Values = BTreeMap<&'static str, String>;

/// The largest file of the operator's.
const MAX_FILE: u64 = 256 * 1024;

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
    #[error("mail.templates: {} belongs to no mail; the mails are {names}", path.display())]
    Unknown {
        /// Which.
        path: PathBuf,
        /// The mails there are.
        names: String,
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

/// All templates, ready to be filled in.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
    declared: Vec<&'static Template>,
    folder: Option<PathBuf>,
}

impl Templates {
    /// Those `declared`, and in the place of their texts what is in `folder`: `<name>.subject.txt`,
    /// `<name>.txt`, `<name>.html`, and `layout.html`, which the built-in HTML is set in.
    /// Files with other endings are left alone.
    ///
    /// # Errors
    /// [`TemplateError`]: the first file that cannot be used.
    pub(crate) fn load(
        folder: Option<&Path>,
        declared: Vec<&'static Template>,
    ) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let folder = folder.map(Path::to_path_buf);
        let mut templates = Self { environment, declared, folder };
        let files: Vec<_> = templates.declared.iter().flat_map(|it| it.files()).collect();
        let (layout, text) = LAYOUT;
        templates.add(layout.to_owned(), text.to_owned())?;
        for (name, text) in &files {
            templates.add(name.clone(), (*text).to_owned())?;
        }
        if let Some(folder) = templates.folder.clone() {
            let is_known = |name: &str| name == layout || files.iter().any(|(it, _)| it == name);
            templates.read(&folder, is_known)?;
        }
        for template in &templates.declared {
            templates.try_out(template)?;
        }
        Ok(templates)
    }

    /// `template` filled in, as a mail to `to` that is worth delivering for as long as its
    /// link works, or for three days.
    ///
    /// # Errors
    /// [`TemplateError::Broken`] if an operator's template fails on these values only.
    pub(crate) fn render(
        &self,
        template: &'static Template,
        to: Recipient,
        values: &Values,
    ) -> Result<Mail, TemplateError> {
        let part =
            |part: Part| self.fill_in(&format!("{}.{}", template.name, part.ending()), values);
        Ok(Mail {
            kind: template.name,
            to,
            subject: part(Part::Subject)?,
            text: part(Part::Text)?,
            html: part(Part::Html)?,
            lifetime: template.link_life.unwrap_or(DEFAULT_LIFETIME),
        })
    }

    fn read(
        &mut self,
        folder: &Path,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(), TemplateError> {
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
            if !is_known(name) {
                let names: Vec<_> = self.declared.iter().map(|template| template.name).collect();
                let names = names.join(", ");
                return Err(TemplateError::Unknown { path, names });
            }
            let name = name.to_owned();
            let size = fs::metadata(&path).map_err(unreadable(&path))?.len();
            if size > MAX_FILE {
                let source = io::Error::other("it is larger than 256 KiB");
                return Err(TemplateError::Unreadable { path, source });
            }
            let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
            self.add(name, text)?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, text: String) -> Result<(), TemplateError> {
        let added = self.environment.add_template_owned(name.clone(), text);
        added.map_err(|error| self.broken(&name, &error))
    }

    /// Fills in `template` with everything, and with only what every mail has.
    fn try_out(&self, template: &'static Template) -> Result<(), TemplateError> {
        let bare = Values::from([
            ("site", "chat.example.org".to_owned()),
            ("url", "https://chat.example.org".to_owned()),
        ]);
        let mut full = bare.clone();
        full.extend(template.values.iter().map(|name| (*name, "something".to_owned())));
        full.extend([
            ("name", "Ann".to_owned()),
            ("link", "https://chat.example.org/some/link".to_owned()),
            ("valid", "1 hour".to_owned()),
            ("detail", "a…@example.org".to_owned()),
        ]);
        let to: Recipient = "ann@example.org".parse().expect("a literal address");
        for values in [bare, full] {
            let mail = self.render(template, to.clone(), &values)?;
            let texts = [&mail.subject, &mail.text, &mail.html];
            for (part, text) in Part::ALL.into_iter().zip(texts) {
                // Half of what is allowed: real values are longer than these.
                if text.trim().is_empty() || text.len() > MAX_BODY / 2 {
                    let size = text.len();
                    let problem = format!("gives {size} bytes, expected 1 to {}", MAX_BODY / 2);
                    let file = self.file(&format!("{}.{}", template.name, part.ending()));
                    return Err(TemplateError::Broken { file, line: 1, problem });
                }
            }
        }
        Ok(())
    }

    fn fill_in(&self, name: &str, values: &Values) -> Result<String, TemplateError> {
        let none = COMMON.map(|name| (name, ""));
        let said = values.iter().map(|(name, text)| (*name, text.as_str()));
        let values: BTreeMap<_, _> = none.into_iter().chain(said).collect();
        let template = self.environment.get_template(name);
        template
            .and_then(|template| template.render(Value::from_pairs(values)))
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
