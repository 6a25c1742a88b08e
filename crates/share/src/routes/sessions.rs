//! Sessions: making, finding, joining, renaming and ending one.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap};
use http_kit::{ApiError, Client, MAX_BODY, read_body};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::success;
use super::names::PathNames;
use super::token::Bearer;
use crate::refusal::Refusal;
use crate::share::{Hosted, Share};

/// What a host's page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HostedWire {
    session_name: String,
    session_id: String,
    access_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
}

impl HostedWire {
    fn new(Hosted { id, name, code }: Hosted, jwt: Option<String>) -> Self {
        let (session_name, session_id) = (name.as_str().to_owned(), id.to_string());
        Self { session_name, session_id, access_code: code.into_digits(), jwt }
    }
}

/// `POST /session`.
pub(super) async fn create(
    State(share): State<Share>,
    client: Client,
) -> Result<Response, ApiError> {
    let (hosted, jwt) = share.create(client.address)?;
    Ok(success(StatusCode::CREATED, HostedWire::new(hosted, Some(jwt))))
}

/// `GET /session`: a host's page asks on every load, and is given another access code.
pub(super) async fn renew_code(
    State(share): State<Share>,
    Bearer(claims): Bearer,
) -> Result<Response, ApiError> {
    let hosted = share.renew_code(claims)?;
    Ok(success(StatusCode::ACCEPTED, HostedWire::new(hosted, None)))
}

/// `GET /idForName/{name}`.
pub(super) async fn id_for_name(
    State(share): State<Share>,
    path: PathNames,
) -> Result<Response, ApiError> {
    let mut found = Err(Refusal::no_such_session());
    for name in path.last() {
        found = found.or_else(|_| share.id_for_name(name));
    }
    Ok(success(StatusCode::OK, json!({"sessionId": found?.to_string()})))
}

/// `GET /session/{id}`. A person whose browser goes there is led to a page.
pub(super) async fn metadata(
    State(share): State<Share>,
    path: PathNames,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate") {
        return Ok(Redirect::to("/share").into_response());
    }
    let name = share.name(path.session()?)?;
    Ok(success(StatusCode::OK, json!({"sessionName": name.as_str()})))
}

/// `GET /access/{id}`: a guest joins with the SHA-256 of the access code.
pub(super) async fn join(
    State(share): State<Share>,
    path: PathNames,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let hash = headers.get(AUTHORIZATION).map(|it| it.to_str().unwrap_or_default());
    let jwt = share.join(path.session()?, hash, client.address)?;
    Ok(success(StatusCode::OK, json!({"jwt": jwt})))
}

/// `PUT /session/{id}`.
pub(super) async fn rename(
    State(share): State<Share>,
    path: PathNames,
    Bearer(claims): Bearer,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_body(body, MAX_BODY).await?;
    let code = share.rename(path.session()?, claims, &posted_name(&body)?)?;
    Ok(success(StatusCode::OK, json!({"accessCode": code.into_digits()})))
}

fn posted_name(body: &[u8]) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Posted {
        name: String,
    }
    let posted: Result<Posted, _> = serde_json::from_slice(body);
    posted
        .map(|posted| posted.name)
        .map_err(|_| Refusal::invalid(r#"The body is {"name": "..."}."#))
}

/// `DELETE /session/{id}`.
pub(super) async fn end(
    State(share): State<Share>,
    path: PathNames,
    Bearer(claims): Bearer,
) -> Result<Response, ApiError> {
    share.end(path.session()?, claims)?;
    Ok(success(StatusCode::OK, "The session is over."))
}
