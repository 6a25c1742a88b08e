//! The page of a list: columns, filters, paging.

use askama::Template;
use axum::response::Response;

use super::{Chrome, render};
use crate::model::{Page, Record};
use crate::query::{self, ListParams};
use crate::routes::AdminError;
use crate::{Description, FilterKind, MAX_SELECTED, PAGE_SIZE, Query, Value, civil};

#[derive(Template)]
#[template(path = "list.html")]
struct List<'a> {
    chrome: Chrome,
    description: &'a Description,
    path: String,
    total: String,
    notice: String,
    searched: String,
    narrowed: bool,
    filters: Vec<FilterView>,
    heads: Vec<Head>,
    rows: Vec<RowView<'a>>,
    /// The list's own parameters, for the way back.
    own: String,
    sort: String,
    previous: String,
    next: String,
    page: u64,
    deepest: bool,
    note: &'a str,
    /// How many "all of the list" are, where an action may be params for them.
    everything: String,
    csv: String,
    json: String,
}

struct Head {
    label: &'static str,
    /// Empty: not sortable.
    href: String,
    /// As `aria-sort` has it.
    sorted: &'static str,
}

struct RowView<'a> {
    href: String,
    record: &'a Record,
}

struct FilterView {
    id: String,
    label: &'static str,
    kind: &'static str,
    /// Value, label, chosen.
    options: Vec<(&'static str, &'static str, bool)>,
    value: String,
    until: (String, String),
}

pub(crate) fn list(
    chrome: Chrome,
    description: &Description,
    params: &ListParams,
    page: Page,
) -> Result<Response, AdminError> {
    let path = format!("/admin/{}", description.slug);
    let query = params.query(description);
    let number = params.page();
    let shown = query.offset + page.rows.len() as u64;
    let to = |number: u64| params.address(&path, &[("page", &number.to_string())]);
    let more = page.total.capped || shown < page.total.value;
    let reachable = number < crate::COUNT_CAP / PAGE_SIZE;
    let full = page.rows.len() as u64 == PAGE_SIZE;
    let few = !page.total.capped && page.total.value <= MAX_SELECTED as u64;
    let narrowed = query.search.is_some() || !query.filters.is_empty();
    render(&List {
        notice: notice(description, params.value("done")),
        searched: query.search.clone().unwrap_or_default(),
        narrowed,
        filters: description.filters.iter().map(|filter| filter_view(filter, params)).collect(),
        heads: heads(description, params, &path, &query),
        rows: page
            .rows
            .iter()
            .map(|record| RowView { href: format!("{path}/{}", record.id), record })
            .collect(),
        own: params.address("", &[]).trim_start_matches('?').to_owned(),
        sort: params.value("sort").to_owned(),
        previous: if number > 1 { to(number - 1) } else { String::new() },
        next: if more && full && reachable { to(number + 1) } else { String::new() },
        page: number,
        note: &page.note,
        deepest: more && full && !reachable,
        everything: if few && (more || number > 1) {
            format!("all {}", page.total.value)
        } else {
            String::new()
        },
        csv: params.address(&format!("{path}/export.csv"), &[("page", "")]),
        json: params.address(&format!("{path}/export.jsonl"), &[("page", "")]),
        total: total(description, &page),
        path,
        chrome,
        description,
    })
}

fn total(description: &Description, page: &Page) -> String {
    let word = if page.total.value == 1 { description.singular } else { description.plural };
    if description.plural == description.singular || description.export {
        let entries = if page.total.value == 1 { "entry" } else { "entries" };
        return format!("{} {entries}", page.total);
    }
    format!("{} {word}", page.total)
}

/// What the last request did, said again: only what it can have been, whatever the
/// address says.
fn notice(description: &Description, done: &str) -> String {
    let Some((slug, count)) = done.split_once(':') else { return String::new() };
    let (Some(action), Ok(count)) = (description.action(slug), count.parse::<u32>()) else {
        return String::new();
    };
    let word = if count == 1 { description.singular } else { description.plural };
    format!("{}: done for {count} {word}.", action.label)
}

fn heads(description: &Description, params: &ListParams, path: &str, query: &Query) -> Vec<Head> {
    let head = |column: &crate::Column| {
        let sorted = query.sort.filter(|sort| sort.column == column.name);
        let (turned, sorted) = match sorted {
            Some(sort) if sort.descending => (column.name.to_owned(), "descending"),
            Some(_) => (format!("-{}", column.name), "ascending"),
            None => (column.name.to_owned(), ""),
        };
        let href = if column.sortable {
            params.address(path, &[("sort", &turned), ("page", "")])
        } else {
            String::new()
        };
        Head { label: column.label, href, sorted }
    };
    description.columns.iter().map(head).collect()
}

fn filter_view(filter: &crate::Filter, params: &ListParams) -> FilterView {
    let id = query::parameter(filter.name);
    let value = params.value(&id).to_owned();
    let mut view = FilterView {
        label: filter.label,
        kind: "choice",
        options: Vec::new(),
        until: Default::default(),
        value,
        id,
    };
    let chosen = |options: &[(&'static str, &'static str)]| {
        options.iter().map(|(value, label)| (*value, *label, *value == view.value)).collect()
    };
    match &filter.kind {
        FilterKind::Choice(choices) => view.options = chosen(choices),
        FilterKind::Flag => view.options = chosen(&[("yes", "Yes"), ("no", "No")]),
        FilterKind::Exactly => view.kind = "text",
        FilterKind::Days => {
            view.kind = "days";
            let (from, to) = (query::from_parameter(filter.name), query::to_parameter(filter.name));
            view.value = params.value(&from).to_owned();
            view.until = (to.clone(), params.value(&to).to_owned());
            view.id = from;
        }
    }
    view
}
