//! `/admin…`: from requests to the site and back to pages.

mod act;
mod export;
mod list;
mod object;

use std::fmt::Display;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{Method, StatusCode};
use http_kit::{ApiError, Client, log_in_address};

use crate::model::{Model, ModelError};
use crate::site::{Site, Work, sentence};
use crate::views::{self, Chrome};
use crate::{Refused, Staff};

pub(crate) fn routes(site: &Site) -> Router {
    Router::new()
        .route("/admin", get(list::overview))
        .route("/admin/{model}", get(list::list).post(act::act))
        .route("/admin/{model}/add", get(object::add).post(object::create))
        .route("/admin/{model}/export.csv", get(export::csv))
        .route("/admin/{model}/export.jsonl", get(export::json_lines))
        .route("/admin/{model}/{id}", get(object::show).post(object::update))
        .route("/admin/{model}/{id}/history", get(object::history))
        .route("/admin/{model}/{id}/{*rest}", any(async || Halt::NotFound))
        .route_layer(middleware::from_fn_with_state(site.clone(), admit))
}

/// Middleware: lets staff in, and makes pages of what stopped them.
async fn admit(
    State(site): State<Site>,
    client: Client,
    mut request: Request,
    next: Next,
) -> Response {
    let staff = match site.0.gate.staff(request.headers(), &client).await {
        Ok(staff) => staff,
        Err(Refused::Stranger) => return Redirect::to(&sign_in(&site, &request)).into_response(),
        Err(Refused::NotStaff) => return views::not_staff(&site.0.assets),
        Err(Refused::Failed(error)) => return error.into_response(),
    };
    let renewed = staff.renewed.clone();
    let desk = Desk { site, staff: Arc::new(staff) };
    request.extensions_mut().insert(desk.clone());
    let mut response = next.run(request).await;
    if let Some(halt) = response.extensions_mut().remove::<Halt>() {
        response = desk.halted(halt);
    }
    if let Some(cookie) = renewed {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Where a stranger signs in, to come back here. A form that was sent is lost: it is
/// not repeated behind anybody's back.
fn sign_in(site: &Site, request: &Request) -> String {
    let uri = request.uri();
    let next = match (request.method() == Method::GET, uri.query()) {
        (true, Some(query)) => format!("{}?{query}", uri.path()),
        (true, None) => format!("{}/", uri.path().trim_end_matches('/')),
        (false, _) => "/admin/".to_owned(),
    };
    log_in_address(site.0.sign_in, &next)
}

/// A member of the staff at the site: whoever holds one has passed the gate.
#[derive(Clone)]
pub(crate) struct Desk {
    site: Site,
    staff: Arc<Staff>,
}

impl Desk {
    pub(crate) fn seals(&self, seal: &str) -> bool {
        self.site.0.sealer.holds(&self.staff, seal)
    }

    fn chrome(&self, title: impl Into<String>, slug: &str) -> Chrome {
        Chrome::new(&self.site, &self.staff, title.into(), slug)
    }

    fn model(&self, slug: &str) -> Result<Arc<dyn Model>, Halt> {
        self.site.model(slug).ok_or(Halt::NotFound)
    }

    fn work(&self, model: Arc<dyn Model>) -> Work {
        Work { audit: self.site.0.audit.clone(), model, staff: (*self.staff).clone() }
    }

    fn halted(&self, halt: Halt) -> Response {
        let (status, title, text) = match halt {
            Halt::NotFound => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing here. It may have been removed meanwhile.".to_owned(),
            ),
            Halt::Seal => (
                StatusCode::FORBIDDEN,
                "The form has expired",
                "You have signed in anew since the page was loaded. Go back, load the page \
                 again, and repeat what you did: nothing was changed."
                    .to_owned(),
            ),
            Halt::Refused(reason) => (StatusCode::CONFLICT, "That is not possible", reason),
            Halt::Failed(error) => return error.into_response(),
        };
        views::stop(self.chrome(title, ""), status, text)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Desk {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Halt> {
        let desk = parts.extensions.get::<Self>().cloned();
        desk.ok_or_else(|| Halt::failed("the gate was not asked"))
    }
}

/// What stops a request. Travels to [`admit`] with the response and becomes a page
/// there, with everything around it.
#[derive(Clone, Debug)]
pub(crate) enum Halt {
    NotFound,
    /// The form's seal does not hold.
    Seal,
    /// One sentence why not.
    Refused(String),
    Failed(ApiError),
}

impl Halt {
    pub(crate) fn failed(cause: impl Display) -> Self {
        Self::Failed(ApiError::internal(cause))
    }
}

impl From<ModelError> for Halt {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::NotFound => Self::NotFound,
            ModelError::Failed(cause) => Self::failed(cause),
            error => Self::Refused(sentence(&error)),
        }
    }
}

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The model and the object of an address. Not UTF-8: no such object.
fn placed<T>(path: Result<Path<T>, axum::extract::rejection::PathRejection>) -> Result<T, Halt> {
    path.map(|Path(path)| path).map_err(|_| Halt::NotFound)
}

/// Runs `work` to its end, whoever hangs up meanwhile.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ModelError>> + Send + 'static,
) -> Result<T, ModelError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(ModelError::Failed(error.to_string())),
    }
}
