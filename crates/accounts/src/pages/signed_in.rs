//! The pages of a signed-in caller, and their forms.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use base::Principal;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_kit::{Accepts, ApiError, AuthError, Client, caller};

use super::form::{self, Fields, Subject, TOKEN_FIELD};
use super::{Page, PageState, redirect};
use crate::SignInContext;

/// Where a browser without a session is sent from a page that needs one.
const LOGIN: &str = "/login/?next=/settings/";

/// What to do about a form of another session.
const RELOAD: &str = "Nothing was changed. Go back, load the page anew, and send the form again.";

/// A signed-in browser's request for a page.
pub(super) struct SignedInPage {
    pub(super) state: PageState,
    pub(super) client: Client,
    pub(super) headers: HeaderMap,
    pub(super) principal: Principal,
}

impl SignedInPage {
    /// What a page shows of itself.
    pub(super) fn page(&self) -> Page {
        let csrf = form::token(&self.state.signer, &Subject::Session(self.principal.session));
        Page { assets: Arc::clone(&self.state.assets), csrf }
    }

    /// What a new token notes of this request.
    pub(super) async fn context(&self) -> Result<SignInContext, ApiError> {
        let context = self.state.accounts.sign_in_context(&self.headers, &self.client).await;
        context.map_err(ApiError::storage_failed)
    }
}

/// Why a page is not shown: its reader is to log in, or it failed.
pub(super) enum Refused {
    LogIn,
    Failed(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn => redirect(StatusCode::FOUND, LOGIN),
            Self::Failed(error) => error.into_response(),
        }
    }
}

impl FromRequestParts<PageState> for SignedInPage {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, Refused> {
        let client = Client::from_request_parts(parts, state).await?;
        let headers = parts.headers.clone();
        match caller(parts, Accepts::Cookie).await {
            Ok(caller) => {
                let principal = caller.principal;
                Ok(Self { state: state.clone(), client, headers, principal })
            }
            Err(AuthError::Missing | AuthError::Invalid(_) | AuthError::Malformed(_)) => {
                Err(Refused::LogIn)
            }
            Err(error) => Err(error.answer(Accepts::Cookie).into()),
        }
    }
}

/// A form of such a page, whose token holds.
pub(super) struct SignedInForm {
    pub(super) caller: SignedInPage,
    pub(super) fields: Fields,
}

impl FromRequest<PageState> for SignedInForm {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &PageState) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let caller = SignedInPage::from_request_parts(&mut parts, state).await?;
        let fields = Fields::of_form(Request::from_parts(parts, body)).await?;
        let subject = Subject::Session(caller.principal.session);
        if form::verify(&state.signer, &subject, fields.raw(TOKEN_FIELD)) {
            return Ok(Self { caller, fields });
        }
        let message = "This form was made for another session.";
        Err(ApiError::new(StatusCode::FORBIDDEN, message).advise(RELOAD).into())
    }
}
