//! `/settings`: one's own profile, ways to log in, devices and tokens, on one page.
//!
//! Each form leads back to its section of the page. What cannot be undone by pressing
//! again is asked about before, where scripts run.

mod screen;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use base::{Principal, SessionRef};
use http::StatusCode;
use http_kit::ApiError;

use super::errors::Errors;
use super::form::Fields;
use super::signed_in::{SignedInForm, SignedInPage};
use super::{PageState, redirect};
use crate::{ChangeError, ProfileChange};
use screen::{FormValues, Screen, Secret};

/// Characters of a token's name.
const MAX_TOKEN_NAME: usize = 64;

pub(super) fn routes() -> Router<PageState> {
    Router::new()
        .route("/settings", get(show))
        .route("/settings/profile", post(profile))
        .route("/settings/email", post(email))
        .route("/settings/email/confirmation", post(resend))
        .route("/settings/password", post(password))
        .route("/settings/key", post(key))
        .route("/settings/sessions/end", post(end_session))
        .route("/settings/sessions/end-others", post(end_others))
        .route("/settings/tokens", post(create_token))
        .route("/settings/tokens/revoke", post(revoke_token))
}

async fn show(caller: SignedInPage, query: Fields) -> Result<Response, ApiError> {
    let done = query.raw("done").to_owned();
    Screen { done, ..Screen::default() }.show(&caller, StatusCode::OK).await
}

/// Back to the page: to `section`, which says that `what` is done.
fn back(what: &str, section: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, &format!("/settings/?done={what}#{section}"))
}

async fn profile(SignedInForm { caller, fields }: SignedInForm) -> Result<Response, ApiError> {
    let typed = FormValues::profile(&fields);
    let change = ProfileChange {
        first_name: Some(typed.first_name.clone()),
        last_name: Some(typed.last_name.clone()),
        shows_username: Some(typed.shows_username),
    };
    let accounts = &caller.state.accounts;
    match accounts.update_profile(&caller.principal, change, caller.client.address).await {
        Ok(_) => Ok(back("profile", "profile")),
        Err(error) => {
            let errors = Errors::new("profile");
            let id_of = |field: &str| if field == "last_name" { "last-name" } else { "first-name" };
            refuse(&caller, error, errors, id_of, Some(typed)).await
        }
    }
}

async fn email(SignedInForm { caller, fields }: SignedInForm) -> Result<Response, ApiError> {
    let email = fields.text("email");
    let accounts = &caller.state.accounts;
    match accounts.request_email_change(&caller.principal, email, caller.client.address).await {
        Ok(()) => Ok(back("email", "email")),
        Err(error) => {
            let errors = Errors::new("email");
            refuse(&caller, error, errors, |_| "new-email", Some(FormValues::email(email))).await
        }
    }
}

async fn resend(SignedInForm { caller, .. }: SignedInForm) -> Result<Response, ApiError> {
    match caller.state.accounts.resend_confirmation(&caller.principal, caller.client.address).await
    {
        Ok(()) => Ok(back("resent", "email")),
        Err(error) => refuse(&caller, error, Errors::new("email"), |_| "new-email", None).await,
    }
}

async fn password(SignedInForm { caller, fields }: SignedInForm) -> Result<Response, ApiError> {
    let (current, new) = (fields.raw("current"), fields.raw("password"));
    let errors = Errors::new("password")
        .field_if(
            fields.has("current") && current.is_empty(),
            "current-password",
            "Enter your current password.",
        )
        .field_if(new.is_empty(), "chosen-password", "Choose a new password.");
    if errors.any() {
        return Screen { errors, ..Screen::default() }.show(&caller, StatusCode::OK).await;
    }
    let accounts = &caller.state.accounts;
    match accounts.change_password(&caller.principal, current, new, caller.client.address).await {
        Ok(()) => Ok(back("password", "password")),
        Err(error) => {
            let errors = Errors::new("password");
            refuse(&caller, error, errors, |_| "chosen-password", None).await
        }
    }
}

async fn key(SignedInForm { caller, .. }: SignedInForm) -> Result<Response, ApiError> {
    match caller.state.accounts.rotate_key(&caller.principal, caller.client.address).await {
        Ok(key) => {
            let secret = Secret {
                heading: "Your new access key",
                text: "With it you can log in instead of a password. A key you had before does not work any more.",
                label: "Access key",
                value: key.expose().to_owned(),
                file: format!("packetboat-key-{}.txt", caller.principal.username),
            };
            reveal(&caller, secret).await
        }
        Err(error) => refuse(&caller, error, Errors::new("key"), |_| "", None).await,
    }
}

