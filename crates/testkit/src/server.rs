//! The whole server, in a runtime of its own, for the length of a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, OsRandom, SystemClock};
use server::{Drained, Environment, Running, Settings};
use testdb::TestDatabase;
use tokio::runtime::Runtime;

use crate::{Data, Http, Mailbox, Refused, Socket};

/// A running server. Dropping it drains it and checks that nothing is left.
#[derive(Debug)]
pub struct TestServer {
    runtime: Option<Runtime>,
    running: Option<Running>,
    clock: Arc<ManualClock>,
    address: SocketAddr,
    data: Arc<Data>,
}

/// A person with an account and an open session.
#[derive(Clone, Debug)]
pub struct Person {
    /// As registered.
    pub username: String,
    /// The access key.
    pub key: String,
    /// The session's token.
    pub session: String,
}

impl TestServer {
    /// A fresh server with default settings.
    #[must_use]
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// A fresh server with its settings changed by `adjust`.
    #[must_use]
    pub fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Arc::new(Data::new()), adjust)
    }

    /// A server on what an earlier one has left, or on a fresh [`Data`].
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn on(data: Arc<Data>, adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::in_folder(data.folder());
        settings.database_url = data.database_url().map(str::to_owned);
        settings.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        adjust(&mut settings);
        // Starts at the real time, so that cookies' expiry times look as they should.
        let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
        let environment = Environment { clock: clock.clone(), random: Arc::new(OsRandom) };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let start = std::thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(server::start(settings, environment))).join()
        });
        let running = start.expect("no panic").expect("the server starts");
        let address = running.addresses()[0];
        Self { runtime: Some(runtime), running: Some(running), clock, address, data }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that holds its data folder, and its database.
    #[must_use]
    pub fn data(&self) -> Arc<Data> {
        self.data.clone()
    }

    /// Its database, to look into or to change behind its back.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        self.data.database()
    }

    /// The mails that it sends, from the first one on, unless it has an SMTP server.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::of(&self.data.folder())
    }

    /// Moves its clock, second by second, with what the server does every second.
    pub fn advance(&self, span: Duration) {
        self.with_running(|runtime, running| {
            let mut left = span;
            while !left.is_zero() {
                let step = left.min(Duration::from_secs(1));
                self.clock.advance(step);
                runtime.block_on(running.tick());
                left -= step;
            }
        });
    }

    /// Moves its clock at once, as if the server had been stopped, and lets it notice.
    pub fn stall(&self, span: Duration) {
        self.with_running(|runtime, running| {
            self.clock.advance(span);
            runtime.block_on(running.tick());
        });
    }

    /// A thread of its own: the test itself may be running inside a runtime, where
    /// blocking is not allowed.
    fn with_running(&self, work: impl FnOnce(&Runtime, &Running) + Send) {
        let runtime = self.runtime.as_ref().expect("the runtime lives as long as this");
        let running = self.running.as_ref().expect("not drained yet");
        let done = std::thread::scope(|scope| scope.spawn(|| work(runtime, running)).join());
        done.expect("no panic");
    }

    /// Sets its wall clock ahead by `millis`, back if negative; no time passes by it.
    pub fn jump(&self, millis: i64) {
        self.clock.jump(millis);
    }

    /// A client without a session.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.address)
    }

    /// A client with a person's session.
    #[must_use]
    pub fn http_as(&self, person: &Person) -> Http {
        self.http().with("cookie", &format!("session={}", person.session))
    }

    /// Registers and logs in.
    ///
    /// # Panics
    /// If either fails.
    pub async fn person(&self, username: &str) -> Person {
        Person::new(&self.http(), username).await
    }

    /// Opens a session; its token.
    ///
    /// # Panics
    /// If the key is not known.
    pub async fn log_in(&self, key: &str) -> String {
        Person::log_in(&self.http(), key).await
    }

    /// Opens `/ws` as Piratchat's clients do.
    ///
    /// # Errors
    /// [`Refused`] with the status.
    pub async fn piratchat(&self, person: &Person) -> Result<Socket, Refused> {
        Socket::piratchat(self.address, &person.session).await
    }

    /// Opens `/ws` as our own page does; `query` may be empty.
    ///
    /// # Errors
    /// [`Refused`] with the status.
    pub async fn packetboat(&self, person: &Person, query: &str) -> Result<Socket, Refused> {
        Socket::packetboat(self.address, &person.session, query).await
    }

    /// Drains it, as SIGTERM would, while clients may still be connected. What the
    /// clients see is theirs to check.
    ///
    /// # Panics
    /// If it was drained before.
    pub async fn drain(&mut self) -> Drained {
        let running = self.running.take().expect("not drained yet");
        let runtime = self.runtime.as_ref().expect("the runtime lives as long as this");
        runtime.spawn(running.drain()).await.expect("no panic")
    }

    fn check(drained: Drained) {
        assert!(drained.left.is_empty(), "the server left something behind: {:?}", drained.left);
        assert!(drained.complete, "draining took too long");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let running = self.running.take();
        // A thread of its own: the test itself may be running inside a runtime, where
        // blocking is not allowed.
        let drained = std::thread::spawn(move || {
            let drained = running.map(|running| runtime.block_on(running.drain()));
            runtime.shutdown_timeout(Duration::from_secs(5));
            drained
        })
        .join();
        if std::thread::panicking() {
            return; // The test has failed already; one message is enough.
        }
        if let Some(drained) = drained.expect("draining does not panic") {
            Self::check(drained);
        }
    }
}
