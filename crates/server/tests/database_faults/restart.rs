//! The database server ends by force, and is started again, under 1,000 postings.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use testdb::Kind;
use testkit::{Binary, Socket};
use tokio::time::timeout;

use crate::talker::Talker;

const TALKERS: usize = 8;
const EACH: usize = 125;
/// The database ends when the first client has come so far, and again at twice as far.
const CRASHES: usize = 2;

/// Database servers of this test alone.
struct Servers(HashMap<String, String>);

impl Servers {
    fn start() -> Self {
        let started = script().arg("start").output().expect("the script starts");
        let said = String::from_utf8_lossy(&started.stdout).into_owned();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let lines = said.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        Self(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The URL of a database that is there and empty.
    fn url(&self, kind: Kind) -> String {
        match kind {
            Kind::MariaDb => {
                let administrator = &self.0["TEST_MARIADB_URL"];
                let url = format!("{administrator}packetboat");
                testdb::execute_at(&format!("{administrator}mysql"), "CREATE DATABASE packetboat");
                url
            }
            _ => self.0["TEST_POSTGRES_URL"].clone(),
        }
    }

    fn crash(&self, kind: Kind) {
        let name = if kind == Kind::MariaDb { "mariadb" } else { "postgres" };
        let crashed = script().args(["crash", name]).envs(&self.0).status();
        assert!(crashed.expect("the script starts").success());
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = script().arg("stop").envs(&self.0).status();
    }
}

fn script() -> Command {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join("scripts/databases"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_ends_by_force_loses_nothing_that_was_acknowledged() {
    let kind = Kind::chosen();
    if !kind.is_server() {
        return; // It is in the process: `durability` ends that by force.
    }
    let servers = Servers::start();
    let url = servers.url(kind);
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let settings =
        [("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8"), ("PACKETBOAT_DATABASE__URL", url.as_str())];
    let server = Binary::start(env!("CARGO_BIN_EXE_packetboat"), folder.path(), &settings);
    let person = server.person("writer").await;

    let mut talkers = Vec::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..TALKERS {
        let mut talker = Talker::new(server.address(), &person, format!("t{number}"));
        let tell = tell.clone();
        talkers.push(tokio::spawn(async move {
            for part in 0..=CRASHES {
                talker
                    .post_from(part * EACH / (CRASHES + 1), (part + 1) * EACH / (CRASHES + 1))
                    .await;
                let _ = tell.send(());
            }
            talker
        }));
    }
    for _ in 0..CRASHES {
        told.recv().await.expect("the first is so far");
        tokio::task::block_in_place(|| servers.crash(kind));
        while told.try_recv().is_ok() {}
    }
    let mut done = Vec::new();
    for talker in talkers {
        done.push(
            timeout(6 * testkit::PATIENCE, talker).await.expect("in time").expect("a client"),
        );
    }

    let mut reader = Socket::packetboat(server.address(), &person.session, "").await.expect("101");
    let history = reader.history().await;
    reader.close().await;
    let ids: Vec<i64> = history.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=ids.len() as i64).collect::<Vec<_>>(), "ids have no gaps");
    assert_eq!(history.len(), TALKERS * EACH, "each is there once");
    let by_id: HashMap<i64, &str> = history.iter().map(|(id, text)| (*id, text.as_str())).collect();
    for talker in &mut done {
        assert!(talker.acknowledged.is_sorted(), "out of order");
        talker.hear(ids.len() as i64).await;
        for (id, text) in &talker.heard {
            assert_eq!(by_id[id], text);
        }
        assert_eq!(talker.afresh, 0, "nothing was forgotten");
    }
    let longest = done.iter().map(|talker| talker.longest).max();
    println!("longest wait for an acknowledgement: {longest:?}");
}
