//! `/api/users/…`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::AccountId;
use http::StatusCode;
use http_kit::Client;
use serde::Serialize;

use super::Authenticated;
use super::error::RestError;
use super::form::{Form, Rule};
use crate::credentials::Amendment;
use crate::{Accounts, Profile, SignUp};

/// An account on the wire. Without an email address, that is empty.
#[derive(Serialize)]
pub(super) struct User {
    id: i64,
    email: String,
    first_name: String,
    last_name: String,
}

impl From<Profile> for User {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.account.0,
            email: profile.email.unwrap_or_default(),
            first_name: profile.first_name,
            last_name: profile.last_name,
        }
    }
}

/// `POST /api/users/`
pub(super) async fn register(
    State(accounts): State<Accounts>,
    client: Client,
    mut form: Form,
) -> Result<Response, RestError> {
    let email = form.text("email", Rule::Required);
    let password = form.text("password", Rule::Required);
    let wanted = SignUp {
        email: email.unwrap_or_default(),
        password: password.unwrap_or_default(),
        first_name: form.text("first_name", Rule::OptionalBlank).unwrap_or_default(),
        last_name: form.text("last_name", Rule::OptionalBlank).unwrap_or_default(),
    };
    // Of a field that is missing, that is said already.
    form.note(&Accounts::check(&wanted));
    form.finish()?;
    accounts.sign_up(wanted, client.address).await?;
    Ok(StatusCode::CREATED.into_response())
}

/// `GET /api/users/{id}/`, `GET /api/users/me/`
pub(super) async fn read(
    State(accounts): State<Accounts>,
    caller: Authenticated,
    which: AccountSelector,
) -> Result<Response, RestError> {
    let account = which.account(&caller)?;
    let profile = accounts.profile(account).await.map_err(RestError::storage_failed)?;
    let profile = profile.ok_or_else(RestError::not_found)?;
    Ok(Json(User::from(profile)).into_response())
}

/// `PUT` and `PATCH /api/users/{id}/`, `…/me/`
pub(super) async fn update(
    State(accounts): State<Accounts>,
    caller: Authenticated,
    client: Client,
    which: AccountSelector,
    mut form: Form,
) -> Result<Response, RestError> {
    let account = which.account(&caller)?;
    if account != caller.principal().account {
        let other = accounts.profile(account).await.map_err(RestError::storage_failed)?;
        return Err(other.map_or_else(RestError::not_found, |_| RestError::forbidden()));
    }
    let wanted = Amendment {
        email: form.text("email", Rule::Optional),
        password: form.text("password", Rule::Optional),
        first_name: form.text("first_name", Rule::OptionalBlank),
        last_name: form.text("last_name", Rule::OptionalBlank),
    };
    form.finish()?;
    let takes_over = wanted.email.is_some() || wanted.password.is_some();
    if takes_over
        && caller.is_by_token()
        && accounts.is_staff(account).await.map_err(RestError::storage_failed)?
    {
        // A key in a script must not become a session on the admin site.
        return Err(RestError::forbidden());
    }
    let profile = accounts.amend(caller.principal(), wanted, client.address).await?;
    Ok(Json(User::from(profile)).into_response())
}

/// `POST /api/users/reset-password/`
pub(super) async fn reset_password(
    State(accounts): State<Accounts>,
    client: Client,
    mut form: Form,
) -> Result<Response, RestError> {
    let email = form.text("email", Rule::Required);
    form.finish()?;
    accounts.request_password_reset(&email.unwrap_or_default(), client.address)?;
    Ok(StatusCode::OK.into_response())
}

/// The last part of the path: `me`, or an id.
pub(super) struct AccountSelector(Option<String>);

impl AccountSelector {
    fn account(&self, caller: &Authenticated) -> Result<AccountId, RestError> {
        match self.0.as_deref() {
            Some("me") => Ok(caller.principal().account),
            text => {
                let id = text.and_then(|text| text.parse().ok());
                id.map(AccountId).ok_or_else(RestError::not_found)
            }
        }
    }
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for AccountSelector {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        // A path that cannot be decoded names no account, which is for `account` to say:
        // after who is calling.
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        Ok(Self(path.ok().map(|Path(text)| text)))
    }
}
