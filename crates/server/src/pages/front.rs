//! What `/` is: a page for who visits it, a sign of life for everything else.
//!
//! The pages of the services that were folded into this one ask for `/` from other origins
//! before they do anything, and their scripts ask it for JSON (`share`). They need an answer
//! that they may read and no way to the log-in page; the rule about other origins
//! ([`CrossOrigin::Readable`](http_kit::CrossOrigin)) has taken their reader's cookies away.
//!
//! Invariant: a browser that goes to `/`, and a request that says nothing of itself, is a
//! visit.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use base::Clock;
use http::header::{ACCEPT, COOKIE, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue, Method};
use http_kit::accepts;

use crate::health::alive;

/// What an answer of `/` depends on, besides the cookie.
const DEPENDS_ON: HeaderValue = HeaderValue::from_static("accept, origin, sec-fetch-mode");

/// `page` for visits; for other requests that read, that the server lives.
pub(super) fn route(page: MethodRouter, clock: Arc<dyn Clock>) -> MethodRouter {
    page.layer(from_fn_with_state(clock, answer))
}

async fn answer(State(clock): State<Arc<dyn Clock>>, request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let mut response = if reads && !is_visit(request.headers()) {
        alive(clock.as_ref())
    } else {
        next.run(request).await
    };
    response.headers_mut().append(VARY, DEPENDS_ON);
    response
}

/// Whether a person is on the other end, as far as can be told.
fn is_visit(headers: &HeaderMap) -> bool {
    let navigates = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    if navigates || accepts(headers, "text/html") {
        return true;
    }
    let says_something = headers.contains_key(ACCEPT) || headers.contains_key(ORIGIN);
    let is_unknown_script = says_something && !headers.contains_key(COOKIE);
    !(accepts(headers, "application/json") || is_unknown_script)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn visit(lines: &[(&'static str, &'static str)]) -> bool {
        let lines = lines
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_visit(&lines.collect())
    }

    #[test]
    fn browsers_that_go_there_visit() {
        assert!(visit(&[("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")]));
        assert!(visit(&[("accept", "*/*"), ("sec-fetch-mode", "navigate")]));
        assert!(visit(&[("accept", "*/*"), ("cookie", "session=abc")]), "someone's program");
        assert!(visit(&[]));
    }

    #[test]
    fn scripts_of_other_pages_and_programs_that_want_json_do_not() {
        assert!(!visit(&[("accept", "*/*"), ("origin", "null"), ("sec-fetch-mode", "cors")]));
        assert!(!visit(&[("origin", "https://elsewhere.example")]));
        assert!(!visit(&[("accept", "*/*")]));
        assert!(!visit(&[("accept", "application/json"), ("cookie", "session=abc")]));
    }
}
