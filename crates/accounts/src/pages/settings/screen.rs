//! The settings page as it is shown: what is stored, what was typed, what went wrong.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use http_kit::ApiError;

use super::super::Page;
use super::super::device::Device;
use super::super::errors::{Errors, retry_after};
use super::super::form::Fields;
use super::super::redirect;
use super::super::signed_in::SignedInPage;
use super::super::when::When;
use crate::{Profile, SessionInfo, SessionKind};

/// What one showing of the page has to say besides what is stored.
#[derive(Default)]
pub(super) struct Screen {
    /// What has just been done, by the name that its section knows.
    pub(super) done: String,
    pub(super) errors: Errors,
    pub(super) secret: Option<Secret>,
    /// In place of what is stored, after a form that was refused.
    pub(super) typed: Option<FormValues>,
}

/// A secret that is shown this once.
pub(super) struct Secret {
    pub(super) heading: &'static str,
    pub(super) text: &'static str,
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) file: String,
}

/// The contents of the page's fields; secrets are never among them.
#[derive(Default)]
pub(super) struct FormValues {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) shows_username: bool,
    pub(super) email: String,
    pub(super) token_name: String,
    /// Whether this came from the profile's form, so that its fields count.
    of_profile: bool,
}

impl FormValues {
    pub(super) fn profile(fields: &Fields) -> Self {
        Self {
            first_name: fields.text("first_name").to_owned(),
            last_name: fields.text("last_name").to_owned(),
            shows_username: fields.has("shows_username"),
            of_profile: true,
            ..Self::default()
        }
    }

    pub(super) fn email(email: &str) -> Self {
        Self { email: email.to_owned(), ..Self::default() }
    }

    pub(super) fn token(name: &str) -> Self {
        Self { token_name: name.to_owned(), ..Self::default() }
    }

    /// With what is stored where another form than the profile's was sent.
    fn over(self, profile: &Profile) -> Self {
        if self.of_profile {
            return self;
        }
        Self {
            first_name: profile.first_name.clone(),
            last_name: profile.last_name.clone(),
            shows_username: profile.shows_username,
            ..self
        }
    }
}

/// A session or token in the lists.
struct SessionRow {
    id: i64,
    label: String,
    icon: &'static str,
    address: String,
    created: When,
    last_used: When,
    current: bool,
}

impl SessionRow {
    fn of(info: SessionInfo, caller: &SignedInPage) -> Self {
        let device = Device::of(info.user_agent.as_deref());
        Self {
            id: info.session.0,
            label: info.name.unwrap_or(device.label),
            icon: device.icon,
            address: info.address,
            created: When(info.created_at),
            last_used: When(info.last_used_at),
            current: info.session == caller.principal.session,
        }
    }
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    page: Page,
    profile: Profile,
    email_label: &'static str,
    devices: Vec<SessionRow>,
    tokens: Vec<SessionRow>,
    /// There is something besides this very session.
    others: bool,
    done: String,
    errors: Errors,
    secret: Option<Secret>,
    form: FormValues,
}

impl Screen {
    pub(super) async fn show(
        self,
        caller: &SignedInPage,
        status: StatusCode,
    ) -> Result<Response, ApiError> {
        let (accounts, account) = (&caller.state.accounts, caller.principal.account);
        let profile = accounts.profile(account).await.map_err(ApiError::storage_failed)?;
        // Deleted this very moment.
        let Some(profile) = profile else {
            return Ok(redirect(StatusCode::FOUND, "/login/"));
        };
        let sessions = accounts.sessions(account).await.map_err(ApiError::storage_failed)?;
        let others = sessions.iter().any(|info| info.session != caller.principal.session);
        let (devices, tokens): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|info| info.kind == SessionKind::Browser);
        let things = |infos: Vec<SessionInfo>| {
            infos.into_iter().map(|info| SessionRow::of(info, caller)).collect::<Vec<_>>()
        };
        let template = Settings {
            page: caller.page(),
            email_label: if profile.email.is_some() { "New address" } else { "Email" },
            devices: things(devices),
            tokens: things(tokens),
            others,
            done: self.done,
            errors: self.errors,
            secret: self.secret,
            form: self.typed.unwrap_or_default().over(&profile),
            profile,
        };
        let wait = template.errors.retry_after();
        Ok(retry_after(wait, super::super::page(status, &template)?))
    }
}
