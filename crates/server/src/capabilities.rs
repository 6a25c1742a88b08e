//! The capabilities there are, and what they declare. A new one is a line in
//! [`CAPABILITIES`].

use capability::settings::Group;
use capability::{Capability, Declaration};
use mail::{Mailer, Template};
use storage::{ExportTable, Migration};

/// All capabilities but accounts, on which the others stand, in the order in which they are
/// opened, shown on the admin site and shut down.
pub(crate) const CAPABILITIES: &[Capability] = &[chat::CAPABILITY, share::CAPABILITY];

fn declarations() -> impl Iterator<Item = Declaration> {
    let others = CAPABILITIES.iter().map(|capability| capability.declaration);
    [accounts::DECLARATION].into_iter().chain(others)
}

/// The settings of all capabilities.
pub(crate) fn settings() -> impl Iterator<Item = Group> {
    declarations().filter_map(|declaration| declaration.settings)
}

/// The mails of all capabilities.
pub(crate) fn mails() -> impl Iterator<Item = &'static Template> {
    declarations().flat_map(|declaration| declaration.mails.iter().copied())
}

/// The histories of all tables, those of infrastructure too.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let infrastructure = [Mailer::migrations as fn() -> _, admin::migrations];
    let all = declarations().map(|declaration| declaration.migrations).chain(infrastructure);
    all.flat_map(|migrations| migrations()).collect()
}

/// What is exported and imported, those that others refer to first.
#[must_use]
pub fn tables() -> Vec<ExportTable> {
    let all = declarations().map(|declaration| declaration.tables);
    all.chain([Mailer::EXPORTED, admin::EXPORTED]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table of mails in OPERATING.md: name, occasion, values.
    #[test]
    fn the_table_for_operators_has_every_mail_and_what_it_says() {
        let manual = include_str!("../../../docs/OPERATING.md");
        let (_, table) = manual.split_once("| name | sent | it has |").expect("the table");
        let table: Vec<(&str, Vec<&str>)> = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .map(|line| {
                let cells: Vec<_> = line.split('|').map(str::trim).collect();
                let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect();
                (cells[1].trim_matches('`'), quoted(cells[3]))
            })
            .collect();
        let declared = mails().chain(mail::mails::ALL.iter().copied());
        let expected: Vec<_> = declared.map(|it| (it.name, it.values.to_vec())).collect();
        assert_eq!(table, expected);
    }
}
