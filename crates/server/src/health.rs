//! `/health`: the process lives. `/ready`: it may take traffic.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http_kit::ApiError;
use serde_json::{Value, json};
use storage::Database;
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer before this server is not ready.
const DATABASE_LIMIT: Duration = Duration::from_secs(2);

/// When to ask again.
const RETRY: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Health {
    database: Database,
    draining: CancellationToken,
}

/// `/health` and `/ready`; not ready once `draining` is cancelled.
pub(crate) fn routes(database: Database, draining: CancellationToken) -> Router {
    Router::new()
        .route("/health", get(async || Json(json!({"status": "ok"}))))
        .route("/ready", get(ready))
        .with_state(Health { database, draining })
}

async fn ready(State(health): State<Health>) -> Result<Json<Value>, ApiError> {
    if health.draining.is_cancelled() {
        return Err(ApiError::unavailable(RETRY));
    }
    match tokio::time::timeout(DATABASE_LIMIT, health.database.ping()).await {
        Ok(Ok(())) => Ok(Json(json!({"status": "ready"}))),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database fails");
            Err(ApiError::unavailable(RETRY))
        }
        Err(_) => {
            tracing::warn!("not ready: the database does not answer");
            Err(ApiError::unavailable(RETRY))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    async fn status(path: &str, database: &Database, draining: &CancellationToken) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let app = routes(database.clone(), draining.clone());
        app.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn ready_needs_the_database_and_no_drain() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        let draining = CancellationToken::new();
        assert_eq!(status("/ready", &database, &draining).await, StatusCode::OK);
        draining.cancel();
        assert_eq!(status("/ready", &database, &draining).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/health", &database, &draining).await, StatusCode::OK);
        database.close().await.unwrap();
        let fresh = CancellationToken::new();
        assert_eq!(status("/ready", &database, &fresh).await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
