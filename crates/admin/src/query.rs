//! What a list is asked for, and the addresses that ask it.

use base::Timestamp;
use form_urlencoded::Serializer;

use crate::civil;
use crate::{Description, Filter, FilterKind};

/// Rows on a page.
pub const PAGE_SIZE: u64 = 50;

/// Rows that are counted, and how deep pages go. To find something
/// beyond, staff narrows the list.
pub const COUNT_CAP: u64 = 10_000;

/// Objects that one action may be asked for at once.
pub const MAX_SELECTED: usize = 1_000;

/// Characters of a search or a filter's text that count.
const MAX_TEXT: usize = 200;

/// What a list is asked for; made of an address, so everything in it is as the
/// description says.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The text to find; not empty.
    pub search: Option<String>,
    /// By which filters, at most one of each.
    pub filters: Vec<(&'static str, FilterValue)>,
    /// By which column; `None`: the order that the model finds natural.
    pub sort: Option<Sort>,
    /// Rows to leave out.
    pub offset: u64,
    /// Rows to give at most.
    pub limit: u64,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// A sortable column's name.
    pub column: &'static str,
    /// The largest first.
    pub descending: bool,
}

/// What a filter is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterValue {
    /// One of its choices.
    Choice(&'static str),
    /// Yes or no.
    Flag(bool),
    /// Exactly this text.
    Exactly(String),
    /// From the first moment on, before the second.
    Between(Option<Timestamp>, Option<Timestamp>),
}

impl Query {
    /// The filter called `name`, if it is set.
    #[must_use]
    pub fn filter(&self, name: &str) -> Option<&FilterValue> {
        self.filters.iter().find(|(set, _)| *set == name).map(|(_, filtered)| filtered)
    }

    /// The choice that the filter called `name` is set to.
    #[must_use]
    pub fn choice(&self, name: &str) -> Option<&'static str> {
        match self.filter(name) {
            Some(FilterValue::Choice(value)) => Some(value),
            _ => None,
        }
    }

    /// The flag that the filter called `name` is set to.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.filter(name) {
            Some(FilterValue::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// The text that the filter called `name` is set to.
    #[must_use]
    pub fn exactly(&self, name: &str) -> Option<&str> {
        match self.filter(name) {
            Some(FilterValue::Exactly(text)) => Some(text),
            _ => None,
        }
    }

    /// From when on, and before when, by the filter called `name`.
    #[must_use]
    pub fn between(&self, name: &str) -> (Option<Timestamp>, Option<Timestamp>) {
        match self.filter(name) {
            Some(FilterValue::Between(from, before)) => (*from, *before),
            _ => (None, None),
        }
    }
}

/// The parameters of a list's address, as they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListParams(pub(crate) Vec<(String, String)>);

