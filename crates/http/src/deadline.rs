//! Until when a request must be answered, and how a handler that keeps its client waiting on
//! purpose puts that off.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

/// When the time of a request is up. Clones are of the same request. An extractor.
#[derive(Clone, Debug)]
pub struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(crate) fn after(span: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + span)))
    }

    /// Puts it off by `span`, for which the handler is about to wait on purpose. The handler
    /// has a limit to how often.
    pub fn put_off(&self, span: Duration) {
        *self.0.lock() += span;
    }

    /// The outcome of `work`, or `None` when the time is up before.
    pub(crate) async fn limit<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            let until = *self.0.lock();
            if let Ok(outcome) = timeout_at(until, &mut work).await {
                return Some(outcome);
            }
            if *self.0.lock() == until {
                return None;
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Deadline {
    type Rejection = Infallible;

    /// Without the edge around it a request has no limit, and what puts it off does nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let deadline = parts.extensions.get::<Self>().cloned();
        Ok(deadline.unwrap_or_else(|| Self::after(Duration::ZERO)))
    }
}
