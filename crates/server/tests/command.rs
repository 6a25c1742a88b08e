//! The `packetboat` command as an operator meets it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn packetboat(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_packetboat"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    packetboat(arguments).output().unwrap()
}

/// The one line on standard error of a command that failed to start.
fn failure(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

/// A server of its own on a free port.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let data = data.to_str().unwrap();
        let mut child = packetboat(&["serve", "--listen", "127.0.0.1:0", "--data", data])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let port = line.trim_end().trim_end_matches('/').rsplit(':').next().unwrap();
        assert!(line.starts_with("Packetboat is ready: open http://localhost:"), "{line}");
        let address = format!("127.0.0.1:{port}");
        Self { child, stdout, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends `signal` and waits; the exit code.
    fn end(mut self, signal: rustix::process::Signal) -> Option<i32> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_and_a_signal_ends_it_cleanly() {
    let data = tempfile::tempdir().unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let server = Server::start(data.path());
        assert!(server.get("/health").ends_with(r#","status":"ok"}"#));
        assert!(server.get("/ready/").ends_with(r#"{"status":"ready"}"#));
        assert!(server.get("/metrics").starts_with("HTTP/1.1 200"));
        let page = server.get("/");
        assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
        assert_eq!(server.end(signal), Some(0));
    }
}

#[test]
fn a_busy_port_is_one_clear_line() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = data.path().to_str().unwrap();
    let line = failure(&run(&["serve", "--listen", &address, "--data", folder]));
    let expected = format!("packetboat: cannot listen on {address}: another program");
    assert!(line.starts_with(&expected), "{line}");
}

#[test]
fn a_data_folder_that_cannot_be_is_one_clear_line() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let line = failure(&run(&["serve", "--listen", "127.0.0.1:0", "--data", file]));
    assert!(line.starts_with(&format!("packetboat: cannot make the data folder {file}")), "{line}");
}

#[test]
fn two_servers_do_not_share_a_data_folder() {
    let data = tempfile::tempdir().unwrap();
    let first = Server::start(data.path());
    let folder = data.path().to_str().unwrap();
    let line = failure(&run(&["serve", "--listen", "127.0.0.1:0", "--data", folder]));
    let expected = format!("in use by another Packetboat (process {})", first.child.id());
    assert!(line.ends_with(&expected), "{line}");
}

#[test]
fn a_database_that_is_none_is_one_clear_line() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("packetboat.db"), "not a database ".repeat(100)).unwrap();
    let folder = data.path().to_str().unwrap();
    let line = failure(&run(&["serve", "--listen", "127.0.0.1:0", "--data", folder]));
    assert!(line.starts_with("packetboat: cannot open the database"), "{line}");
}

#[test]
fn a_broken_settings_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("packetboat.toml");
    let path = file.to_str().unwrap();
    let config = || failure(&run(&["config", "--config", path]));
    assert!(config().contains("packetboat.toml: No such file"), "{}", config());
    fs::write(&file, "data = \"x\"\nlisten = [\n").unwrap();
    assert!(config().starts_with(&format!("packetboat: {path}:")), "{}", config());
    fs::write(&file, "data = \"x\"\nlisen = \"0.0.0.0:1\"\n").unwrap();
    let expected = format!("{path}:2: unknown setting \"lisen\", did you mean \"listen\"?");
    assert_eq!(config(), format!("packetboat: {expected}"));
}

#[test]
fn an_unknown_variable_is_refused_with_a_suggestion() {
    let output = packetboat(&["config"]).env("PACKETBOAT_LISEN", "x").output().unwrap();
    assert_eq!(
        failure(&output),
        "packetboat: environment: unknown setting PACKETBOAT_LISEN, did you mean \
         PACKETBOAT_LISTEN?"
    );
}

