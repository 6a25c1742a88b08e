//! The layers, laid over each other: of each setting the topmost value and where
//! it came from.

use std::ffi::OsString;
use std::path::Path;

use capability::settings::{Row, Value, Values};

use super::rows::{self, nearest};
use super::{ConfigError, file};

/// What the command line sets; empty fields leave the layers below in force.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`, as often as given.
    pub listen: Vec<String>,
    /// `--data`.
    pub data: Option<String>,
}

/// What was set, in any of the layers.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    values: Values,
}

impl Layers {
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
        let mut layers = Self::default();
        let from_file = file.map(file::read).transpose()?.unwrap_or_default();
        for (name, value) in from_file.into_iter().chain(from_environment(environment)?) {
            layers.values.insert(name, value);
        }
        layers.add_flags(flags);
        Ok(layers)
    }

    fn add_flags(&mut self, flags: &Flags) {
        let mut add = |name, flag, parts| {
            self.values.insert(name, Value { parts, source: format!("flag {flag}") });
        };
        if !flags.listen.is_empty() {
            add("listen", "--listen", flags.listen.clone());
        }
        if let Some(data) = &flags.data {
            add("data", "--data", vec![data.clone()]);
        }
    }

    /// What was set.
    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// The value in force of the setting `row`; `None` if it has none.
    pub(super) fn in_force(&self, row: &Row) -> Option<Value> {
        let default = || Value { parts: row.default_parts(), source: "default".to_owned() };
        let set = self.values.get(row.name).cloned();
        set.or_else(|| (!row.default.is_empty()).then(default))
    }
}

fn from_environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(&'static str, Value)>, ConfigError> {
    let mut values = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("PACKETBOAT_")) else {
            continue;
        };
        let row = rows::of_variable(name).ok_or_else(|| ConfigError::UnknownVariable {
            name: name.to_owned(),
            nearest: nearest(name, rows::all().iter().map(rows::variable)),
        })?;
        let text = value.to_str().ok_or_else(|| ConfigError::NotText { name: name.to_owned() })?;
        let source = format!("environment {name}");
        values.push((row.name, Value { parts: row.split(text), source }));
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
            let row = rows::named("listen").unwrap();
            let value = layers(file, environment, flags).in_force(row).unwrap();
            (value.parts, value.source)
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
