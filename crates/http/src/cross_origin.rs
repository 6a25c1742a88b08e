//! What pages of other origins may do, route by route: the fence against cross-site
//! requests, and where it opens, CORS (Fetch, "HTTP-CORS protocol").
//!
//! Routes come to the [edge](crate::edge()) in groups ([`Routes`](crate::Routes)), each with its
//! rule. A router that says nothing is [fenced](CrossOrigin::Fenced): no CORS headers, and no
//! request of a foreign page that could change something.
//!
//! Invariants: no rule lets a foreign page act with a cookie, except one of an http(s)
//! origin that the operator named; where a rule ignores cookies, no handler sees them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, COOKIE, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::origin::Relation;
use crate::{ApiError, Client, OriginPolicy};

/// What pages of other origins may do with a group of routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrossOrigin {
    /// Nothing that changes anything; what they read they cannot see.
    #[default]
    Fenced,
    /// Everything, without cookies: for routes whose secret is in the message.
    Open,
    /// They may read, without cookies; as if fenced for all else. For what answers the
    /// server's own pages by their cookie, and the pages of others without.
    Readable,
    /// Named origins: everything, and the http(s) ones among them with cookies. Others: as if
    /// fenced. For what gives tokens out: there, a header that holds one proves nothing.
    Named,
    /// The same, and others: what they have a token for, without cookies.
    Token,
    /// Named origins: everything. Others: nothing. Without cookies, although clients send
    /// them: old ones poll with credentials.
    SocketIo,
}

/// A group's rule and what it goes by.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) rule: CrossOrigin,
    pub(crate) origins: Arc<OriginPolicy>,
}

/// Methods and headers that a preflight is told of. Spelled out, because `*` does not cover
/// `Authorization`.
const OPEN_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
const TOKEN_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
/// Seconds for which a browser may keep a preflight's answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Who may read an answer.
enum Grant {
    /// Pages of any origin, without credentials.
    Any,
    /// Pages of this origin.
    Origin { origin: HeaderValue, credentials: bool },
}

/// Middleware: applies a group's rule.
pub(crate) async fn apply(
    State(Rule { rule, origins }): State<Rule>,
    client: Option<axum::Extension<Client>>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = client.map(|extension| extension.0);
    let relation = client.as_ref().map(|client| origins.relation(request.headers(), client));
    let grant = grant(rule, relation, &request);
    if grant.is_none() {
        let allows = |client| origins.allows_unsafe(request.headers(), &client);
        if !is_safe(request.method()) && !client.is_some_and(allows) {
            return refused();
        }
        if rule == CrossOrigin::SocketIo && relation == Some(Relation::Foreign) {
            let sentence = "Pages of this origin may not connect here.";
            return ApiError::new(StatusCode::FORBIDDEN, sentence).into_response();
        }
    }
    if ignores_cookies(rule, relation) {
        request.headers_mut().remove(COOKIE);
    }
    let Some(grant) = grant else { return next.run(request).await };
    let mut response = if is_preflight(rule, &request) {
        preflight(rule)
    } else {
        let mut response = next.run(request).await;
        if matches!(rule, CrossOrigin::Named | CrossOrigin::Token) {
            let exposed = HeaderValue::from_static("X-Token");
            response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    };
    grant.write(response.headers_mut());
    response
}

/// Whether a method changes nothing (RFC 9110 section 9.2.1).
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

fn grant(rule: CrossOrigin, relation: Option<Relation>, request: &Request) -> Option<Grant> {
    let headers = request.headers();
    let origin = |credentials| {
        let origin = headers.get(ORIGIN)?.clone();
        Some(Grant::Origin { origin, credentials })
    };
    match (rule, relation?) {
        (CrossOrigin::Open, _) => Some(Grant::Any),
        (CrossOrigin::Readable, _) => is_safe(request.method()).then_some(Grant::Any),
        (CrossOrigin::Fenced, _) => None,
        (_, Relation::NamedWeb) => origin(true),
        (_, Relation::NamedOther) => origin(false),
        (CrossOrigin::Token, Relation::Foreign) => {
            let with_token = has_token(headers) && !headers.contains_key(COOKIE);
            // A preflight never has the token that the request will have.
            (with_token || is_preflight(rule, request)).then_some(Grant::Any)
        }
        _ => None,
    }
}

fn ignores_cookies(rule: CrossOrigin, relation: Option<Relation>) -> bool {
    match rule {
        CrossOrigin::Fenced => false,
        CrossOrigin::Open | CrossOrigin::SocketIo => true,
        CrossOrigin::Readable => !relation.is_some_and(Relation::is_own),
        CrossOrigin::Named | CrossOrigin::Token => relation == Some(Relation::NamedOther),
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"token "))
}

/// Where every origin may read, one answer serves every `OPTIONS`.
fn is_preflight(rule: CrossOrigin, request: &Request) -> bool {
    let asks = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let always = matches!(rule, CrossOrigin::Open | CrossOrigin::Readable);
    request.method() == Method::OPTIONS && (asks || always)
}

fn preflight(rule: CrossOrigin) -> Response {
    let methods = match rule {
        CrossOrigin::Named | CrossOrigin::Token => TOKEN_METHODS,
        CrossOrigin::Fenced | CrossOrigin::Open | CrossOrigin::Readable | CrossOrigin::SocketIo => {
            OPEN_METHODS
        }
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

impl Grant {
    fn write(self, headers: &mut HeaderMap) {
        match self {
            Self::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::Origin { origin, credentials } => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.append(VARY, HeaderValue::from_static("Origin"));
                if credentials {
                    let yes = HeaderValue::from_static("true");
                    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
                }
            }
        }
    }
}

/// For a person whose browser was refused. A server's own form is refused where a proxy
/// or an extension hides where it was sent from, or a proxy changes the host's name;
/// docs/OPERATING.md says what to do about either.
const ADVICE: &str = "Nothing was changed. Open this server's own address, load the page \
    anew, and send the form again. If it is refused there too, a proxy or an extension \
    hides where the form was sent from: ask the person who runs this server. Its manual \
    says what to do.";

/// The fence's answer.
fn refused() -> Response {
    ApiError::new(StatusCode::FORBIDDEN, "Requests from other sites are refused.")
        .advise(ADVICE)
        .into_response()
}

#[cfg(test)]
mod tests;
