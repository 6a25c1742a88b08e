//! `/password/reset`: a link by mail. `/password/reset/{token}`: a new password for it.

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
use crate::{ResetError, ResetPasswordError};

/// The same whether or not the address has an account.
const SENT: Notice = Notice {
    icon: "mail",
    heading: "Check your mail",
    texts: &[
        "If an account has this address, a link to choose a new password is on its way. It works once, for one hour.",
        "Nothing there after a few minutes? Look into the spam folder.",
    ],
    href: "/login/",
    link: "Back to log in",
};

const DONE: Notice = Notice {
    icon: "check",
    heading: "Your password is set",
    texts: &[
        "Every device and app is signed out, and an access key that you had does not work any more. Log in with the new password.",
    ],
    href: "/login/",
    link: "Log in",
};

pub(super) fn routes() -> Router<PageState> {
    Router::new()
        .route("/password/reset", get(ask).post(request))
        .route(
            "/password/reset/sent",
            get(async |visitor: Visitor| visitor.notice(StatusCode::OK, SENT)),
        )
        .route(
            "/password/reset/done",
            get(async |visitor: Visitor| visitor.notice(StatusCode::OK, DONE)),
        )
        .route("/password/reset/{token}", secret_address(get(show).post(reset)))
}

#[derive(Template)]
#[template(path = "reset_request.html")]
struct Request<'a> {
    page: Page,
    errors: Errors,
    email: &'a str,
}

#[derive(Template)]
#[template(path = "reset_password.html")]
struct Reset {
    page: Page,
    errors: Errors,
    action: String,
}

async fn ask(visitor: Visitor) -> Result<Response, ApiError> {
    let page = visitor.page();
    visitor.answer(StatusCode::OK, &Request { page, errors: Errors::default(), email: "" })
}

async fn request(form: VisitorForm) -> Result<Response, ApiError> {
    let VisitorForm { visitor, fields, genuine } = form;
    let email = fields.text("email");
    let errors = Errors::default();
    let (status, errors) = if genuine {
        let (accounts, from) = (&visitor.state.accounts, visitor.client.address);
        match accounts.request_password_reset(email, from) {
            Ok(()) => return Ok(redirect(StatusCode::SEE_OTHER, "/password/reset/sent/")),
            Err(ResetError::InvalidEmail) => {
                (StatusCode::OK, errors.field("reset-email", "Enter a valid email address."))
            }
            Err(ResetError::TooMany(wait)) => {
                (StatusCode::TOO_MANY_REQUESTS, errors.too_many(wait))
            }
            Err(ResetError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, errors.busy()),
        }
    } else {
        (StatusCode::FORBIDDEN, errors.expired())
    };
    let wait = errors.retry_after();
    let template = Request { page: visitor.page(), errors, email };
    Ok(retry_after(wait, visitor.answer(status, &template)?))
}

async fn show(visitor: Visitor, Path(token): Path<String>) -> Result<Response, ApiError> {
    let open =
        visitor.state.accounts.is_reset_open(&token).await.map_err(ApiError::storage_failed)?;
    if !open {
        return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK);
    }
    choose(&visitor, StatusCode::OK, &token, Errors::default())
}

/// `token` is one of ours.
fn choose(
    visitor: &Visitor,
    status: StatusCode,
    token: &str,
    errors: Errors,
) -> Result<Response, ApiError> {
    let action = format!("/password/reset/{token}/");
    let wait = errors.retry_after();
    let template = Reset { page: visitor.page(), errors, action };
    Ok(retry_after(wait, visitor.answer(status, &template)?))
}

async fn reset(Path(token): Path<String>, form: VisitorForm) -> Result<Response, ApiError> {
    let VisitorForm { visitor, fields, genuine } = form;
    let accounts = &visitor.state.accounts;
    let password = fields.raw("password");
    let errors = Errors::default();
    let (status, errors) =
        if !accounts.is_reset_open(&token).await.map_err(ApiError::storage_failed)? {
            return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK);
        } else if !genuine {
            (StatusCode::FORBIDDEN, errors.expired())
        } else if password.is_empty() {
            (StatusCode::OK, errors.field("new-password", "Choose a password."))
        } else {
            match accounts.reset_password(&token, password, visitor.client.address).await {
                Ok(_) => return Ok(redirect(StatusCode::SEE_OTHER, "/password/reset/done/")),
                Err(ResetPasswordError::Unknown) => {
                    return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK);
                }
                Err(ResetPasswordError::Invalid(found)) => {
                    (StatusCode::OK, errors.invalid(&found, |_| "new-password"))
                }
                Err(ResetPasswordError::TooMany(wait)) => {
                    (StatusCode::TOO_MANY_REQUESTS, errors.too_many(wait))
                }
                Err(ResetPasswordError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, errors.busy()),
                Err(ResetPasswordError::Storage(cause)) => {
                    return Err(ApiError::storage_failed(cause));
                }
            }
        };
    choose(&visitor, status, &token, errors)
}
