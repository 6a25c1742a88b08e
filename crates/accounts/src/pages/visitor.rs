//! A visitor, known by a random cookie, and the pages that only say something.

use askama::Template;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_kit::{ApiError, Client, SignedIn, cookie, set_cookie};
use std::sync::Arc;
use std::time::Duration;

use super::form::{self, Fields, Subject, TOKEN_FIELD};
use super::{Page, PageState, page};
use crate::SignInContext;

/// The name of the visitor's cookie; it holds nothing but chance.
const COOKIE: &str = "visitor";

/// How long a form may stay open.
const COOKIE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A request to one of the pages for people who are not signed in.
pub(super) struct Visitor {
    pub(super) state: PageState,
    pub(super) client: Client,
    pub(super) headers: HeaderMap,
    /// Whether the browser holds a session.
    pub(super) is_signed_in: bool,
    cookie: String,
}

impl Visitor {
    /// What a page shows of itself.
    pub(super) fn page(&self) -> Page {
        let csrf = form::token(&self.state.signer, &Subject::Visitor(&self.cookie));
        Page { assets: Arc::clone(&self.state.assets), csrf }
    }

    /// The page, with the cookie that its forms' token is made of.
    pub(super) fn answer(
        &self,
        status: StatusCode,
        template: &impl Template,
    ) -> Result<Response, ApiError> {
        let mut response = page(status, template)?;
        let expires = self.state.accounts.now().plus(COOKIE_LIFE);
        let cookie = set_cookie(COOKIE, &self.cookie, self.client.secure, expires);
        response.headers_mut().append(SET_COOKIE, cookie);
        Ok(response)
    }

    /// A page that says one thing.
    pub(super) fn notice(&self, status: StatusCode, notice: Notice) -> Result<Response, ApiError> {
        self.answer(status, &NoticePage { page: self.page(), notice })
    }

    /// What a sign-in notes of this request.
    pub(super) async fn context(&self) -> Result<SignInContext, ApiError> {
        let context = self.state.accounts.sign_in_context(&self.headers, &self.client).await;
        context.map_err(ApiError::storage_failed)
    }
}

impl FromRequestParts<PageState> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, ApiError> {
        let client = Client::from_request_parts(parts, state).await?;
        let headers = parts.headers.clone();
        let kept = cookie(&headers, COOKIE).filter(|cookie| form::is_visitor_cookie(cookie));
        let cookie = match kept {
            Some(kept) => kept.to_owned(),
            None => form::visitor_cookie(&*state.accounts.0.random),
        };
        let signed_in = SignedIn::optional(parts).await?;
        let is_signed_in = signed_in.is_some();
        Ok(Self { state: state.clone(), client, headers, is_signed_in, cookie })
    }
}

/// A visitor's form.
pub(super) struct VisitorForm {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
    /// Whether its token holds. If not, it is shown again with what was typed, and
    /// nothing else may come of it.
    pub(super) genuine: bool,
}

impl FromRequest<PageState> for VisitorForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &PageState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await?;
        let fields = Fields::of_form(Request::from_parts(parts, body)).await?;
        let subject = Subject::Visitor(&visitor.cookie);
        let genuine = form::verify(&state.signer, &subject, fields.raw(TOKEN_FIELD));
        Ok(Self { visitor, fields, genuine })
    }
}

/// One thing to say, and where to go from here.
pub(super) struct Notice {
    pub(super) icon: &'static str,
    pub(super) heading: &'static str,
    pub(super) texts: &'static [&'static str],
    pub(super) href: &'static str,
    pub(super) link: &'static str,
}

/// The page of [`Notice`].
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct NoticePage {
    pub(super) page: Page,
    pub(super) notice: Notice,
}

/// A page whose only use is the button on it: see `templates/confirm.html`.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct ButtonPage {
    pub(super) page: Page,
    pub(super) heading: &'static str,
    pub(super) text: &'static str,
    pub(super) action: String,
    pub(super) button: &'static str,
}

/// A link from a mail that leads nowhere any more: the same for every cause.
pub(super) const DEAD_LINK: Notice = Notice {
    icon: "alert",
    heading: "This link does not work any more",
    texts: &["It was used already, or it is too old. Ask for a new one."],
    href: "/login/",
    link: "Log in",
};
