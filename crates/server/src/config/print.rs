//! The settings in force as a settings file, each with where it came from.

use std::fmt::{self, Write as _};

use capability::settings::{Row, Value};

use super::{Layers, rows};

/// Valid TOML, secrets hidden: what `packetboat config` prints.
impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for row in rows::all() {
            let (within, key) = row.name.split_once('.').unwrap_or(("", row.name));
            if within != section {
                section = within;
                writeln!(f, "\n[{section}]")?;
            }
            match self.in_force(row) {
                Some(value) if row.many || !value.parts.is_empty() => {
                    writeln!(f, "{key} = {} # {}", shown(row, &value), value.source)?;
                }
                _ => writeln!(f, "# {key} is not set")?,
            }
        }
        Ok(())
    }
}

fn shown(row: &Row, value: &Value) -> String {
    let mut parts = value.parts.iter().map(|part| quoted(&row.shown(part)));
    if row.many {
        format!("[{}]", parts.collect::<Vec<_>>().join(", "))
    } else {
        parts.next().unwrap_or_default()
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        // Writing to a String cannot fail.
        let _ = match character {
            '"' | '\\' => write!(quoted, "\\{character}"),
            control if control.is_control() => write!(quoted, "\\u{:04X}", u32::from(control)),
            plain => write!(quoted, "{plain}"),
        };
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::Flags;
    use super::*;

    #[test]
    fn what_is_printed_is_a_settings_file_without_secrets() {
        let environment = [
            ("PACKETBOAT_METRICS__TOKEN".into(), "a-very-secret-token".into()),
            ("PACKETBOAT_DATABASE__URL".into(), "postgres://u:hunter2@h/db".into()),
        ];
        let data = Some("quo\"te\\d\n".into());
        let layers = Layers::read(None, environment, &Flags { data, listen: vec![] }).unwrap();
        let text = layers.to_string();
        assert!(!text.contains("hunter2") && !text.contains("very-secret"), "{text}");
        assert!(text.contains("listen = [\"0.0.0.0:7777\"] # default\n"), "{text}");
        assert!(text.contains("token = \"(hidden)\" # environment PACKETBOAT_METRICS__TOKEN\n"));
        assert!(text.contains("url = \"postgres://u:(hidden)@h/db\""), "{text}");
        assert!(text.contains("# public_url is not set\n"), "{text}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("printed.toml");
        std::fs::write(&path, &text).unwrap();
        let again = Layers::read(Some(&path), [], &Flags::default()).unwrap();
        assert_eq!(again.values().get("data").unwrap().parts, ["quo\"te\\d\n"]);
    }
}
