//! `/confirm/{token}`: an address is its owner's once they have opened the mail and
//! pressed the button.

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http_kit::ApiError;

use super::visitor::{ButtonPage, DEAD_LINK, Notice, Visitor, VisitorForm};
use super::{PageState, redirect, secret_address};

const CONFIRMED: Notice = Notice {
    icon: "check",
    heading: "Your address is confirmed",
    texts: &["From now on it can get you back in when you have forgotten your password."],
    href: "/",
    link: "To the room",
};

pub(super) fn routes() -> Router<PageState> {
    Router::new()
        .route("/confirm/done", get(done))
        .route("/confirm/{token}", secret_address(get(show).post(confirm)))
}

async fn show(visitor: Visitor, Path(token): Path<String>) -> Result<Response, ApiError> {
    press(&visitor, StatusCode::OK, &token)
}

fn press(visitor: &Visitor, status: StatusCode, token: &str) -> Result<Response, ApiError> {
    // Into the address of the form: whatever was asked for must stay one segment.
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK);
    }
    let press = ButtonPage {
        page: visitor.page(),
        heading: "Confirm your email address",
        text: "One press, and the address is yours here.",
        action: format!("/confirm/{token}/"),
        button: "Confirm the address",
    };
    visitor.answer(status, &press)
}

async fn confirm(Path(token): Path<String>, form: VisitorForm) -> Result<Response, ApiError> {
    let VisitorForm { visitor, genuine, .. } = form;
    if !genuine {
        return press(&visitor, StatusCode::FORBIDDEN, &token);
    }
    let confirmed = visitor.state.accounts.confirm_email(&token).await;
    match confirmed.map_err(ApiError::storage_failed)? {
        Some(_) => Ok(redirect(StatusCode::SEE_OTHER, "/confirm/done/")),
        None => visitor.notice(StatusCode::NOT_FOUND, DEAD_LINK),
    }
}

async fn done(visitor: Visitor) -> Result<Response, ApiError> {
    visitor.notice(StatusCode::OK, CONFIRMED)
}
