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
use super::fields::Fields;
use super::member::{Member, MemberForm};
use super::{Desk, redirect};
use crate::{ChangeError, ProfileChange};
use screen::{Screen, Secret, Typed};

/// Characters of a token's name.
const MAX_TOKEN_NAME: usize = 64;

pub(super) fn routes() -> Router<Desk> {
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

async fn show(member: Member, query: Fields) -> Result<Response, ApiError> {
    let done = query.raw("done").to_owned();
    Screen { done, ..Screen::default() }.show(&member, StatusCode::OK).await
}

/// Back to the page: to `section`, which says that `what` is done.
fn back(what: &str, section: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, &format!("/settings/?done={what}#{section}"))
}

async fn profile(MemberForm { member, fields }: MemberForm) -> Result<Response, ApiError> {
    let typed = Typed::profile(&fields);
    let change = ProfileChange {
        first_name: Some(typed.first_name.clone()),
        last_name: Some(typed.last_name.clone()),
        shows_username: Some(typed.shows_username),
    };
    let accounts = &member.desk.accounts;
    match accounts.update_profile(&member.principal, change, member.client.address).await {
        Ok(_) => Ok(back("profile", "profile")),
        Err(error) => {
            let errors = Errors::new("profile");
            let id_of = |field: &str| if field == "last_name" { "last-name" } else { "first-name" };
            refuse(&member, error, errors, id_of, Some(typed)).await
        }
    }
}

async fn email(MemberForm { member, fields }: MemberForm) -> Result<Response, ApiError> {
    let email = fields.text("email");
    let accounts = &member.desk.accounts;
    match accounts.request_email_change(&member.principal, email, member.client.address).await {
        Ok(()) => Ok(back("email", "email")),
        Err(error) => {
            let errors = Errors::new("email");
            refuse(&member, error, errors, |_| "new-email", Some(Typed::email(email))).await
        }
    }
}

async fn resend(MemberForm { member, .. }: MemberForm) -> Result<Response, ApiError> {
    match member.desk.accounts.resend_confirmation(&member.principal, member.client.address).await {
        Ok(()) => Ok(back("resent", "email")),
        Err(error) => refuse(&member, error, Errors::new("email"), |_| "new-email", None).await,
    }
}

async fn password(MemberForm { member, fields }: MemberForm) -> Result<Response, ApiError> {
    let (current, new) = (fields.raw("current"), fields.raw("password"));
    let errors = Errors::new("password")
        .field_if(
            fields.has("current") && current.is_empty(),
            "current-password",
            "Enter your current password.",
        )
        .field_if(new.is_empty(), "chosen-password", "Choose a new password.");
    if errors.any() {
        return Screen { errors, ..Screen::default() }.show(&member, StatusCode::OK).await;
    }
    let accounts = &member.desk.accounts;
    match accounts.change_password(&member.principal, current, new, member.client.address).await {
        Ok(()) => Ok(back("password", "password")),
        Err(error) => {
            let errors = Errors::new("password");
            refuse(&member, error, errors, |_| "chosen-password", None).await
        }
    }
}

async fn key(MemberForm { member, .. }: MemberForm) -> Result<Response, ApiError> {
    match member.desk.accounts.rotate_key(&member.principal, member.client.address).await {
        Ok(key) => {
            let secret = Secret {
                heading: "Your new access key",
                text: "With it you can log in instead of a password. A key you had before does not work any more.",
                label: "Access key",
                value: key.expose().to_owned(),
                file: format!("packetboat-key-{}.txt", member.principal.username),
            };
            reveal(&member, secret).await
        }
        Err(error) => refuse(&member, error, Errors::new("key"), |_| "", None).await,
    }
}

async fn end_session(MemberForm { member, fields }: MemberForm) -> Result<Response, ApiError> {
    end(&member, &fields).await?;
    Ok(back("ended", "devices"))
}

async fn revoke_token(MemberForm { member, fields }: MemberForm) -> Result<Response, ApiError> {
    end(&member, &fields).await?;
    Ok(back("revoked", "tokens"))
}

/// Ends the session named by the form, if it is the member's. What is over already is
/// just as good.
async fn end(member: &Member, fields: &Fields) -> Result<(), ApiError> {
    let Ok(session) = fields.text("session").parse() else { return Ok(()) };
    let accounts = &member.desk.accounts;
    let ended = accounts.end_session(member.principal.account, SessionRef(session)).await;
    ended.map(|_| ()).map_err(ApiError::storage_failed)
}

async fn end_others(MemberForm { member, .. }: MemberForm) -> Result<Response, ApiError> {
    let ended = member.desk.accounts.end_other_sessions(&member.principal).await;
    ended.map_err(ApiError::storage_failed)?;
    Ok(back("others", "devices"))
}

async fn create_token(MemberForm { member, fields }: MemberForm) -> Result<Response, ApiError> {
    let name = fields.text("name");
    let errors = Errors::new("tokens")
        .field_if(name.is_empty(), "token-name", "Say what the token is for.")
        .field_if(
            name.chars().count() > MAX_TOKEN_NAME || name.chars().any(char::is_control),
            "token-name",
            "Use at most 64 characters in one line.",
        );
    if errors.any() {
        let screen = Screen { errors, typed: Some(Typed::token(name)), ..Screen::default() };
        return screen.show(&member, StatusCode::OK).await;
    }
    let context = member.context().await?;
    let accounts = &member.desk.accounts;
    let Principal { account, session, .. } = member.principal;
    let token = accounts.issue_token(account, Some(name), &context, Some(session)).await;
    // Deactivated or signed out this very moment: the next page leads to the door.
    let token = match token {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(redirect(StatusCode::SEE_OTHER, "/login/")),
        Err(error) => {
            let errors = Errors::new("tokens");
            return refuse(&member, error, errors, |_| "", Some(Typed::token(name))).await;
        }
    };
    let secret = Secret {
        heading: "Your new API token",
        text: "Whoever has it acts as you. Give it to one app or script and to nobody else.",
        label: "API token",
        value: token.expose().to_owned(),
        file: "packetboat-token.txt".to_owned(),
    };
    reveal(&member, secret).await
}

/// The page with a secret on it, this once.
async fn reveal(member: &Member, secret: Secret) -> Result<Response, ApiError> {
    Screen { secret: Some(secret), ..Screen::default() }.show(member, StatusCode::OK).await
}

/// The page again, with why a change was not made and what was typed.
async fn refuse(
    member: &Member,
    error: ChangeError,
    errors: Errors,
    id_of: impl Fn(&str) -> &'static str,
    typed: Option<Typed>,
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
    Screen { errors, typed, ..Screen::default() }.show(member, status).await
}
