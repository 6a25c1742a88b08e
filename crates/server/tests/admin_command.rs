//! `packetboat admin create` and the set-up link of a server without administrators.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use testkit::{Binary, Data, Http};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");

fn create(data: &Data, email: &str, password: Option<&str>) -> Output {
    let mut command = Command::new(EXECUTABLE);
    command.args(["admin", "create", email, "--data"]).arg(data.folder()).env_clear();
    command.envs(data.environment());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if password.is_some() {
        command.arg("--password-stdin");
    }
    let mut child = command.spawn().expect("the command");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(password.unwrap_or_default().as_bytes()).expect("written");
    drop(stdin);
    child.wait_with_output().expect("its output")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8").trim_end().to_owned()
}

async fn signs_in(server: &Binary, email: &str, password: &str) -> u16 {
    let body = json!({"username": email, "password": password}).to_string();
    Http::new(server.address()).post("/api/auth/signin/", body).await.status
}

/// The audit log as an administrator reads it on the admin site, the newest entry first.
async fn audit_log(server: &Binary, email: &str, password: &str) -> Vec<Value> {
    let http = Http::new(server.address());
    let body = json!({"username": email, "password": password}).to_string();
    let session = http.post("/api/auth/signin/", body).await.session().expect("a session");
    let admin = http.with("cookie", &format!("session={session}"));
    let export = admin.get("/admin/audit/export.jsonl").await;
    assert_eq!(export.status, 200);
    // The lines between are those of the chunked coding.
    let lines = text(&export.body);
    let entries = lines.lines().rev().filter(|line| line.starts_with('{'));
    entries.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test]
async fn it_makes_an_account_that_can_sign_in() {
    let data = Data::new();
    let output = create(&data, "ops@example.org", None);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let password = said.rsplit(' ').next().expect("a password");
    assert_eq!(password.len(), 20);

    let server = Binary::start(EXECUTABLE, &data, &[]);
    assert_eq!(signs_in(&server, "ops@example.org", password).await, 201);
    assert_eq!(server.greeting().lines().count(), 1, "no set-up link: there is staff");

    // Beside the running server, and with a password of one's own.
    let output = create(&data, "second@example.org", Some("correct horse battery\n"));
    assert_eq!(text(&output.stdout), "Made second@example.org an administrator.");
    assert_eq!(signs_in(&server, "second@example.org", "correct horse battery").await, 201);
}

#[tokio::test]
async fn it_promotes_whoever_is_there_with_a_confirmed_address_and_nobody_else() {
    let data = Data::new();
    assert!(create(&data, "ann@example.org", None).status.success());
    let said = text(&create(&data, "Ann@Example.org", None).stdout);
    assert!(said.ends_with("was there already and is an administrator now."), "{said}");

    // A person who registers first with the operator's address must not become staff by it.
    let server = Binary::start(EXECUTABLE, &data, &[]);
    let body = json!({"email": "boss@example.org", "password": "correct horse battery"});
    let made = Http::new(server.address()).post("/api/users/", body.to_string()).await;
    assert_eq!(made.status, 201);
    let refused = create(&data, "boss@example.org", None);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("nobody has confirmed it"), "{refused:?}");
}

#[tokio::test]
async fn the_audit_log_says_that_it_was_the_command_line() {
    let data = Data::new();
    let password = "correct horse battery";
    assert!(create(&data, "ops@example.org", Some(password)).status.success());
    assert!(create(&data, "ops@example.org", None).status.success());
    assert!(!create(&data, "nonsense", None).status.success());
    let server = Binary::start(EXECUTABLE, &data, &[]);
    let entries = audit_log(&server, "ops@example.org", password).await;
    let said = entries.iter().map(|entry| (&entry["who"], &entry["action"]));
    let (who, create, promote) = (json!("command line"), json!("create"), json!("promote"));
    let expected = [(&who, &promote), (&who, &create)];
    // The export begins with the newest or the oldest: what counts is that it is these two.
    assert!(said.clone().eq(expected) || said.rev().eq(expected), "{entries:?}");
    assert!(!json!(entries).to_string().contains(password));
}

#[test]
fn what_is_not_accepted_is_one_clear_line() {
    let data = Data::new();
    for (email, password) in [("nonsense", None), ("ops@example.org", Some("12345678"))] {
        let output = create(&data, email, password);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("packetboat: ") && said.ends_with('.'), "{said}");
    }
}

#[tokio::test]
async fn a_server_without_administrators_prints_a_link_that_works_once() {
    let data = Data::new();
    let server = Binary::start(EXECUTABLE, &data, &[]);
    let greeting = server.greeting();
    let path = greeting
        .split_whitespace()
        .find_map(|word| word.find("/setup/").map(|at| word[at..].to_owned()))
        .expect("a set-up link");
    assert_eq!(Http::new(server.address()).get(&path).await.status, 200);
    let wrong = format!("/setup/{}/", "0".repeat(64));
    assert_eq!(Http::new(server.address()).get(&wrong).await.status, 404);
}
