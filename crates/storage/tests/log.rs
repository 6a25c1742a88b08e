//! What the libraries below log by themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storage::Database;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Notes the level and the target of each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, &'static str)>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push((*metadata.level(), metadata.target()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Ten thousand clients that come back at once wait for a connection, every one of them:
/// a warning each would say what the times of the requests say.
#[tokio::test]
async fn waiting_for_a_connection_is_no_warning_but_can_be_seen() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let database = Database::connect("sqlite::memory:").await.expect("a database");
    let transaction = database.begin_write().await.expect("a transaction");
    let waiting = database.clone();
    let waiting = tokio::spawn(async move { waiting.ping().await });
    // There is one connection. sqlx finds a wait of over 2 s worth a line.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    drop(transaction);
    waiting.await.expect("no panic").expect("a connection");
    let events = log.0.lock().expect("the log").clone();
    let of_pool = |(_, target): &&(Level, &str)| target.starts_with("sqlx::pool");
    assert!(events.iter().find(of_pool).is_some(), "{events:?}");
    let loud = events.iter().filter(of_pool).filter(|(level, _)| *level <= Level::INFO);
    assert_eq!(loud.count(), 0, "{events:?}");
}