impl ListParams {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.take(64).map(|(name, value)| (name.into_owned(), cut(&value))).collect())
    }

    /// The value of `name`; empty if it was not sent.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(sent, _)| sent == name).map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn page(&self) -> u64 {
        self.value("page").parse().unwrap_or(1).clamp(1, COUNT_CAP / PAGE_SIZE)
    }

    pub(crate) fn sort(&self, description: &Description) -> Option<Sort> {
        let column = self.value("sort");
        let (name, descending) = match column.strip_prefix('-') {
            Some(name) => (name, true),
            None => (column, false),
        };
        let column = description.columns.iter().find(|column| column.name == name)?;
        column.sortable.then_some(Sort { column: column.name, descending })
    }

    pub(crate) fn query(&self, description: &Description) -> Query {
        let search = self.value("q").trim();
        let searched = description.search.is_some() && !search.is_empty();
        let set = |filter: &Filter| Some((filter.name, self.filtered(filter)?));
        Query {
            search: searched.then(|| search.to_owned()),
            filters: description.filters.iter().filter_map(set).collect(),
            sort: self.sort(description),
            offset: (self.page() - 1) * PAGE_SIZE,
            limit: PAGE_SIZE,
        }
    }

    fn filtered(&self, filter: &Filter) -> Option<FilterValue> {
        let text = self.value(&parameter(filter.name)).trim().to_owned();
        match &filter.kind {
            FilterKind::Choice(choices) => {
                let (value, _) = choices.iter().find(|(value, _)| *value == text)?;
                Some(FilterValue::Choice(value))
            }
            FilterKind::Flag if text == "yes" => Some(FilterValue::Flag(true)),
            FilterKind::Flag if text == "no" => Some(FilterValue::Flag(false)),
            FilterKind::Flag => None,
            FilterKind::Exactly => (!text.is_empty()).then_some(FilterValue::Exactly(text)),
            FilterKind::Days => {
                let from = civil::day(self.value(&from_parameter(filter.name)));
                let to = civil::day(self.value(&to_parameter(filter.name))).map(civil::day_after);
                (from.is_some() || to.is_some()).then_some(FilterValue::Between(from, to))
            }
        }
    }

    /// The address of the same list with `changes`, an empty value leaving the
    /// parameter out. What is a message of the last request is not kept.
    pub(crate) fn address(&self, path: &str, changes: &[(&str, &str)]) -> String {
        let changed = |name: &str| changes.iter().any(|(change, _)| *change == name);
        let kept = self.0.iter().filter(|(name, value)| {
            !value.is_empty() && !changed(name) && !name.starts_with("done") && is_plain(name)
        });
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let set = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(kept.chain(set)).finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A filter's parameter.
pub(crate) fn parameter(filter: &str) -> String {
    format!("f_{filter}")
}

pub(crate) fn from_parameter(filter: &str) -> String {
    format!("f_{filter}_from")
}

pub(crate) fn to_parameter(filter: &str) -> String {
    format!("f_{filter}_to")
}

/// Whether `name` is a parameter of lists, and not one that the client added to have it carried
/// along.
fn is_plain(name: &str) -> bool {
    matches!(name, "q" | "sort" | "page") || name.starts_with("f_")
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    fn description() -> Description {
        Description {
            columns: vec![Column::new("name", "Name").sortable(), Column::new("x", "X")],
            search: Some("name"),
            filters: vec![
                Filter::new("state", "State", FilterKind::Choice(vec![("on", "On")])),
                Filter::new("active", "Active", FilterKind::Flag),
                Filter::new("at", "At", FilterKind::Days),
                Filter::new("by", "By", FilterKind::Exactly),
            ],
            ..Description::new("things", "thing", "things")
        }
    }

    #[test]
    fn an_address_becomes_what_the_description_allows() {
        let params = ListParams::parse(Some(
            "q=+a+b+&f_state=on&f_active=no&f_at_from=1970-01-02&f_at_to=1970-01-02&f_by=ann&sort=-name&page=3",
        ));
        let query = params.query(&description());
        assert_eq!(query.search.as_deref(), Some("a b"));
        assert_eq!(query.choice("state"), Some("on"));
        assert_eq!(query.flag("active"), Some(false));
        assert_eq!(query.exactly("by"), Some("ann"));
        let day = 86_400_000;
        assert_eq!(query.between("at"), (Some(Timestamp(day)), Some(Timestamp(2 * day))));
        assert_eq!(query.sort, Some(Sort { column: "name", descending: true }));
        assert_eq!(query.offset, 100);
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        let params = ListParams::parse(Some(
            "f_state=off&f_active=maybe&f_at_from=x&sort=x&page=-1&q=%00&f_by=",
        ));
        let query = params.query(&description());
        assert!(query.filters.is_empty());
        assert_eq!(query.sort, None);
        assert_eq!(query.search, None);
        assert_eq!(query.offset, 0);
        assert_eq!(ListParams::parse(Some("page=99999999")).page(), COUNT_CAP / PAGE_SIZE);
    }

    #[test]
    fn addresses_keep_what_is_ours() {
        let params = ListParams::parse(Some("q=a%26b&evil=1&done=x&page=2"));
        assert_eq!(params.address("/p", &[("page", "3")]), "/p?q=a%26b&page=3");
        assert_eq!(params.address("/p", &[("page", ""), ("q", "")]), "/p");
    }
}
