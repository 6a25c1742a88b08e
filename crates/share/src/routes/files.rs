//! The list of files of a session.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http_kit::{ApiError, read_body};
use serde::Deserialize;

use super::answer::{file_refused, success};
use super::names::PathNames;
use super::token::Bearer;
use crate::files::Offer;
use crate::refusal::Refusal;
use crate::share::Share;

/// The largest list of files that is posted at once, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// A file that is posted. Its parts are read one by one, so that an answer can name it.
#[derive(Deserialize)]
struct Posted {
    name: serde_json::Value,
    size: serde_json::Value,
}

/// `GET /files/{id}`.
pub(super) async fn list(
    State(share): State<Share>,
    path: PathNames,
    Bearer(claims): Bearer,
) -> Result<Response, ApiError> {
    Ok(success(StatusCode::OK, share.files(path.session()?, claims)?))
}

/// `POST /files/{id}`.
pub(super) async fn add(
    State(share): State<Share>,
    path: PathNames,
    Bearer(claims): Bearer,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_body(body, MAX_BODY).await?;
    match share.add_files(path.session()?, claims, || offers(&body)) {
        Ok(()) => Ok(success(StatusCode::OK, "The files are listed.")),
        Err(Refusal { file: Some(file), sentence, .. }) => Ok(file_refused(&sentence, &file)),
        Err(refusal) => Err(refusal.into()),
    }
}

fn offers(body: &[u8]) -> Result<Vec<Offer>, Refusal> {
    const FORM: &str = r#"The body is [{"name": "...", "size": 1}], with a file at least."#;
    let posted: Vec<Posted> =
        serde_json::from_slice(body).map_err(|_| Refusal::invalid_file(FORM, ""))?;
    if posted.is_empty() {
        return Err(Refusal::invalid_file(FORM, ""));
    }
    posted.iter().map(offer).collect()
}

fn offer(posted: &Posted) -> Result<Offer, Refusal> {
    let Some(name) = posted.name.as_str() else {
        return Err(Refusal::invalid_file("A file's name is a text.", ""));
    };
    let Some(size) = posted.size.as_u64() else {
        let sentence = "A file's size is an integer of at most 2^53 - 1.";
        return Err(Refusal::invalid_file(sentence, name));
    };
    Offer::new(name, size).map_err(|sentence| Refusal::invalid_file(sentence, name))
}

/// `GET /files/{id}/{name}`.
pub(super) async fn show(
    State(share): State<Share>,
    path: PathNames,
    Bearer(claims): Bearer,
) -> Result<Response, ApiError> {
    Ok(success(StatusCode::OK, share.file(path.session()?, claims, &path.last())?))
}

/// `DELETE /files/{id}/{name}`.
pub(super) async fn remove(
    State(share): State<Share>,
    path: PathNames,
    Bearer(claims): Bearer,
) -> Result<Response, ApiError> {
    share.remove_file(path.session()?, claims, &path.last())?;
    Ok(success(StatusCode::OK, "The file is not listed any more."))
}
