//! `GET /admin/{model}/export.{csv,jsonl}`: a whole list as a file, a step at a time.
//! The next step is read when the client has taken the last: memory is bounded by one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::Uri;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Map, Value as Json};

use super::{AdminError, StaffContext, path_params};
use crate::model::{Model, Record};
use crate::query::ListParams;
use crate::{Query, Value};

type PathParams = Result<Path<String>, PathRejection>;

/// As CSV (RFC 4180), the names in the first line.
pub(crate) async fn csv(
    context: StaffContext,
    path: PathParams,
    uri: Uri,
) -> Result<Response, AdminError> {
    export(&context, path, &uri, Format::Csv)
}

/// As JSON lines: an object a line.
pub(crate) async fn json_lines(
    context: StaffContext,
    path: PathParams,
    uri: Uri,
) -> Result<Response, AdminError> {
    export(&context, path, &uri, Format::JsonLines)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// Where an export stands.
struct Export {
    model: Arc<dyn Model>,
    query: Query,
    format: Format,
    last: Option<String>,
}

fn export(
    context: &StaffContext,
    path: PathParams,
    uri: &Uri,
    format: Format,
) -> Result<Response, AdminError> {
    let model = context.model(&path_params(path)?)?;
    let description = model.description();
    if !description.export {
        return Err(AdminError::NotFound);
    }
    let (media_type, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::JsonLines => ("application/x-ndjson", "jsonl"),
    };
    let name = format!("attachment; filename=\"{}.{ending}\"", description.slug);
    let query = ListParams::parse(uri.query()).query(description);
    let start = Export { model, query, format, last: None };
    let body = Body::from_stream(stream::unfold(Some(start), next));
    Ok(([(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, name)], body).into_response())
}

/// The next step; an error cuts the answer off, so that half a file is not taken for
/// a whole one.
async fn next(export: Option<Export>) -> Option<(Result<Bytes, std::io::Error>, Option<Export>)> {
    let mut export = export?;
    let records = match export.model.export(&export.query, export.last.as_deref()).await {
        Ok(records) => records,
        Err(error) => {
            tracing::error!(%error, "an export broke off");
            return Some((Err(std::io::Error::other("the export broke off")), None));
        }
    };
    let newest = records.last()?.id.clone();
    let mut text = String::new();
    if export.format == Format::Csv && export.last.is_none() {
        line(&mut text, records[0].details.iter().map(|(name, _)| name.to_string()));
    }
    for record in &records {
        match export.format {
            Format::Csv => line(&mut text, record.details.iter().map(|(_, value)| cell(value))),
            Format::JsonLines => json_line(&mut text, record),
        }
    }
    export.last = Some(newest);
    Some((Ok(Bytes::from(text)), Some(export)))
}

fn json_line(text: &mut String, record: &Record) {
    let pairs = record.details.iter().map(|(name, value)| (name.to_string(), value.json()));
    text.push_str(&Json::Object(pairs.collect::<Map<_, _>>()).to_string());
    text.push('\n');
}

/// A cell's text. One that a spreadsheet would take for a formula is quoted from it
/// (OWASP, CSV injection).
fn cell(value: &Value) -> String {
    let text = value.plain();
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !value.is_number();
    if formula { format!("'{text}") } else { text }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    let quoted = cells.map(|cell| {
        let plain = !cell.contains([',', '"', '\n', '\r']);
        if plain { cell } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
    });
    text.push_str(&quoted.collect::<Vec<_>>().join(","));
    text.push_str("\r\n");
}
