//! Whoever stands at the door: a visitor, known by a random cookie, and the pages that
//! only say something.

use askama::Template;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use base::Principal;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_kit::{ApiError, Client, cookie, set_cookie};
use std::sync::Arc;
use std::time::Duration;

use super::csrf::{self, Holder};
use super::fields::Fields;
use super::{Desk, Page, page};
use crate::SignInContext;

/// The name of the visitor's cookie; it holds nothing but chance.
const COOKIE: &str = "visitor";

/// How long a form may stay open.
const COOKIE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The field of a form's token.
pub(super) const TOKEN_FIELD: &str = "csrf_token";

/// A request to one of the pages for people who are not signed in.
pub(super) struct Visitor {
    pub(super) desk: Desk,
    pub(super) client: Client,
    pub(super) headers: HeaderMap,
    /// Whose session the browser holds, if any.
    pub(super) member: Option<Principal>,
    cookie: String,
}

impl Visitor {
    /// What a page shows of itself.
    pub(super) fn page(&self) -> Page {
        let csrf = self.desk.csrf.token(&Holder::Visitor(&self.cookie));
        Page { assets: Arc::clone(&self.desk.assets), csrf }
    }

    /// The page, with the cookie that its forms' token is made of.
    pub(super) fn answer(
        &self,
        status: StatusCode,
        template: &impl Template,
    ) -> Result<Response, ApiError> {
        let mut response = page(status, template)?;
        let expires = self.desk.accounts.now().plus(COOKIE_LIFE);
        let cookie = set_cookie(COOKIE, &self.cookie, self.client.secure, expires);
        response.headers_mut().append(SET_COOKIE, cookie);
        Ok(response)
    }

    /// A page that says one thing.
    pub(super) fn say(&self, status: StatusCode, said: Words) -> Result<Response, ApiError> {
        let Words { icon, heading, texts, href, link } = said;
        self.answer(status, &Said { page: self.page(), icon, heading, texts, href, link })
    }

    /// From where this request signs in.
    pub(super) async fn context(&self) -> Result<SignInContext, ApiError> {
        let context = self.desk.accounts.sign_in_context(&self.headers, &self.client).await;
        context.map_err(ApiError::storage_failed)
    }
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, ApiError> {
        let client = Client::from_request_parts(parts, desk).await?;
        let headers = parts.headers.clone();
        let kept = cookie(&headers, COOKIE).filter(|cookie| csrf::is_visitor(cookie));
        let cookie = match kept {
            Some(kept) => kept.to_owned(),
            None => csrf::visitor(&*desk.accounts.0.random),
        };
        let member = match desk.accounts.admit(&headers, &client).await {
            Ok(admitted) => Some(admitted.principal),
            Err(error) if error.status().is_server_error() => return Err(error),
            Err(_) => None,
        };
        Ok(Self { desk: desk.clone(), client, headers, member, cookie })
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

impl FromRequest<Desk> for VisitorForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, desk).await?;
        let fields = Fields::of_form(Request::from_parts(parts, body)).await?;
        let holder = Holder::Visitor(&visitor.cookie);
        let genuine = desk.csrf.holds(&holder, fields.raw(TOKEN_FIELD));
        Ok(Self { visitor, fields, genuine })
    }
}

/// One thing to say, and where to go from here.
pub(super) struct Words {
    pub(super) icon: &'static str,
    pub(super) heading: &'static str,
    pub(super) texts: &'static [&'static str],
    pub(super) href: &'static str,
    pub(super) link: &'static str,
}

/// The page of [`Words`].
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Said {
    pub(super) page: Page,
    pub(super) icon: &'static str,
    pub(super) heading: &'static str,
    pub(super) texts: &'static [&'static str],
    pub(super) href: &'static str,
    pub(super) link: &'static str,
}

/// A page whose only use is the button on it: see `templates/confirm.html`.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Press {
    pub(super) page: Page,
    pub(super) heading: &'static str,
    pub(super) text: &'static str,
    pub(super) action: String,
    pub(super) button: &'static str,
}

/// A link from a mail that leads nowhere any more: the same for every cause.
pub(super) const DEAD_LINK: Words = Words {
    icon: "alert",
    heading: "This link does not work any more",
    texts: &["It was used already, or it is too old. Ask for a new one."],
    href: "/login/",
    link: "Log in",
};
