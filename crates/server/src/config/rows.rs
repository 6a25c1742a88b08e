//! All settings there are, the server's own and the capabilities', and the nearest of them
//! to one that does not exist.

use std::sync::LazyLock;

use capability::settings::Row;

use super::Settings;
use crate::capabilities;

/// Every setting, settings without a section first, as a TOML file wants it.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let theirs = capabilities::settings().flat_map(|group| (group.rows)());
    Settings::rows().into_iter().chain(theirs).collect()
});

/// Every setting.
pub(super) fn all() -> &'static [Row] {
    &ROWS
}

/// The setting called `name`.
pub(super) fn named(name: &str) -> Option<&'static Row> {
    all().iter().find(|row| row.name == name)
}

/// The setting of the environment variable `variable`.
pub(super) fn of_variable(name: &str) -> Option<&'static Row> {
    all().iter().find(|row| variable(row) == name)
}

/// The environment variable of a setting.
pub(super) fn variable(row: &Row) -> String {
    format!("PACKETBOAT_{}", row.name.replace('.', "__").to_uppercase())
}

/// The sections of a settings file, some several times.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    all().iter().filter_map(|row| row.name.split_once('.')).map(|(section, _)| section)
}

/// The one of `candidates` that is most like `name`.
pub(super) fn nearest(name: &str, candidates: impl Iterator<Item = String>) -> String {
    let likeness = |candidate: &String| strsim::normalized_damerau_levenshtein(name, candidate);
    candidates.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_two_underscores_between_levels() {
        assert_eq!(variable(named("limits.exempt").unwrap()), "PACKETBOAT_LIMITS__EXEMPT");
        assert_eq!(of_variable("PACKETBOAT_PUBLIC_URL").unwrap().name, "public_url");
    }

    #[test]
    fn the_nearest_is_found() {
        let names = || all().iter().map(|row| row.name.to_owned());
        assert_eq!(nearest("lisen", names()), "listen");
        assert_eq!(nearest("tls.certificate", names()), "tls.cert");
        assert_eq!(nearest("trusted_proxy", names()), "trusted_proxies");
        assert_eq!(nearest("cert", names()), "tls.cert");
    }

    #[test]
    fn names_are_unique_and_sections_stand_together_after_what_has_none() {
        let mut names: Vec<_> = all().iter().map(|row| row.name).collect();
        let mut sections: Vec<_> =
            names.iter().map(|name| name.split_once('.').map_or("", |(it, _)| it)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len(), "two settings have the same name");
        sections.dedup();
        assert_eq!(sections.first(), Some(&""));
        let in_order = sections.len();
        sections.sort_unstable();
        sections.dedup();
        assert_eq!(sections.len(), in_order, "a TOML file opens each section once");
    }

    /// The rows of the table "Settings" in OPERATING.md.
    #[test]
    fn the_table_for_operators_says_what_the_rows_say() {
        let expected: Vec<String> = all()
            .iter()
            .map(|row| {
                let default = match row.default {
                    "" => row.otherwise.to_owned(),
                    default => format!("`{default}`"),
                };
                let default =
                    if default.is_empty() { " ".to_owned() } else { format!(" {default} ") };
                format!("| `{}` | `{}` |{default}| {} |", row.name, variable(row), row.description)
            })
            .collect();
        let manual = include_str!("../../../../docs/OPERATING.md");
        let (_, table) = manual.split_once("| setting | variable |").expect("the table");
        let table: Vec<&str> =
            table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(table, expected, "write it as\n{}", expected.join("\n"));
    }
}
