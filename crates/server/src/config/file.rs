//! The settings file: TOML, every key known, every problem with its line.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use capability::settings::{Row, Value};

use super::ConfigError;
use super::rows::{self, nearest, sections};

type Values = Vec<(&'static str, Value)>;

/// Reads `path`.
pub(super) fn read(path: &Path) -> Result<Values, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { file: path.into(), source })?;
    let reader = Reader { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        // The parser's message may go on with an explanation on further lines.
        reader.problem(at, error.message().replace('\n', ", "))
    })?;
    let mut values = Vec::new();
    reader.section("", table.get_ref(), &mut values)?;
    Ok(values)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn section(
        &self,
        prefix: &str,
        table: &DeTable<'_>,
        values: &mut Values,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            match (value.get_ref(), rows::named(&name)) {
                (DeValue::Table(inner), None) if sections().any(|section| section == name) => {
                    self.section(&format!("{name}."), inner, values)?;
                }
                (_, Some(row)) => values.push((row.name, self.value(row, value)?)),
                (other, None) => {
                    let problem = unknown(&name, other.is_table());
                    return Err(self.problem(key.span().start, problem));
                }
            }
        }
        Ok(())
    }

    fn value(&self, row: &Row, value: &Spanned<DeValue<'_>>) -> Result<Value, ConfigError> {
        let at = value.span().start;
        let parts = match value.get_ref() {
            DeValue::Array(items) if row.many => {
                items.iter().map(|item| scalar(item.get_ref())).collect::<Option<Vec<_>>>()
            }
            other => scalar(other).map(|text| row.split(&text)),
        };
        let expected = if row.many { "a list of texts" } else { "a text" };
        let parts =
            parts.ok_or_else(|| self.problem(at, format!("{} must be {expected}", row.name)))?;
        Ok(Value { parts, source: format!("{}:{}", self.path.display(), self.line(at)) })
    }

    fn problem(&self, at: usize, problem: String) -> ConfigError {
        ConfigError::File { file: self.path.into(), line: self.line(at), problem }
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }
}

fn unknown(name: &str, is_table: bool) -> String {
    if !is_table && sections().any(|section| section == name) {
        return format!("\"{name}\" is a section: write [{name}]");
    }
    let nearest = if is_table {
        nearest(name, sections().map(str::to_owned))
    } else {
        nearest(name, rows::all().iter().map(|row| row.name.to_owned()))
    };
    format!("unknown setting \"{name}\", did you mean \"{nearest}\"?")
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packetboat.toml");
        fs::write(&path, text).unwrap();
        let text = read(&path).unwrap_err().to_string();
        text.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn every_problem_has_its_line() {
        assert_eq!(
            problem("data = \"x\"\nlisen = [\"0.0.0.0:1\"]\n"),
            "packetboat.toml:2: unknown setting \"lisen\", did you mean \"listen\"?"
        );
        assert_eq!(
            problem("[tls]\ncert = \"a\"\nkeys = \"b\"\n"),
            "packetboat.toml:3: unknown setting \"tls.keys\", did you mean \"tls.key\"?"
        );
        assert_eq!(
            problem("\n[metric]\nlisten = \"a\"\n"),
            "packetboat.toml:2: unknown setting \"metric\", did you mean \"metrics\"?"
        );
        assert_eq!(problem("tls = 1"), "packetboat.toml:1: \"tls\" is a section: write [tls]");
        assert_eq!(problem("data = [\"a\"]"), "packetboat.toml:1: data must be a text");
        assert_eq!(
            problem("listen = [[\"a\"]]"),
            "packetboat.toml:1: listen must be a list of texts"
        );
        assert!(problem("data = \"x\"\nlisten = [\"a\",\n").starts_with("packetboat.toml:"));
        assert!(problem("\n\ndata == 1\n").starts_with("packetboat.toml:3: "));
    }

    #[test]
    fn a_list_may_be_one_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packetboat.toml");
        fs::write(&path, "listen = \"0.0.0.0:1\"\nlimits.exempt = [\"::1\"]").unwrap();
        let values = read(&path).unwrap();
        assert_eq!(values.len(), 2);
        assert!(values.iter().any(|(name, value)| *name == "listen" && value.parts.len() == 1));
    }
}