#[test]
fn config_shows_what_is_in_force_and_no_secret() {
    let output = packetboat(&["config", "--listen", "127.0.0.1:1"])
        .env("PACKETBOAT_DATABASE__URL", "postgres://boat:hunter2@db/boat")
        .env("PACKETBOAT_METRICS__TOKEN", "hunter2-hunter2-hunter2")
        .env("PACKETBOAT_MAIL__SMTP_URL", "smtps://boat:hunter2@mx.example.org")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("listen = [\"127.0.0.1:1\"] # flag --listen"), "{text}");
    assert!(text.contains("url = \"postgres://boat:(hidden)@db/boat\""), "{text}");
    assert!(text.contains("smtp_url = \"smtps://boat:(hidden)@mx.example.org\""), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn usage_errors_exit_with_two() {
    for arguments in [&[][..], &["sail"], &["serve", "--lisen", "x"], &["serve", "--data"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(run(&["--version"]).status.code(), Some(0));
    assert_eq!(run(&["serve", "--listen", "nonsense"]).status.code(), Some(1));
}

/// A server that takes one mail, as plainly as can be; what it was told.
fn smtp_server() -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let talk = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        let mut in_data = false;
        stream.write_all(b"220 here\r\n").unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let answer = match line.get(..4).unwrap_or_default() {
                _ if in_data && line != "." => "",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 fine\r\n",
            };
            in_data = line == "DATA" || in_data && line != ".";
            heard.push(line);
            stream.write_all(answer.as_bytes()).unwrap();
        }
        heard
    };
    (address, std::thread::spawn(talk))
}

#[test]
fn a_test_mail_goes_to_the_smtp_server() {
    let (address, server) = smtp_server();
    let output = packetboat(&["mail", "test", "ann@example.org"])
        .env("PACKETBOAT_MAIL__SMTP_URL", format!("smtp://{address}"))
        .env("PACKETBOAT_MAIL__FROM", "Our boat <boat@example.org>")
        .env("PACKETBOAT_PUBLIC_URL", "https://chat.example.org")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text, format!("Sent to ann@example.org. {address}: 250 fine\n"));
    let heard = server.join().unwrap();
    assert!(heard.contains(&"MAIL FROM:<boat@example.org>".to_owned()), "{heard:?}");
    assert!(heard.contains(&"RCPT TO:<ann@example.org>".to_owned()), "{heard:?}");
    let subject = "Subject: Mail from chat.example.org works".to_owned();
    assert!(heard.contains(&subject), "{heard:?}");
}

#[test]
fn a_test_mail_that_fails_says_why_in_one_line() {
    let data = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let try_with = |name: &str, value: &str, to: &str| {
        let command = &["mail", "test", to, "--data", data.path().to_str().unwrap()];
        failure(&packetboat(command).env(name, value).output().unwrap())
    };
    let url = format!("smtp://boat:hunter2@{free}");
    let refused = try_with("PACKETBOAT_MAIL__SMTP_URL", &url, "ann@example.org");
    assert!(refused.starts_with(&format!("packetboat: not sent: {free}: ")), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let address = try_with("PACKETBOAT_MAIL__FROM", "", "ann@example.org\r\nBcc: bob@example.org");
    assert_eq!(address, "packetboat: expected an address such as ann@example.org");
    fs::write(data.path().join("test.txt"), "\n{{ lnk }}").unwrap();
    let folder = data.path().to_str().unwrap();
    let broken = try_with("PACKETBOAT_MAIL__TEMPLATES", folder, "ann@example.org");
    assert_eq!(broken, format!("packetboat: mail.templates: {folder}/test.txt:2: undefined value"));
}

#[test]
fn a_broken_template_keeps_the_server_from_starting() {
    let data = tempfile::tempdir().unwrap();
    let templates = tempfile::tempdir().unwrap();
    fs::write(templates.path().join("pasword_reset.txt"), "x").unwrap();
    let data = data.path().to_str().unwrap();
    let output = packetboat(&["serve", "--listen", "127.0.0.1:0", "--data", data])
        .env("PACKETBOAT_MAIL__TEMPLATES", templates.path())
        .env("PACKETBOAT_LOG__LEVEL", "off")
        .output()
        .unwrap();
    let line = failure(&output);
    assert!(line.contains("pasword_reset.txt belongs to no mail"), "{line}");
}

#[test]
fn without_an_smtp_server_the_test_mail_is_a_file() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("made/at/need");
    let output = run(&["mail", "test", "ann@example.org", "--data", folder.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let path = text.strip_prefix("There is no mail.smtp_url, so the mail was put into ");
    let path = Path::new(path.unwrap().trim_end());
    assert!(path.starts_with(folder.join("outbox")), "{text}");
    let mail = testkit::ReceivedMail::parse(&fs::read_to_string(path).unwrap());
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("ann@example.org", "Mail from localhost works")
    );
    assert_eq!(mail.links(), ["http://localhost:7777/"]);
}
