//! Somebody signed in: the pages that are theirs, and their forms.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use base::Principal;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Client};

use super::csrf::Holder;
use super::door::TOKEN_FIELD;
use super::fields::Fields;
use super::{Desk, Page, page, redirect};
use crate::under_way::Request as UnderWay;
use crate::{Admitted, SignInContext};

/// Where somebody without a session is sent from a page that needs one.
const DOOR: &str = "/login/?next=/settings/";

/// What to do about a form of another session.
const RELOAD: &str = "Nothing was changed. Go back, load the page anew, and send the form again.";

/// A request by somebody signed in with a browser.
pub(super) struct Member {
    pub(super) desk: Desk,
    pub(super) client: Client,
    pub(super) headers: HeaderMap,
    pub(super) principal: Principal,
    renewed: HeaderValue,
    _under_way: UnderWay,
}

impl Member {
    /// What a page shows of itself.
    pub(super) fn page(&self) -> Page {
        let csrf = self.desk.csrf.token(&Holder::Session(self.principal.session));
        Page { assets: Arc::clone(&self.desk.assets), csrf }
    }

    /// The page, with the session's cookie renewed.
    pub(super) fn answer(
        &self,
        status: StatusCode,
        template: &impl Template,
    ) -> Result<Response, ApiError> {
        let mut response = page(status, template)?;
        response.headers_mut().append(SET_COOKIE, self.renewed.clone());
        Ok(response)
    }

    /// From where this request comes.
    pub(super) async fn context(&self) -> Result<SignInContext, ApiError> {
        let context = self.desk.accounts.sign_in_context(&self.headers, &self.client).await;
        context.map_err(ApiError::storage_failed)
    }
}

/// Why a request is not a member's: they are to log in, or it failed.
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
            Self::LogIn => redirect(StatusCode::FOUND, DOOR),
            Self::Failed(error) => error.into_response(),
        }
    }
}

impl FromRequestParts<Desk> for Member {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Refused> {
        let client = Client::from_request_parts(parts, desk).await?;
        let headers = parts.headers.clone();
        match desk.accounts.admit(&headers, &client).await {
            Ok(Admitted { principal, renewed, under_way: _under_way }) => {
                Ok(Self { desk: desk.clone(), client, headers, principal, renewed, _under_way })
            }
            Err(error) if error.status().is_server_error() => Err(error.into()),
            Err(error) if error.status() == StatusCode::TOO_MANY_REQUESTS => Err(error.into()),
            Err(_) => Err(Refused::LogIn),
        }
    }
}

/// A member's form, whose token holds.
pub(super) struct MemberForm {
    pub(super) member: Member,
    pub(super) fields: Fields,
}

impl FromRequest<Desk> for MemberForm {
    type Rejection = Refused;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let member = Member::from_request_parts(&mut parts, desk).await?;
        let fields = Fields::of_form(Request::from_parts(parts, body)).await?;
        let holder = Holder::Session(member.principal.session);
        if desk.csrf.holds(&holder, fields.raw(TOKEN_FIELD)) {
            return Ok(Self { member, fields });
        }
        let message = "This form was made for another session.";
        Err(ApiError::new(StatusCode::FORBIDDEN, message).advise(RELOAD).into())
    }
}
