//! `/health`: the process lives. `/ready`: it may take traffic.

mod storage;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base::Clock;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_kit::{ApiError, CrossOrigin, Routes};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use self::storage::StorageHealth;
pub(crate) use self::work::WorkHealth;

/// When to ask again.
const RETRY: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Health {
    storage: StorageHealth,
    work: WorkHealth,
    draining: CancellationToken,
}

/// `/health`, for pages of every origin, and `/ready`; not ready once `draining` is
/// cancelled, nor while nothing can be stored or the server does not do its `work`.
pub(crate) fn routes(
    storage: StorageHealth,
    work: WorkHealth,
    draining: CancellationToken,
    clock: Arc<dyn Clock>,
) -> Routes {
    let health = Router::new().route("/health", get(async move || alive(clock.as_ref())));
    let ready =
        Router::new().route("/ready", get(ready)).with_state(Health { storage, work, draining });
    Routes::from(ready).with(CrossOrigin::Open, health)
}

/// In the form of `share`, whose pages parse it out of `text/plain`.
#[derive(Serialize)]
struct Alive {
    success: bool,
    /// Milliseconds since the epoch.
    response: i64,
    status: &'static str,
}

/// That the process lives, and what time it has.
pub(crate) fn alive(clock: &dyn Clock) -> Response {
    let alive = Alive { success: true, response: clock.now().0, status: "ok" };
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(CONTENT_TYPE, media_type)], Json(alive)).into_response()
}

async fn ready(State(health): State<Health>) -> Result<Json<Value>, ApiError> {
    let not_ready = |sentence| ApiError::unavailable(RETRY).saying(sentence);
    if health.draining.is_cancelled() {
        return Err(not_ready("The server is stopping."));
    }
    health.work.check().map_err(not_ready)?;
    health.storage.check().await.map_err(|problem| not_ready(problem.sentence()))?;
    Ok(Json(json!({"status": "ready"})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::storage::Database;
    use axum::body::Body;
    use base::{SystemClock, Vitals};
    use http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn ask(
        path: &str,
        database: &Database,
        draining: &CancellationToken,
    ) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let work = WorkHealth::new(Vitals::default(), || false);
        let (storage, clock) = (StorageHealth::new(database.clone()), SystemClock::new());
        let routes = routes(storage, work, draining.clone(), Arc::new(clock));
        let app = http_kit::edge(routes, http_kit::EdgeOptions::default());
        let answer = app.oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    const REFUSED: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

    #[tokio::test]
    async fn ready_needs_the_database_and_no_drain() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        database.migrate(&[], &SystemClock::new()).await.unwrap();
        let draining = CancellationToken::new();
        assert_eq!(ask("/ready", &database, &draining).await.0, StatusCode::OK);
        draining.cancel();
        let (status, body) = ask("/ready", &database, &draining).await;
        assert_eq!((status, &*body), (REFUSED, r#"{"error":"The server is stopping."}"#));
        assert_eq!(ask("/health", &database, &draining).await.0, StatusCode::OK);
        database.close().await.unwrap();
        let fresh = CancellationToken::new();
        assert_eq!(ask("/ready", &database, &fresh).await.0, REFUSED);
    }

    /// What a disk that turned read-only comes to, without one: a file that may only be
    /// read. The database answers as well as ever.
    #[tokio::test]
    async fn a_database_that_can_only_be_read_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let url = |mode| format!("sqlite://{}/test.db?mode={mode}", folder.path().display());
        let writable = Database::connect(&url("rwc")).await.unwrap();
        writable.migrate(&[], &SystemClock::new()).await.unwrap();
        let database = Database::connect(&url("ro")).await.unwrap();
        database.ping().await.unwrap();
        let (status, body) = ask("/ready", &database, &CancellationToken::new()).await;
        let expected = r#"{"error":"The database cannot be written to."}"#;
        assert_eq!((status, &*body), (REFUSED, expected));
    }
}
