//! The list of capabilities.

use capability::settings::Group;
use mail::Template;

/// The settings of all capabilities.
pub(crate) fn settings() -> impl Iterator<Item = Group> {
    [chat::SETTINGS].into_iter()
}

/// The mails of all capabilities.
pub(crate) fn mails() -> impl Iterator<Item = &'static Template> {
    accounts::mails::ALL.iter().copied()
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
