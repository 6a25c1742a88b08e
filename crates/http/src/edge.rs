//! The rules that every request passes, around all capabilities' routes.
//!
//! From the outside in: an optional trailing slash, who is calling, headers of
//! every answer, errors as pages. Then what each group of [`Routes`] has of its own: the form
//! of its errors, what pages of other origins may do (its [`CrossOrigin`](crate::CrossOrigin)),
//! a panic's answer, the requests of one address that are under way, which all groups count
//! together, the time limit, counting, the body limit, and the answers for what no route
//! takes. So every answer but those that no route gives has the form and the CORS headers of
//! its group.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::uri::{PathAndQuery, Uri};
use limits::{Exempt, NetworkSlots};
use tower::{Layer, util::MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;

use crate::cross_origin::{self, Rule};
use crate::routes::Group;
use crate::{
    ApiError, Client, Deadline, OriginPolicy, Routes, TrustedProxies, client, error_form,
    error_page, headers, observe,
};

/// How long a request may take from its headers to its answer's headers, unless its handler
/// [puts that off](Deadline::put_off).
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest body, in bytes, that extractors read unless a route says otherwise.
pub const MAX_BODY: usize = 16 * 1024;

/// Requests of one client address under way, as many as it may have connections without
/// a proxy: behind one, connections say nothing of clients.
pub const MAX_REQUESTS_OF_ADDRESS: u32 = 256;

/// When to try again that was refused for that.
const RETRY: Duration = Duration::from_secs(1);

/// What [`edge()`] needs to know.
#[derive(Clone, Debug)]
pub struct EdgeOptions {
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may act here.
    pub origins: Arc<OriginPolicy>,
    /// Networks whose requests are not counted.
    pub exempt: Exempt,
    /// Usually [`REQUEST_TIMEOUT`].
    pub request_timeout: Duration,
    /// Where the stylesheets of error pages are: `/assets/<version>`; empty if there
    /// are none.
    pub assets: Arc<str>,
}

impl Default for EdgeOptions {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            origins: Arc::default(),
            exempt: Exempt::default(),
            request_timeout: REQUEST_TIMEOUT,
            assets: Arc::default(),
        }
    }
}

/// Puts the rules of this module around `routes`. Call it once, last.
pub fn edge(routes: impl Into<Routes>, options: EdgeOptions) -> Router {
    let trusted = Arc::new(options.trusted_proxies);
    let rules = Rules {
        origins: options.origins,
        requests: NetworkSlots::new(MAX_REQUESTS_OF_ADDRESS, options.exempt),
        request_timeout: options.request_timeout,
    };
    let nothing = async || ApiError::new(StatusCode::NOT_FOUND, "There is nothing here.");
    let unknown = Routes::from(Router::new().fallback(nothing));
    let groups = unknown.merge(routes).into_groups().into_iter();
    let inner = groups
        .fold(Router::new(), |all, group| all.merge(rules.around(group)))
        .layer(middleware::from_fn_with_state(options.assets, error_page::show))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn_with_state(trusted, client::identify));
    // Rewriting must come before routing, so it wraps the router from outside.
    let app = MapRequestLayer::new(without_trailing_slash).layer(inner);
    Router::new().fallback_service(app)
}

/// What the rules of every group go by.
struct Rules {
    origins: Arc<OriginPolicy>,
    requests: NetworkSlots,
    request_timeout: Duration,
}

impl Rules {
    /// A group's routes inside of its rules.
    fn around(&self, Group { rule, errors, router }: Group) -> Router {
        let rule = Rule { rule, origins: Arc::clone(&self.origins) };
        let ruled = router
            .method_not_allowed_fallback(async || ApiError::method_not_allowed())
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(middleware::from_fn(observe::count))
            .layer(middleware::from_fn_with_state(self.request_timeout, limit_time))
            .layer(middleware::from_fn_with_state(self.requests.clone(), limit_requests))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(middleware::from_fn_with_state(rule, cross_origin::apply));
        match errors {
            Some(form) => ruled.layer(middleware::from_fn_with_state(form, error_form::apply)),
            None => ruled,
        }
    }
}

/// Middleware: bounds the requests of one client address that are under way.
async fn limit_requests(
    State(requests): State<NetworkSlots>,
    request: Request,
    next: Next,
) -> Response {
    let Some(client) = request.extensions().get::<Client>() else { return next.run(request).await };
    match requests.take(client.address) {
        Some(_slot) => next.run(request).await,
        None => ApiError::too_many(RETRY).into_response(),
    }
}

async fn limit_time(State(limit): State<Duration>, mut request: Request, next: Next) -> Response {
    let deadline = Deadline::after(limit);
    request.extensions_mut().insert(deadline.clone());
    let answered = deadline.limit(next.run(request)).await;
    answered.unwrap_or_else(|| ApiError::timed_out().into_response())
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
    let cause = text.unwrap_or("a panic without a message");
    ApiError::internal(format_args!("handler panicked: {cause}")).into_response()
}

fn without_trailing_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() < path.len() && path != "/" {
        let path = if trimmed.is_empty() { "/" } else { trimmed };
        let target = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(target).ok();
        // A prefix of a valid path is one; were it not, the request stays as it came.
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests;
