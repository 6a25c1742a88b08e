//! `/login`: a password or an access key in, a session out. `/logout`: the reverse.

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::SET_COOKIE;
use http_kit::{ApiError, cookie};

use super::door::{Visitor, VisitorForm};
use super::errors::{Errors, retry_after};
use super::fields::Fields;
use super::member::MemberForm;
use super::next::Next;
use super::{Desk, Page, redirect};
use crate::{SESSION_COOKIE, SessionToken, SignInContext, SignInError, clear_session_cookie};

/// The answer to everything that does not fit, whatever the cause.
const WRONG_PASSWORD: &str = "Invalid username or password.";
const WRONG_KEY: &str = "No account has this key. Check that all 64 characters are there.";

pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/login", get(show).post(log_in)).route("/logout", post(log_out))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LogIn<'a> {
    page: Page,
    errors: &'a Errors,
    notice: Option<&'static str>,
    next: &'a Next,
    query: String,
    username: &'a str,
}

async fn show(visitor: Visitor, query: Fields) -> Result<Response, ApiError> {
    let next = Next::parse(query.raw("next"));
    if visitor.member.is_some() {
        return Ok(redirect(StatusCode::FOUND, next.as_str()));
    }
    let errors = Errors::default();
    let notice = notice(query.raw("notice"));
    let page = visitor.page();
    let template =
        LogIn { page, errors: &errors, notice, query: next.query(), next: &next, username: "" };
    visitor.answer(StatusCode::OK, &template)
}

/// Why somebody is here again.
fn notice(name: &str) -> Option<&'static str> {
    match name {
        "ended" => Some("Your session ended. Log in again to go on."),
        "signed-out" => Some("You are logged out."),
        _ => None,
    }
}

async fn log_in(form: VisitorForm) -> Result<Response, ApiError> {
    let VisitorForm { visitor, fields, genuine } = form;
    let next = Next::parse(fields.raw("next"));
    let (status, errors) = if genuine {
        let context = visitor.context().await?;
        match attempt(&visitor, &fields, context).await? {
            Ok(token) => return welcome(&visitor, &token, &next).await,
            Err(refusal) => refusal,
        }
    } else {
        (StatusCode::FORBIDDEN, Errors::default().expired())
    };
    let template = LogIn {
        page: visitor.page(),
        errors: &errors,
        notice: None,
        query: next.query(),
        next: &next,
        username: fields.text("username"),
    };
    Ok(retry_after(errors.retry_after(), visitor.answer(status, &template)?))
}

/// The status, and what to say.
type Refusal = (StatusCode, Errors);

/// By key if the form with the key was sent, else by password.
async fn attempt(
    visitor: &Visitor,
    fields: &Fields,
    context: SignInContext,
) -> Result<Result<SessionToken, Refusal>, ApiError> {
    let accounts = &visitor.desk.accounts;
    let errors = Errors::default();
    let (result, refused) = if fields.has("key") {
        // Keys copied from a file or a mail bring spaces and line ends along.
        let key: String = fields.raw("key").split_whitespace().collect();
        if key.is_empty() {
            let errors = errors.field("login-key", "Enter your access key.");
            return Ok(Err((StatusCode::OK, errors)));
        }
        (accounts.sign_in(&key, context).await, errors.field("login-key", WRONG_KEY))
    } else {
        let (username, password) = (fields.text("username"), fields.raw("password"));
        if username.is_empty() || password.is_empty() {
            let errors = errors
                .field_if(username.is_empty(), "login-username", "Enter your email or username.")
                .field_if(password.is_empty(), "login-password", "Enter your password.");
            return Ok(Err((StatusCode::OK, errors)));
        }
        let signed_in = accounts.sign_in_with_password(username, password, context).await;
        let refused = errors.form(WRONG_PASSWORD, &["login-username", "login-password"]);
        (signed_in.map(|signed_in| signed_in.token), refused)
    };
    Ok(match result {
        Ok(token) => Ok(token),
        // Django's way: a wrong password is a form to fill in again, not an error.
        Err(SignInError::Refused) => Err((StatusCode::OK, refused)),
        Err(SignInError::TooMany(wait)) => {
            let errors = Errors::default().too_many(wait);
            Err((StatusCode::TOO_MANY_REQUESTS, errors))
        }
        Err(SignInError::Busy) => Err((StatusCode::SERVICE_UNAVAILABLE, Errors::default().busy())),
        Err(SignInError::Storage(cause)) => return Err(ApiError::storage_failed(cause)),
    })
}

async fn welcome(
    visitor: &Visitor,
    token: &SessionToken,
    next: &Next,
) -> Result<Response, ApiError> {
    // The cookie is about to be replaced: nobody could end the session in it any more.
    if let Some(old) = cookie(&visitor.headers, SESSION_COOKIE) {
        visitor.desk.accounts.sign_out(old).await.map_err(ApiError::storage_failed)?;
    }
    let opened = visitor.desk.accounts.session_cookie(token, &visitor.client);
    let to = redirect(StatusCode::FOUND, next.as_str());
    Ok(([(SET_COOKIE, opened)], to).into_response())
}

async fn log_out(form: MemberForm) -> Result<Response, ApiError> {
    let member = &form.member;
    if let Some(token) = cookie(&member.headers, SESSION_COOKIE) {
        member.desk.accounts.sign_out(token).await.map_err(ApiError::storage_failed)?;
    }
    let cleared = clear_session_cookie(&member.client);
    let to = redirect(StatusCode::SEE_OTHER, "/login/?notice=signed-out");
    Ok(([(SET_COOKIE, cleared)], to).into_response())
}
