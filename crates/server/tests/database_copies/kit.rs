//! The command, servers, clients and folders that the tests have in common.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Binary, Http, Socket};

pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");

const URL: &str = "PACKETBOAT_DATABASE__URL";

pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A server, or the commands, of one data folder and one database.
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    /// `None` for the one in the folder.
    pub(crate) url: Option<String>,
}

impl Place {
    pub(crate) fn new(data: PathBuf) -> Self {
        Self { data, url: None }
    }

    pub(crate) fn with(data: PathBuf, url: &str) -> Self {
        Self { data, url: Some(url.to_owned()) }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("packetboat.db")
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        self.url.iter().map(|url| (URL, url.as_str())).collect()
    }

    pub(crate) fn start(&self) -> Binary {
        Binary::start(EXECUTABLE, &self.data, &self.environment())
    }

    /// What `packetboat` has to say to these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(EXECUTABLE);
        command.args(arguments).arg("--data").arg(&self.data).env_clear();
        command.envs(self.environment()).stdin(Stdio::null()).output().expect("it runs")
    }

    /// The same, of a command that does what it is told; what it prints.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The same, of a command that does not: its one line of complaint, after those about
    /// tables that were done.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        let (line, before) = errors.trim_end().rsplit_once('\n').map_or_else(
            || (errors.trim_end().to_owned(), String::new()),
            |(before, line)| (line.to_owned(), before.to_owned()),
        );
        assert!(line.starts_with("packetboat: "), "{errors}");
        assert!(before.lines().all(|line| line.ends_with(" rows") || line.ends_with(" row")));
        line
    }
}

/// Ends it in order.
pub(crate) fn stop(mut server: Binary) {
    let pid = Pid::from_raw(server.pid().try_into().expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("it runs");
    assert!(server.wait().success());
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Opens the room; what it says first.
pub(crate) async fn enter(server: &Binary, session: &str, query: &str) -> (Socket, Value) {
    let socket = Socket::packetboat(server.address(), session, query).await;
    let mut socket = socket.expect("101");
    let welcome = socket.of_type("welcome").await;
    (socket, welcome)
}

/// How a client comes back that has read up to `last`.
pub(crate) fn resume(last: i64, welcome: &Value) -> String {
    format!("?last_id={last}&epoch={}", welcome["epoch"].as_str().expect("an epoch"))
}

/// Posts; the id under which it is stored.
pub(crate) async fn post(socket: &mut Socket, text: &str) -> i64 {
    let client_id = text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let message = json!({"type": "post", "client_id": client_id, "text": text});
    socket.send_json(&message).await;
    socket.of_type("ack").await["id"].as_i64().expect("an id")
}

/// Posts one message after another until there is a file at `path`; the last one's id.
pub(crate) async fn post_until(socket: &mut Socket, path: &Path) -> i64 {
    let mut last = 0;
    while !path.exists() {
        last = post(socket, &format!("after {last}")).await;
    }
    last
}

/// What a request with this session is answered.
pub(crate) async fn status(server: &Binary, session: &str) -> u16 {
    let http = Http::new(server.address()).with("cookie", &format!("session={session}"));
    http.get("/api/user/@me").await.status
}

/// Every file of a folder by its name.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        (name, fs::read(entry.path()).expect("read"))
    });
    files.collect()
}

/// Changes the manifest of an export, with the right digests: as another program would write
/// it.
pub(crate) fn edit_manifest(export: &Path, edit: impl FnOnce(&mut Value)) {
    let path = export.join("manifest.json");
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(&path).expect("read")).expect("JSON");
    edit(&mut manifest);
    let tables = manifest["tables"].as_array_mut().expect("tables");
    let tables: Vec<String> = tables.iter_mut().map(|table| signed(export, table)).collect();
    let all = format!(
        "[{},{},{},[{}]]",
        manifest["format"],
        manifest["program"],
        manifest["migrations"],
        tables.join(",")
    );
    manifest["digest"] = sha256(all.as_bytes()).into();
    fs::write(path, manifest.to_string()).expect("written");
}

/// An entry of the manifest as it is signed, with what its file has now.
fn signed(export: &Path, table: &mut Value) -> String {
    let name = table["name"].as_str().expect("a name");
    let file = fs::read(export.join(format!("{name}.jsonl"))).expect("read");
    table["rows"] = file.iter().filter(|byte| **byte == b'\n').count().into();
    table["bytes"] = file.len().into();
    table["sha256"] = sha256(&file).into();
    let fields = ["name", "columns", "made_anew", "rows", "bytes", "sha256"];
    let fields = fields.map(|field| format!("\"{field}\":{}", table[field]));
    format!("{{{}}}", fields.join(","))
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
