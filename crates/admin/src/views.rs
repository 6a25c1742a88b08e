//! The pages: what the templates are given, with nothing left for them to decide.

mod form;
mod list;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use crate::civil;
use crate::model::{Consequence, Record};
use crate::query::ListParams;
use crate::routes::{AdminError, form_token};
use crate::site::{Site, Tally};
use crate::{Action, Description, Needs, Staff, Value};
pub(crate) use form::{FormView, form};
pub(crate) use list::list;

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
        back: ListParams::parse(Some(own)).address(&path, &[]),
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
struct MessagePage {
    chrome: Chrome,
    text: String,
}

/// A page with one sentence, for an error.
pub(crate) fn message(chrome: Chrome, status: StatusCode, text: String) -> Response {
    match render(&MessagePage { chrome, text }) {
        Ok(mut response) => {
            *response.status_mut() = status;
            response
        }
        Err(_) => status.into_response(),
    }
}

/// The page for an account that is not staff: it shows nothing of the site.
pub(crate) fn not_staff(assets: &str) -> Response {
    let chrome = Chrome {
        title: "Staff only".to_owned(),
        who: String::new(),
        assets: assets.to_owned(),
        seal: String::new(),
        links: Vec::new(),
    };
    let text = "Your account may not use this site. If it should, ask whoever runs this server.";
    message(chrome, StatusCode::FORBIDDEN, text.to_owned())
}
