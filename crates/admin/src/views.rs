//! The pages: what the templates are given, with nothing left for them to decide.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use crate::civil;
use crate::model::{Consequence, Page, Record};
use crate::query::{self, Asked};
use crate::routes::{AdminError, form_token};
use crate::site::{Site, Tally};
use crate::{
    Action, Description, Field, FieldError, FieldKind, FilterKind, MAX_SELECTED, Needs, PAGE_SIZE,
    Query, Staff, Value,
};

/// Objects that a confirmation page calls by name; of the others it tells the number.
pub(crate) const NAMED: usize = 20;

/// What is around every page.
pub(crate) struct Chrome {
    title: String,
    who: String,
    assets: String,
    seal: String,
    links: Vec<Link>,
}

struct Link {
    href: String,
    label: &'static str,
    current: bool,
}

impl Chrome {
    pub(crate) fn new(site: &Site, staff: &Staff, title: String, slug: &str) -> Self {
        let link = |description: &Description| Link {
            href: format!("/admin/{}", description.slug),
            label: description.plural,
            current: description.slug == slug,
        };
        Self {
            title,
            who: staff.name.clone(),
            assets: site.0.assets.clone(),
            seal: form_token(site, staff),
            links: site.0.models.iter().map(|model| link(model.description())).collect(),
        }
    }
}

