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
use http::request::Parts;
use http::{Method, StatusCode};
use http_kit::{ApiError, Purpose, Staff, StaffRejection, log_in_address};

use crate::model::{Model, ModelError};
use crate::site::{AuditedModel, Site, sentence};
use crate::views::{self, Chrome};

pub(crate) fn routes(site: &Site) -> Router {
    Router::new()
        .route("/admin", get(list::overview))
        .route("/admin/{model}", get(list::list).post(act::act))
        .route("/admin/{model}/add", get(object::add).post(object::create))
        .route("/admin/{model}/export.csv", get(export::csv))
        .route("/admin/{model}/export.jsonl", get(export::json_lines))
        .route("/admin/{model}/{id}", get(object::show).post(object::update))
        .route("/admin/{model}/{id}/history", get(object::history))
        .route("/admin/{model}/{id}/{*rest}", any(async || AdminError::NotFound))
        .route_layer(middleware::from_fn_with_state(site.clone(), admit))
}

/// Middleware: lets staff in, and turns errors into pages.
async fn admit(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let staff = match Staff::from_request_parts(&mut parts, &site).await {
        Ok(staff) => staff,
        Err(StaffRejection::NotSignedIn) => {
            return Redirect::to(&sign_in(&site, &parts)).into_response();
        }
        Err(StaffRejection::NotStaff) => return views::not_staff(&site.0.assets),
        Err(StaffRejection::Failed(error)) => return error.into_response(),
    };
    let context = StaffContext { site, staff: Arc::new(staff) };
    parts.extensions.insert(context.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = response.extensions_mut().remove::<AdminError>() {
        response = context.error_page(error);
    }
    response
}

/// Where a browser that is not signed in does so, to come back here. A form that was sent is
/// lost: it is not repeated without being sent again.
fn sign_in(site: &Site, request: &Parts) -> String {
    let uri = &request.uri;
    let next = match (request.method == Method::GET, uri.query()) {
        (true, Some(query)) => format!("{}?{query}", uri.path()),
        (true, None) => format!("{}/", uri.path().trim_end_matches('/')),
        (false, _) => "/admin/".to_owned(),
    };
    log_in_address(site.0.sign_in, &next)
}

/// What a form's token is signed for.
const FORM: Purpose = Purpose("admin form");

/// A member of staff at the site: a handler that holds one acts for them.
#[derive(Clone)]
pub(crate) struct StaffContext {
    site: Site,
    staff: Arc<Staff>,
}

impl StaffContext {
    /// Whether `token` is the one that this session's forms carry.
    pub(crate) fn verifies(&self, token: &str) -> bool {
        self.site.0.signer.verify(FORM, &subject(&self.staff), token)
    }

    fn chrome(&self, title: impl Into<String>, slug: &str) -> Chrome {
        Chrome::new(&self.site, &self.staff, title.into(), slug)
    }

    fn model(&self, slug: &str) -> Result<Arc<dyn Model>, AdminError> {
        self.site.model(slug).ok_or(AdminError::NotFound)
    }

    fn audited(&self, model: Arc<dyn Model>) -> AuditedModel {
        AuditedModel { audit: self.site.0.audit.clone(), model, staff: (*self.staff).clone() }
    }

    fn error_page(&self, error: AdminError) -> Response {
        let (status, title, text) = match error {
            AdminError::NotFound => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing here. It may have been removed meanwhile.".to_owned(),
            ),
            AdminError::Token => (
                StatusCode::FORBIDDEN,
                "The form has expired",
                "You have signed in anew since the page was loaded. Go back, load the page \
                 again, and repeat what you did: nothing was changed."
                    .to_owned(),
            ),
            AdminError::Refused(reason) => (StatusCode::CONFLICT, "That is not possible", reason),
            AdminError::Failed(error) => return error.into_response(),
        };
        views::message(self.chrome(title, ""), status, text)
    }
}

/// The token that the forms of `staff`'s session carry.
pub(crate) fn form_token(site: &Site, staff: &Staff) -> String {
    site.0.signer.sign(FORM, &subject(staff))
}

fn subject(staff: &Staff) -> [u8; 8] {
    staff.session.0.to_be_bytes()
}

impl<S: Send + Sync> FromRequestParts<S> for StaffContext {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AdminError> {
        let context = parts.extensions.get::<Self>().cloned();
        context.ok_or_else(|| AdminError::failed("the route is not behind the staff check"))
    }
}

/// What stops a request. Travels to [`admit`] with the response and becomes a page
/// there, with everything around it.
#[derive(Clone, Debug)]
pub(crate) enum AdminError {
    NotFound,
    /// The form's token does not hold.
    Token,
    /// One sentence why not.
    Refused(String),
    Failed(ApiError),
}

impl AdminError {
    pub(crate) fn failed(cause: impl Display) -> Self {
        Self::Failed(ApiError::internal(cause))
    }
}

impl From<ModelError> for AdminError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::NotFound => Self::NotFound,
            ModelError::Failed(cause) => Self::failed(cause),
            error => Self::Refused(sentence(&error)),
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The model and the object of an address. Not UTF-8: no such object.
fn path_params<T>(
    path: Result<Path<T>, axum::extract::rejection::PathRejection>,
) -> Result<T, AdminError> {
    path.map(|Path(path)| path).map_err(|_| AdminError::NotFound)
}

/// Runs `work` to its end, even if the client disconnects meanwhile.
async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, ModelError>> + Send + 'static,
) -> Result<T, ModelError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(ModelError::Failed(error.to_string())),
    }
}
