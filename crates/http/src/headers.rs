//! Headers that every answer carries, so that no route can forget them.
//!
//! A route that sets one of them itself keeps its own value.
//!
//! The referrer policy is not only about privacy. A browser that must not say where a
//! request comes from says `Origin: null` with a form (Fetch, "append a request
//! `Origin` header"), and over plain HTTP on any host but `localhost` it sends no
//! `Sec-Fetch-Site` either: `no-referrer` makes every form there look like another
//! site's. `same-origin` tells other sites as little, and lets our own forms through.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::Client;

/// `'self'` in `connect-src` covers `ws:` and `wss:` of the own origin
/// (CSP level 3, section 6.7.2.8).
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// For pages whose address holds a secret (a link from a mail): requests from there
/// name the origin and never the path, not even to this server, whose proxy may log it.
/// Forms work, for `Origin` stays what it is.
pub const ADDRESS_IS_SECRET: (HeaderName, HeaderValue) =
    (REFERRER_POLICY, HeaderValue::from_static("strict-origin"));

/// One year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

const ALWAYS: [(HeaderName, HeaderValue); 7] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=()"),
    ),
    // Answers are for one client unless a route says otherwise, as assets do.
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Middleware: adds the headers.
pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let hsts = request.extensions().get::<Client>().is_some_and(wants_hsts);
    let mut response = next.run(request).await;
    add(response.headers_mut(), hsts);
    response
}

fn add(headers: &mut HeaderMap, hsts: bool) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if hsts {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
}

/// Over TLS only (RFC 6797, section 7.2), and never for `localhost`, where it
/// would lock every other project of the developer out of plain HTTP.
fn wants_hsts(client: &Client) -> bool {
    let host = client.host.as_deref().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    client.secure && !name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routes_own_value_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        add(&mut headers, false);
        assert_eq!(headers[CACHE_CONTROL], "no-cache");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn strict_transport_is_for_tls_and_real_hosts() {
        let client = |host: &str, secure| Client {
            address: [127, 0, 0, 1].into(),
            peer: "127.0.0.1:1".parse().unwrap(),
            secure,
            host: Some(host.to_owned()),
        };
        assert!(wants_hsts(&client("chat.example.org", true)));
        assert!(!wants_hsts(&client("chat.example.org", false)));
        assert!(!wants_hsts(&client("localhost:7777", true)));
    }
}
