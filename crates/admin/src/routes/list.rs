//! The overview and the lists.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use http::Uri;

use super::{AdminError, StaffContext, path_params};
use crate::audit::SLUG;
use crate::query::ListParams;
use crate::views;
use crate::{Query, Record};

/// Entries of the audit log on the overview.
const LATEST: u64 = 10;

/// `GET /admin`: what there is, and what was done last.
pub(crate) async fn overview(context: StaffContext) -> Result<Response, AdminError> {
    let query = Query { limit: LATEST, ..Query::default() };
    let latest: Vec<Record> = match context.site.model(SLUG) {
        Some(audit) => audit.page(&query).await?.rows,
        None => Vec::new(),
    };
    let models = context.site.0.models.iter().map(|model| model.description());
    views::overview(context.chrome("Admin", ""), models, &latest)
}

/// `GET /admin/{model}`.
pub(crate) async fn list(
    context: StaffContext,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, AdminError> {
    let model = context.model(&path_params(path)?)?;
    let description = model.description();
    let params = ListParams::parse(uri.query());
    let page = model.page(&params.query(description)).await?;
    views::list(
        context.chrome(capital(description.plural), description.slug),
        description,
        &params,
        page,
    )
}

/// With a capital letter, for headings.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
