//! `/setup/{token}`: the first administrator, by the link that the server printed.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http_kit::ApiError;

use super::errors::{Errors, retry_after};
use super::visitor::{DEAD_LINK, Notice, Visitor, VisitorForm};
use super::{Page, PageState, redirect, secret_address};
use crate::{ChangeError, SetUpError};

const DONE: Notice = Notice {
    icon: "check",
    heading: "The administrator is created",
    texts: &["Log in, and the admin site is open to you."],
    href: "/login/?next=/admin/",
    link: "Log in",
};

pub(super) fn routes() -> Router<PageState> {
    Router::new()
        .route("/setup/done", get(async |visitor: Visitor| visitor.notice(StatusCode::OK, DONE)))
        .route("/setup/{token}", secret_address(get(show).post(set_up)))
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetUp<'a> {
    page: Page,
    errors: Errors,
    action: String,
    email: &'a str,
}

async fn show(visitor: Visitor, Path(token): Path<String>) -> Result<Response, ApiError> {
    if !is_open(&visitor, &token).await? {
        return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK);
    }
    form(&visitor, StatusCode::OK, &token, Errors::default(), "")
}

async fn is_open(visitor: &Visitor, token: &str) -> Result<bool, ApiError> {
    visitor.state.accounts.is_setup_open(token).await.map_err(ApiError::storage_failed)
}

/// `token` is the one that was printed.
fn form(
    visitor: &Visitor,
    status: StatusCode,
    token: &str,
    errors: Errors,
    email: &str,
) -> Result<Response, ApiError> {
    let action = format!("/setup/{token}/");
    let wait = errors.retry_after();
    let template = SetUp { page: visitor.page(), errors, action, email };
    Ok(retry_after(wait, visitor.answer(status, &template)?))
}

async fn set_up(Path(token): Path<String>, sent: VisitorForm) -> Result<Response, ApiError> {
    let VisitorForm { visitor, fields, genuine } = sent;
    let accounts = &visitor.state.accounts;
    let (email, password) = (fields.text("email"), fields.raw("password"));
    let errors = Errors::default();
    let (status, errors) = if !is_open(&visitor, &token).await? {
        return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK);
    } else if !genuine {
        (StatusCode::FORBIDDEN, errors.expired())
    } else {
        match accounts.set_up(&token, email, password).await {
            Ok(_) => return Ok(redirect(StatusCode::SEE_OTHER, "/setup/done/")),
            Err(SetUpError::Refused) => return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK),
            Err(SetUpError::Change(change)) => refused(errors, change)?,
        }
    };
    form(&visitor, status, &token, errors, email)
}

fn refused(errors: Errors, change: ChangeError) -> Result<(StatusCode, Errors), ApiError> {
    let id_of = |field: &str| if field == "password" { "setup-password" } else { "setup-email" };
    Ok(match change {
        ChangeError::Invalid(found) => (StatusCode::OK, errors.invalid(&found, id_of)),
        ChangeError::TooMany(wait) => (StatusCode::TOO_MANY_REQUESTS, errors.too_many(wait)),
        ChangeError::Busy => (StatusCode::SERVICE_UNAVAILABLE, errors.busy()),
        ChangeError::Storage(cause) => return Err(ApiError::storage_failed(cause)),
        ChangeError::UsernameTaken
        | ChangeError::EmailTaken
        | ChangeError::Unconfirmed
        | ChangeError::WrongPassword
        | ChangeError::Gone => {
            let text = "This address cannot be used. Choose another one.";
            (StatusCode::OK, errors.field("setup-email", text))
        }
    })
}
