//! `/login`: a password or an access key in, a session out, and on to the page that was
//! asked for ([`Next`]). `/logout`: the reverse.

use std::fmt;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::SET_COOKIE;
use http_kit::{ApiError, cookie};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::errors::{Errors, retry_after};
use super::form::Fields;

use super::signed_in::SignedInForm;
use super::visitor::{Visitor, VisitorForm};
use super::{Page, PageState, redirect};
use crate::{SESSION_COOKIE, SessionToken, SignInContext, SignInError, clear_session_cookie};

/// The answer to everything that does not fit, whatever the cause.
const WRONG_PASSWORD: &str = "Invalid username or password.";
const WRONG_KEY: &str = "No account has this key. Check that all 64 characters are there.";

pub(super) fn routes() -> Router<PageState> {
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
    if visitor.is_signed_in {
        return Ok(redirect(StatusCode::FOUND, next.as_str()));
    }
    let errors = Errors::default();
    let notice = notice(query.raw("notice"));
    let page = visitor.page();
    let template =
        LogIn { page, errors: &errors, notice, query: next.query(), next: &next, username: "" };
    visitor.answer(StatusCode::OK, &template)
}

/// Why the visitor is here again.
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
            Ok(token) => return signed_in(&visitor, &token, &next).await,
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
    if let Some(errors) = missing(fields) {
        return Ok(Err((StatusCode::OK, errors)));
    }
    let accounts = &visitor.state.accounts;
    let by_key = fields.has("key");
    let result = if by_key {
        // Keys copied from a file or a mail bring spaces and line ends along.
        let key: String = fields.raw("key").split_whitespace().collect();
        accounts.sign_in(&key, context).await
    } else {
        let (username, password) = (fields.text("username"), fields.raw("password"));
        let signed_in = accounts.sign_in_with_password(username, password, context).await;
        signed_in.map(|signed_in| signed_in.token)
    };
    let errors = Errors::default;
    Ok(Err(match result {
        Ok(token) => return Ok(Ok(token)),
        // Django's way: wrong credentials are a form to fill in again, not an error.
        Err(SignInError::Refused) if by_key => {
            (StatusCode::OK, errors().field("login-key", WRONG_KEY))
        }
        Err(SignInError::Refused) => {
            let fields = ["login-username", "login-password"];
            (StatusCode::OK, errors().form(WRONG_PASSWORD, &fields))
        }
        Err(SignInError::TooMany(wait)) => (StatusCode::TOO_MANY_REQUESTS, errors().too_many(wait)),
        Err(SignInError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, errors().busy()),
        Err(SignInError::Storage(cause)) => return Err(ApiError::storage_failed(cause)),
    }))
}

/// What is to be filled in first, if anything is.
fn missing(fields: &Fields) -> Option<Errors> {
    let errors = Errors::default();
    let errors = if fields.has("key") {
        errors.field_if(fields.text("key").is_empty(), "login-key", "Enter your access key.")
    } else {
        let (username, password) = (fields.text("username"), fields.raw("password"));
        errors
            .field_if(username.is_empty(), "login-username", "Enter your email or username.")
            .field_if(password.is_empty(), "login-password", "Enter your password.")
    };
    errors.any().then_some(errors)
}

async fn signed_in(
    visitor: &Visitor,
    token: &SessionToken,
    next: &Next,
) -> Result<Response, ApiError> {
    // The cookie is about to be replaced: the session in it could not be ended any more.
    if let Some(old) = cookie(&visitor.headers, SESSION_COOKIE) {
        visitor.state.accounts.sign_out(old).await.map_err(ApiError::storage_failed)?;
    }
    let opened = visitor.state.accounts.session_cookie(token, &visitor.client);
    let to = redirect(StatusCode::FOUND, next.as_str());
    Ok(([(SET_COOKIE, opened)], to).into_response())
}

async fn log_out(form: SignedInForm) -> Result<Response, ApiError> {
    let caller = &form.caller;
    if let Some(token) = cookie(&caller.headers, SESSION_COOKIE) {
        caller.state.accounts.sign_out(token).await.map_err(ApiError::storage_failed)?;
    }
    let cleared = clear_session_cookie(&caller.client);
    let to = redirect(StatusCode::SEE_OTHER, "/login/?notice=signed-out");
    Ok(([(SET_COOKIE, cleared)], to).into_response())
}

/// The most characters of a path that is remembered.
const MAX_LENGTH: usize = 1_000;

/// What stays readable in a query (RFC 3986, 2.3, and the slash).
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path of this origin with its query, safe as a `Location`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next(String);

impl Next {
    /// `text` if it names a page of ours, else `/`.
    ///
    /// Browsers take `\` for `/`, drop tabs and line ends inside an address, and read two
    /// slashes at the beginning as another host: none of that passes. Nor does `/api/`,
    /// where nothing is a page.
    pub(super) fn parse(text: &str) -> Self {
        let ours = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/api/");
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let fits = text.len() <= MAX_LENGTH;
        Self(if ours && plain && fits && !climbs(text) { text.to_owned() } else { "/".to_owned() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// `?next=…`, or nothing when it leads home anyway.
    pub(super) fn query(&self) -> String {
        if self.0 == "/" {
            return String::new();
        }
        format!("?next={}", utf8_percent_encode(&self.0, QUERY))
    }
}

/// Whether a segment of the path is `.` or `..`, which browsers resolve before they ask:
/// `/./api/logout` is `/api/logout` (WHATWG URL, "single-dot path segment").
fn climbs(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_origin_pass() {
        for text in ["/", "/settings/", "/admin/accounts?q=a%20b&page=2", "/a//b", "/?next=//x"] {
            assert_eq!(Next::parse(text).as_str(), text);
        }
    }

    #[test]
    fn everything_else_leads_home() {
        let far = format!("/{}", "a".repeat(MAX_LENGTH));
        for text in [
            "/./api/logout",
            "/x/../api/logout",
            "/%2E/api/logout",
            "/.%2e/api/logout",
            "",
            "settings",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            " /settings/",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/é",
            "/a b",
            "/\0",
            "/api/logout",
            &far,
        ] {
            assert_eq!(Next::parse(text).as_str(), "/", "{text:?}");
        }
    }

    #[test]
    fn it_travels_in_a_query() {
        assert_eq!(Next::parse("/").query(), "");
        assert_eq!(Next::parse("/a?b=c&d").query(), "?next=/a%3Fb%3Dc%26d");
    }
}