async fn end_session(SignedInForm { caller, fields }: SignedInForm) -> Result<Response, ApiError> {
    end(&caller, &fields).await?;
    Ok(back("ended", "devices"))
}

async fn revoke_token(SignedInForm { caller, fields }: SignedInForm) -> Result<Response, ApiError> {
    end(&caller, &fields).await?;
    Ok(back("revoked", "tokens"))
}

/// Ends the session named by the form, if it is the caller's. What is over already is
/// just as good.
async fn end(caller: &SignedInPage, fields: &Fields) -> Result<(), ApiError> {
    let Ok(session) = fields.text("session").parse() else { return Ok(()) };
    let accounts = &caller.state.accounts;
    let ended = accounts.end_session(caller.principal.account, SessionRef(session)).await;
    ended.map(|_| ()).map_err(ApiError::storage_failed)
}

async fn end_others(SignedInForm { caller, .. }: SignedInForm) -> Result<Response, ApiError> {
    let ended = caller.state.accounts.end_other_sessions(&caller.principal).await;
    ended.map_err(ApiError::storage_failed)?;
    Ok(back("others", "devices"))
}

async fn create_token(SignedInForm { caller, fields }: SignedInForm) -> Result<Response, ApiError> {
    let name = fields.text("name");
    let errors = Errors::new("tokens")
        .field_if(name.is_empty(), "token-name", "Say what the token is for.")
        .field_if(
            name.chars().count() > MAX_TOKEN_NAME || name.chars().any(char::is_control),
            "token-name",
            "Use at most 64 characters in one line.",
        );
    if errors.any() {
        let screen = Screen { errors, typed: Some(FormValues::token(name)), ..Screen::default() };
        return screen.show(&caller, StatusCode::OK).await;
    }
    let context = caller.context().await?;
    let accounts = &caller.state.accounts;
    let Principal { account, session, .. } = caller.principal;
    let token = accounts.issue_token(account, Some(name), &context, Some(session)).await;
    // Deactivated or signed out this very moment: the next page leads to the door.
    let token = match token {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(redirect(StatusCode::SEE_OTHER, "/login/")),
        Err(error) => {
            let errors = Errors::new("tokens");
            return refuse(&caller, error, errors, |_| "", Some(FormValues::token(name))).await;
        }
    };
    let secret = Secret {
        heading: "Your new API token",
        text: "Whoever has it acts as you. Give it to one app or script and to nobody else.",
        label: "API token",
        value: token.expose().to_owned(),
        file: "packetboat-token.txt".to_owned(),
    };
    reveal(&caller, secret).await
}

/// The page with a secret on it, this once.
async fn reveal(caller: &SignedInPage, secret: Secret) -> Result<Response, ApiError> {
    Screen { secret: Some(secret), ..Screen::default() }.show(caller, StatusCode::OK).await
}

/// The page again, with why a change was not made and what was typed.
async fn refuse(
    caller: &SignedInPage,
    error: ChangeError,
    errors: Errors,
    id_of: impl Fn(&str) -> &'static str,
    typed: Option<FormValues>,
) -> Result<Response, ApiError> {
    let (status, errors) = match error {
        ChangeError::Invalid(found) => (StatusCode::OK, errors.invalid(&found, id_of)),
        ChangeError::WrongPassword => {
            (StatusCode::OK, errors.field("current-password", "This is not your password."))
        }
        ChangeError::UsernameTaken | ChangeError::EmailTaken => {
            (StatusCode::OK, errors.form("That is taken already.", &[]))
        }
        ChangeError::Unconfirmed => {
            (StatusCode::OK, errors.form("Confirm your email address first.", &[]))
        }
        ChangeError::TooMany(wait) => (StatusCode::TOO_MANY_REQUESTS, errors.too_many(wait)),
        ChangeError::Busy => (StatusCode::SERVICE_UNAVAILABLE, errors.busy()),
        // Deleted or signed out meanwhile: the next page leads to the door.
        ChangeError::Gone => return Ok(redirect(StatusCode::SEE_OTHER, "/login/")),
        ChangeError::Storage(cause) => return Err(ApiError::storage_failed(cause)),
    };
    Screen { errors, typed, ..Screen::default() }.show(caller, status).await
}