fn render(page: &impl Template) -> Result<Response, AdminError> {
    let html = page.render().map_err(AdminError::failed)?;
    Ok(Html(html).into_response())
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    chrome: Chrome,
    models: Vec<(String, &'a Description)>,
    latest: &'a [Record],
}

pub(crate) fn overview<'a>(
    chrome: Chrome,
    models: impl Iterator<Item = &'a Description>,
    latest: &'a [Record],
) -> Result<Response, AdminError> {
    let models = models.map(|it| (format!("/admin/{}", it.slug), it)).collect();
    render(&Overview { chrome, models, latest })
}

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
    /// How many "all of the list" are, where an action may be asked for them.
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
    asked: &Asked,
    page: Page,
) -> Result<Response, AdminError> {
    let path = format!("/admin/{}", description.slug);
    let query = asked.query(description);
    let number = asked.page();
    let shown = query.offset + page.rows.len() as u64;
    let to = |number: u64| asked.address(&path, &[("page", &number.to_string())]);
    let more = page.total.capped || shown < page.total.value;
    let reachable = number < crate::COUNT_CAP / PAGE_SIZE;
    let full = page.rows.len() as u64 == PAGE_SIZE;
    let few = !page.total.capped && page.total.value <= MAX_SELECTED as u64;
    let narrowed = query.search.is_some() || !query.filters.is_empty();
    render(&List {
        notice: notice(description, asked.value("done")),
        searched: query.search.clone().unwrap_or_default(),
        narrowed,
        filters: description.filters.iter().map(|filter| filter_view(filter, asked)).collect(),
        heads: heads(description, asked, &path, &query),
        rows: page
            .rows
            .iter()
            .map(|record| RowView { href: format!("{path}/{}", record.id), record })
            .collect(),
        own: asked.address("", &[]).trim_start_matches('?').to_owned(),
        sort: asked.value("sort").to_owned(),
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
        csv: asked.address(&format!("{path}/export.csv"), &[("page", "")]),
        json: asked.address(&format!("{path}/export.jsonl"), &[("page", "")]),
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

fn heads(description: &Description, asked: &Asked, path: &str, query: &Query) -> Vec<Head> {
    let head = |column: &crate::Column| {
        let sorted = query.sort.filter(|sort| sort.column == column.name);
        let (turned, sorted) = match sorted {
            Some(sort) if sort.descending => (column.name.to_owned(), "descending"),
            Some(_) => (format!("-{}", column.name), "ascending"),
            None => (column.name.to_owned(), ""),
        };
        let href = if column.sortable {
            asked.address(path, &[("sort", &turned), ("page", "")])
        } else {
            String::new()
        };
        Head { label: column.label, href, sorted }
    };
    description.columns.iter().map(head).collect()
}

fn filter_view(filter: &crate::Filter, asked: &Asked) -> FilterView {
    let id = query::parameter(filter.name);
    let value = asked.value(&id).to_owned();
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
            view.value = asked.value(&from).to_owned();
            view.until = (to.clone(), asked.value(&to).to_owned());
            view.id = from;
        }
    }
    view
}

/// A form, ready to be shown.
pub(crate) struct FormView {
    fields: Vec<FieldView>,
    /// Errors of the form as a whole.
    errors: Vec<String>,
    /// How many fields have errors.
    wrong: usize,
}

struct FieldView {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: &'static str,
    required: bool,
    value: String,
    max: usize,
    options: Vec<(&'static str, &'static str, bool)>,
    error: String,
    /// `aria-describedby`.
    described: String,
}

pub(crate) fn form<'a>(
    fields: impl Iterator<Item = &'a Field>,
    values: &[(&'static str, String)],
    errors: &[FieldError],
) -> FormView {
    let mut shown: Vec<FieldView> = fields.map(|field| field_view(field, values)).collect();
    let mut rest = Vec::new();
    for error in errors {
        match shown.iter_mut().find(|field| field.name == error.field) {
            Some(field) => field.error.clone_from(&error.text),
            None => rest.push(error.text.clone()),
        }
    }
    for field in &mut shown {
        let error = (!field.error.is_empty()).then(|| format!("{}-error", field.name));
        let help = (!field.help.is_empty()).then(|| format!("{}-help", field.name));
        field.described = error.into_iter().chain(help).collect::<Vec<_>>().join(" ");
    }
    let wrong = shown.iter().filter(|field| !field.error.is_empty()).count();
    FormView { fields: shown, errors: rest, wrong }
}

fn field_view(field: &Field, values: &[(&'static str, String)]) -> FieldView {
    let value = values.iter().find(|(name, _)| *name == field.name);
    let value = value.map(|(_, value)| value.clone()).unwrap_or_default();
    let (kind, max, options) = match &field.kind {
        FieldKind::Text(max) => ("text", *max, Vec::new()),
        FieldKind::Multiline(max) => ("multiline", *max, Vec::new()),
        FieldKind::Email => ("email", 254, Vec::new()),
        FieldKind::Flag => ("flag", 0, Vec::new()),
        FieldKind::Choice(choices) => {
            let choice = |(it, label): &(&'static str, &'static str)| (*it, *label, *it == value);
            ("choice", 0, choices.iter().map(choice).collect())
        }
    };
    FieldView {
        name: field.name,
        label: field.label,
        help: field.help,
        required: field.required,
        error: String::new(),
        described: String::new(),
        kind,
        value,
        max,
        options,
    }
}

#[derive(Template)]
#[template(path = "object.html")]
struct Object<'a> {
    chrome: Chrome,
    description: &'a Description,
    record: &'a Record,
    path: String,
    form: FormView,
    saved: bool,
}

pub(crate) fn object(
    chrome: Chrome,
    description: &Description,
    record: &Record,
    form: FormView,
    saved: bool,
) -> Result<Response, AdminError> {
    let path = format!("/admin/{}", description.slug);
    render(&Object { chrome, description, record, path, form, saved })
}

#[derive(Template)]
#[template(path = "add.html")]
struct Add<'a> {
    chrome: Chrome,
    description: &'a Description,
    path: String,
    form: FormView,
}

pub(crate) fn add(
    chrome: Chrome,
    description: &Description,
    form: FormView,
) -> Result<Response, AdminError> {
    let path = format!("/admin/{}", description.slug);
    render(&Add { chrome, description, path, form })
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm<'a> {
    chrome: Chrome,
    action: &'a Action,
    path: String,
    ids: &'a [String],
    counted: String,
    names: Vec<String>,
    others: usize,
    consequences: Vec<Consequence>,
    own: &'a str,
    back: String,
    careful: bool,
}

pub(crate) fn confirm(
    chrome: Chrome,
    description: &Description,
    action: &Action,
    ids: &[String],
    names: Vec<String>,
    consequences: Vec<Consequence>,
    own: &str,
) -> Result<Response, AdminError> {
    let path = format!("/admin/{}", description.slug);
    let word = if ids.len() == 1 { description.singular } else { description.plural };
    render(&Confirm {
        counted: format!("{} {word}", ids.len()),
        others: ids.len().saturating_sub(NAMED),
        consequences: consequences.into_iter().filter(|it| it.count > 0).collect(),
        back: Asked::parse(Some(own)).address(&path, &[]),
        careful: action.needs == Needs::Care,
        chrome,
        action,
        path,
        ids,
        names,
        own,
    })
}

#[derive(Template)]
#[template(path = "result.html")]
struct Done<'a> {
    chrome: Chrome,
    label: &'a str,
    description: &'a Description,
    tally: Tally,
    back: &'a str,
}

pub(crate) fn result(
    chrome: Chrome,
    label: &str,
    description: &Description,
    tally: Tally,
    back: &str,
) -> Result<Response, AdminError> {
    render(&Done { chrome, label, description, tally, back })
}

#[derive(Template)]
#[template(path = "history.html")]
struct History<'a> {
    chrome: Chrome,
    description: &'a Description,
    path: String,
    rows: &'a [Record],
}

pub(crate) fn history(
    chrome: Chrome,
    description: &Description,
    id: &str,
    rows: &[Record],
) -> Result<Response, AdminError> {
    let path = format!("/admin/{}/{id}", description.slug);
    render(&History { chrome, description, path, rows })
}

#[derive(Template)]
#[template(path = "message.html")]
struct Stop {
    chrome: Chrome,
    text: String,
}

/// A page that says why there is nothing else.
pub(crate) fn stop(chrome: Chrome, status: StatusCode, text: String) -> Response {
    match render(&Stop { chrome, text }) {
        Ok(mut response) => {
            *response.status_mut() = status;
            response
        }
        Err(_) => status.into_response(),
    }
}

/// The page for somebody signed in who is not staff: it knows nothing of the site.
pub(crate) fn not_staff(assets: &str) -> Response {
    let chrome = Chrome {
        title: "Staff only".to_owned(),
        who: String::new(),
        assets: assets.to_owned(),
        seal: String::new(),
        links: Vec::new(),
    };
    let text = "Your account may not use this site. If it should, ask whoever runs this server.";
    stop(chrome, StatusCode::FORBIDDEN, text.to_owned())
}
