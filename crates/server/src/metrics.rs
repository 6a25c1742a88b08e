//! `/metrics`: Prometheus text, for those who may read it.
//!
//! With `metrics.listen` it is on that address and nowhere else; with
//! `metrics.token` it takes `Authorization: Bearer`; with neither, it answers
//! programs on this machine that come without a proxy.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use http_kit::{ApiError, Client};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from a cached answer to the request time limit.
const BUCKETS: [f64; 9] = [0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0];

/// Who may read on a listener.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// Every client that reaches the listener: it is for nothing else.
    Everyone,
    /// Who has the token.
    Token(Arc<str>),
    /// Programs on this machine.
    Local,
}

/// The counters of this process. The recorder is the process's, not a server's:
/// several servers in one process, as in tests, count together.
///
/// # Errors
/// When another recorder is installed, in the exporter's words.
pub(crate) fn recorder() -> Result<PrometheusHandle, String> {
    static RECORDER: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let install = || {
        let buckets = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(buckets, &BUCKETS);
        let handle = builder.and_then(PrometheusBuilder::install_recorder);
        handle.map_err(|error| error.to_string())
    };
    RECORDER.get_or_init(install).clone()
}

/// `/metrics` for the clients that `access` allows.
pub(crate) fn routes(handle: PrometheusHandle, access: Access) -> Router {
    Router::new().route("/metrics", get(read)).with_state((handle, access))
}

async fn read(
    State((handle, access)): State<(PrometheusHandle, Access)>,
    client: Client,
    headers: HeaderMap,
) -> Response {
    match access {
        Access::Token(token) if !has_token(&headers, &token) => {
            let message = "Reading the metrics takes the metrics token.";
            let refusal = ApiError::new(StatusCode::UNAUTHORIZED, message);
            ([(WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
        }
        Access::Local if !is_local(&client, &headers) => {
            ApiError::new(StatusCode::NOT_FOUND, "There is nothing here.").into_response()
        }
        Access::Everyone | Access::Token(_) | Access::Local => {
            let content = "text/plain; version=0.0.4; charset=utf-8";
            ([(CONTENT_TYPE, content)], handle.render()).into_response()
        }
    }
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
    sent.is_some_and(|(scheme, sent)| {
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(sent, token.as_bytes());
        scheme.eq_ignore_ascii_case(b"bearer ") && same.is_ok()
    })
}

/// A peer on this machine may be a proxy that speaks for the whole world; it
/// gives itself away by its headers.
fn is_local(client: &Client, headers: &HeaderMap) -> bool {
    let forwarding = [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
    ];
    client.peer.ip().to_canonical().is_loopback()
        && forwarding.iter().all(|name| !headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt;

    async fn status(access: Access, peer: &str, header: Option<(&str, &str)>) -> StatusCode {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        let client = Client { address: peer.ip(), peer, secure: false, host: None };
        let mut request = Request::get("/metrics").extension(client);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let app = routes(recorder().unwrap(), access);
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn without_a_setting_only_this_machine_reads() {
        let local = |peer, header| status(Access::Local, peer, header);
        assert_eq!(local("127.0.0.1:1", None).await, StatusCode::OK);
        assert_eq!(local("[::ffff:127.0.0.1]:1", None).await, StatusCode::OK);
        assert_eq!(local("192.0.2.1:1", None).await, StatusCode::NOT_FOUND);
        let proxied = local("127.0.0.1:1", Some(("x-forwarded-for", "127.0.0.1"))).await;
        assert_eq!(proxied, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_token_opens_from_anywhere() {
        let token = Access::Token("0123456789abcdef".into());
        let with = |value| status(token.clone(), "192.0.2.1:1", Some(("authorization", value)));
        assert_eq!(with("Bearer 0123456789abcdef").await, StatusCode::OK);
        assert_eq!(with("Bearer 0123456789abcdeX").await, StatusCode::UNAUTHORIZED);
        assert_eq!(with("Bearer ").await, StatusCode::UNAUTHORIZED);
        assert_eq!(with("Basic 0123456789abcdef").await, StatusCode::UNAUTHORIZED);
        let none = status(token.clone(), "127.0.0.1:1", None).await;
        assert_eq!(none, StatusCode::UNAUTHORIZED);
    }
}
