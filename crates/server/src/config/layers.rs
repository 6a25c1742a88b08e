//! The layers, laid over each other: of each setting the topmost value and where
//! it came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::known::{KNOWN, Known, nearest};
use super::{ConfigError, file};

/// What the command line sets; empty fields leave the layers below in force.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`, as often as given.
    pub listen: Vec<String>,
    /// `--data`.
    pub data: Option<String>,
}

/// The value in force of every setting that has one.
#[derive(Clone, Debug)]
pub struct Layers {
    values: BTreeMap<&'static str, Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) parts: Vec<String>,
    pub(super) source: Source,
}

/// Where a value came from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Default,
    File { file: PathBuf, line: usize },
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

impl Layers {
    /// The lowest layer alone.
    #[must_use]
    pub fn defaults() -> Self {
        let set = KNOWN.iter().filter(|known| !known.default.is_empty()).map(|known| {
            let parts = known.default.iter().map(|&part| part.to_owned()).collect();
            (known.name, Value { parts, source: Source::Default })
        });
        Self { values: set.collect() }
    }

    /// All layers: defaults, `file` if there is one, `environment`, `flags`.
    ///
    /// # Errors
    /// When the file cannot be read or parsed, and for every key that is no
    /// setting. Whether values fit is for [`Settings`](super::Settings) to say.
    pub fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: &Flags,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self::defaults();
        if let Some(file) = file {
            layers.values.extend(file::read(file)?);
        }
        layers.values.extend(from_environment(environment)?);
        layers.add_flags(flags);
        Ok(layers)
    }

    fn add_flags(&mut self, flags: &Flags) {
        let mut add = |name, flag, parts| {
            self.values.insert(name, Value { parts, source: Source::Flag(flag) });
        };
        if !flags.listen.is_empty() {
            add("listen", "--listen", flags.listen.clone());
        }
        if let Some(data) = &flags.data {
            add("data", "--data", vec![data.clone()]);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A setting with at most one value.
    pub(super) fn one<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        Ok(self.many(name, expected, parse)?.into_iter().next())
    }

    /// A setting with any number of values.
    pub(super) fn many<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let parsed = value.parts.iter().map(|part| {
            parse(part).ok_or_else(|| ConfigError::BadValue {
                place: value.source.to_string(),
                name,
                shown: Known::named(name)
                    .map_or_else(String::new, |known| format!("{:?}", known.shown(part))),
                expected,
            })
        });
        parsed.collect()
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name)?.parts.first().map(PathBuf::from)
    }
}

/// The parts of a value that came as one text: of a list those between commas.
/// An empty text is no value, as scripts write it that pass variables on.
pub(super) fn split(known: &Known, text: &str) -> Vec<String> {
    if !known.many {
        return Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
    }
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn from_environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(&'static str, Value)>, ConfigError> {
    let mut values = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("PACKETBOAT_")) else {
            continue;
        };
        let known = Known::of_variable(name).ok_or_else(|| ConfigError::UnknownVariable {
            name: name.to_owned(),
            nearest: nearest(name, KNOWN.iter().map(Known::variable)),
        })?;
        let text = value.to_str().ok_or_else(|| ConfigError::NotText { name: name.to_owned() })?;
        let source = Source::Environment(name.to_owned());
        values.push((known.name, Value { parts: split(known, text), source }));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(file: Option<&Path>, listen: Option<&str>, flags: &Flags) -> Layers {
        let environment = listen.map(|value| ("PACKETBOAT_LISTEN".into(), value.into()));
        Layers::read(file, environment, flags).unwrap()
    }

    #[test]
    fn each_layer_lies_over_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packetboat.toml");
        std::fs::write(&path, "# ours\nlisten = [\"127.0.0.1:1\"]\n").unwrap();
        let from_flag = Flags { listen: vec!["127.0.0.1:3".into()], data: None };
        let listen = |file, environment, flags: &Flags| {
            let value = layers(file, environment, flags).get("listen").unwrap().clone();
            (value.parts, value.source.to_string())
        };
        let none = Flags::default();
        assert_eq!(listen(None, None, &none), (vec!["0.0.0.0:7777".into()], "default".into()));
        let (parts, source) = listen(Some(&path), None, &none);
        assert_eq!(parts, ["127.0.0.1:1"]);
        assert!(source.ends_with("packetboat.toml:2"), "{source}");
        let (parts, source) = listen(Some(&path), Some("127.0.0.1:2, [::1]:2"), &none);
        assert_eq!(parts, ["127.0.0.1:2", "[::1]:2"]);
        assert_eq!(source, "environment PACKETBOAT_LISTEN");
        let (parts, source) = listen(Some(&path), Some("127.0.0.1:2"), &from_flag);
        assert_eq!(parts, ["127.0.0.1:3"]);
        assert_eq!(source, "flag --listen");
    }

    #[test]
    fn an_unknown_variable_names_the_nearest_known_one() {
        let environment = [("PACKETBOAT_LISEN".into(), "x".into()), ("HOME".into(), "/".into())];
        let error = Layers::read(None, environment, &Flags::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment: unknown setting PACKETBOAT_LISEN, did you mean PACKETBOAT_LISTEN?"
        );
    }
}
