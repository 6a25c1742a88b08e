//! The real `packetboat` command as a process of its own: for what only a process
//! shows (signals, sudden death, memory).

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::json;

use crate::{Http, Person, Place};

/// A running `packetboat serve` on a free port. Killed when dropped.
#[derive(Debug)]
pub struct Binary {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    greeting: String,
}

impl Binary {
    /// Starts `executable` (a test passes `env!("CARGO_BIN_EXE_packetboat")`) on `data`,
    /// with more settings from `environment`, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start<'a>(
        executable: &str,
        data: impl Into<Place<'a>>,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_on(executable, data, &[], environment)
    }

    /// The same, with its log going to `log` in place of nowhere.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_logging<'a>(
        executable: &str,
        data: impl Into<Place<'a>>,
        environment: &[(&str, &str)],
        log: impl Into<Stdio>,
    ) -> Self {
        Self::start_with(executable, &data.into(), &[], environment, log.into())
    }

    /// The same, listening on `more` addresses too.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_on<'a>(
        executable: &str,
        data: impl Into<Place<'a>>,
        more: &[SocketAddr],
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_with(executable, &data.into(), more, environment, Stdio::null())
    }

    fn start_with(
        executable: &str,
        data: &Place<'_>,
        more: &[SocketAddr],
        environment: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let also = more.iter().flat_map(|address| ["--listen".to_owned(), address.to_string()]);
        let mut child = Command::new(executable)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data.folder)
            .args(also)
            .env_clear()
            .envs(data.database)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the command starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line of output");
        let port = line.trim_end().trim_end_matches('/').rsplit(':').next();
        let port: u16 = port
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("it says where to open it, not {line:?}"));
        // What was printed together with the first line has arrived together with it.
        let greeting = line + &String::from_utf8_lossy(stdout.buffer());
        Self { child, stdout, address: SocketAddr::from(([127, 0, 0, 1], port)), greeting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it printed when it was ready.
    #[must_use]
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One of the kernel's numbers on its memory, in bytes: `VmRSS` is what it holds,
    /// `VmHWM` the most it ever held.
    ///
    /// # Panics
    /// If it does not run any more, or there is no such number.
    #[must_use]
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("it runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("its size");
        let number = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
        number.expect("a number") * 1024
    }

    /// Registers and logs in.
    ///
    /// # Panics
    /// If either fails.
    pub async fn person(&self, username: &str) -> Person {
        Person::new(&Http::new(self.address), username).await
    }

    /// Opens a session for a person who registered before; a new token.
    ///
    /// # Panics
    /// If the key is not known.
    pub async fn log_in(&self, key: &str) -> String {
        Person::log_in(&Http::new(self.address), key).await
    }

    /// Ends it without warning (SIGKILL).
    pub fn kill(self) {
        drop(self);
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn wait(&mut self) -> ExitStatus {
        // Reading to the end first, so that it never blocks on its output.
        let _ = self.stdout.read_to_string(&mut String::new());
        self.child.wait().expect("a process of ours")
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Person {
    /// Registers and logs in.
    ///
    /// # Panics
    /// If either fails.
    pub async fn new(http: &Http, username: &str) -> Self {
        let body = json!({ "username": username }).to_string();
        let registered = http.post("/api/register", body).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        let key = registered.json()["key"].as_str().expect("a key").to_owned();
        let session = Self::log_in(http, &key).await;
        Self { username: username.to_owned(), key, session }
    }

    pub(crate) async fn log_in(http: &Http, key: &str) -> String {
        let answer = http.post("/api/login", json!({ "key": key }).to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.session().expect("a session cookie")
    }
}
