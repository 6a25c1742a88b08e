//! The overview and the lists.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use http::Uri;

use super::{Desk, Halt, placed};
use crate::audit::SLUG;
use crate::query::Asked;
use crate::views;
use crate::{Query, Record};

/// Entries of the audit log on the overview.
const LATEST: u64 = 10;

/// `GET /admin`: what there is, and what was done last.
pub(crate) async fn overview(desk: Desk) -> Result<Response, Halt> {
    let query = Query { limit: LATEST, ..Query::default() };
    let latest: Vec<Record> = match desk.site.model(SLUG) {
        Some(audit) => audit.page(&query).await?.rows,
        None => Vec::new(),
    };
    let models = desk.site.0.models.iter().map(|model| model.description());
    views::overview(desk.chrome("Admin", ""), models, &latest)
}

/// `GET /admin/{model}`.
pub(crate) async fn list(
    desk: Desk,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Halt> {
    let model = desk.model(&placed(path)?)?;
    let description = model.description();
    let asked = Asked::parse(uri.query());
    let page = model.page(&asked.query(description)).await?;
    views::list(
        desk.chrome(capital(description.plural), description.slug),
        description,
        &asked,
        page,
    )
}

/// With a capital letter, for headings.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
