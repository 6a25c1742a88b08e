//! `/api/auth/…`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::Client;
use serde::Serialize;

use super::error::RestError;
use super::form::{Form, Rule};
use super::users::User;
use super::{Authenticated, Csrf, X_TOKEN};
use crate::authentication::Presented;
use crate::{Accounts, ApiToken, SignInError, clear_session_cookie};

/// Answer to `GET /api/auth/token/`.
#[derive(Serialize)]
struct Token<'a> {
    #[serde(rename = "X-Token")]
    key: &'a str,
}

/// `POST /api/auth/signin/`
pub(super) async fn sign_in(
    State(accounts): State<Accounts>,
    State(csrf): State<Csrf>,
    client: Client,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response, RestError> {
    let name = form.text("username", Rule::Required).unwrap_or_default();
    let password = form.text("password", Rule::Required).unwrap_or_default();
    form.finish()?;
    let context =
        accounts.sign_in_context(&headers, &client).await.map_err(RestError::storage_failed)?;
    let signed_in = accounts.sign_in_with_password(&name, &password, context.clone()).await?;
    let (account, session) = (signed_in.account, signed_in.session);
    let token = accounts.issue_at_sign_in(account, &context, session).await;
    // Ended or deactivated in this very moment: then the password is worth nothing.
    let token = token.map_err(RestError::storage_failed)?.ok_or(SignInError::Refused)?;
    let profile = accounts.profile(account).await.map_err(RestError::storage_failed)?;
    let profile = profile.ok_or(SignInError::Refused)?;
    let mut response = (StatusCode::CREATED, Json(User::from(profile))).into_response();
    let answer = response.headers_mut();
    answer.insert(X_TOKEN, secret_value(&token));
    answer.append(SET_COOKIE, accounts.session_cookie(&signed_in.token, &client));
    answer.append(SET_COOKIE, csrf.cookie(session, &client));
    Ok(response)
}

/// `GET /api/auth/token/`
pub(super) async fn token(
    State(accounts): State<Accounts>,
    caller: Authenticated,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, RestError> {
    // A caller by token is told that one: only its hash is here, but it has just
    // come with the request.
    if let Presented::Token(key) = Presented::in_headers(&headers) {
        return Ok(Json(Token { key }).into_response());
    }
    let context =
        accounts.sign_in_context(&headers, &client).await.map_err(RestError::storage_failed)?;
    let principal = caller.principal();
    let issuer = Some(principal.session);
    let token = accounts.issue_token(principal.account, None, &context, issuer).await?;
    let token = token.ok_or_else(|| {
        RestError::unauthenticated("Authentication credentials were not provided.")
    })?;
    Ok(Json(Token { key: token.expose() }).into_response())
}

/// `DELETE /api/auth/logout/`
pub(super) async fn log_out(
    State(accounts): State<Accounts>,
    caller: Authenticated,
    client: Client,
) -> Result<Response, RestError> {
    let principal = caller.principal();
    let ended = accounts.end_session(principal.account, principal.session).await;
    ended.map_err(RestError::storage_failed)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if !caller.is_by_token() {
        response.headers_mut().append(SET_COOKIE, clear_session_cookie(&client));
    }
    Ok(response)
}

/// For a header that nothing on the way should log.
fn secret_value(token: &ApiToken) -> HeaderValue {
    let mut value = HeaderValue::from_str(token.expose()).expect("hex is a header value");
    value.set_sensitive(true);
    value
}
