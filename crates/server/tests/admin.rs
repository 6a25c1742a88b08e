//! The admin site of a real server: what staff can do there, and what people notice.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use accounts::{Accounts, Options};
use base::{AccountId, OsRandom, SystemClock};
use limits::Exempt;
use serde_json::{Value, json};
use storage::Database;
use testkit::{Answer, Http, Person, Socket, TestServer};

struct NoMail;

impl mail::SendMail for NoMail {
    fn send(&self, _: mail::Draft) {}
}

/// An admin at the site: knows the seal of their pages.
struct Admin {
    http: Http,
    seal: String,
}

impl Admin {
    /// A new account, made staff behind the server's back, as an operator would.
    async fn new(server: &TestServer, name: &str) -> Self {
        let person = server.person(name).await;
        let account = account(server, name).await;
        let db = Database::connect(server.database().url()).await.unwrap();
        let options = Options { mailer: Arc::new(NoMail), exempt: Exempt::default() };
        let accounts =
            Accounts::new(db.clone(), Arc::new(SystemClock::new()), Arc::new(OsRandom), options);
        assert_eq!(accounts.set_staff(&[account], true).await.unwrap(), 1);
        db.close().await.unwrap();
        Self::of(server, &person).await
    }

    async fn of(server: &TestServer, person: &Person) -> Self {
        let http = server.http_as(person);
        let page = text(&http.get("/admin/accounts/add").await);
        let seal = between(&page, "name=\"seal\" value=\"", "\"").to_owned();
        Self { http, seal }
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.http.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        text(&answer)
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        self.http.post(path, format!("seal={}&{form}", self.seal)).await
    }

    /// Does `action` to one object, confirmed.
    async fn act(&self, model: &str, action: &str, id: &str) -> Answer {
        let form = format!("action={action}&id={id}&confirmed=yes");
        self.post(&format!("/admin/{model}/"), &form).await
    }

    /// The audit log, the newest first.
    async fn audit(&self) -> Vec<Value> {
        let lines = self.page("/admin/audit/export.jsonl").await;
        // The lines between are those of the chunked coding.
        let entries = lines.lines().rev().filter(|line| line.starts_with('{'));
        entries.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The id of the first row that a list shows.
    async fn first(&self, list: &str) -> String {
        let page = self.page(list).await;
        between(&page, "name=\"id\" value=\"", "\"").to_owned()
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap()
}

async fn account(server: &TestServer, name: &str) -> AccountId {
    let db = Database::connect(server.database().url()).await.unwrap();
    let options = Options { mailer: Arc::new(NoMail), exempt: Exempt::default() };
    let accounts =
        Accounts::new(db.clone(), Arc::new(SystemClock::new()), Arc::new(OsRandom), options);
    let found = accounts.find(&name.parse().unwrap()).await.unwrap().unwrap();
    db.close().await.unwrap();
    found.account
}

#[tokio::test]
async fn the_door_is_for_staff() {
    let server = TestServer::start();
    let stranger = server.http().get("/admin/messages/?q=x").await;
    assert_eq!(stranger.status, 303);
    assert_eq!(stranger.header("location"), Some("/login/?next=/admin/messages%3Fq%3Dx"));
    let ann = server.person("ann").await;
    assert_eq!(server.http_as(&ann).get("/admin/").await.status, 403);

    let admin = Admin::new(&server, "sam").await;
    let page = admin.http.get("/admin/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.session().is_some(), "the session is renewed");
    for model in ["accounts", "sessions", "rooms", "messages", "connections", "mails", "audit"] {
        assert!(text(&page).contains(&format!("href=\"/admin/{model}\"")), "{model}");
        admin.page(&format!("/admin/{model}/")).await;
    }
    let style = between(&text(&page), "href=\"/assets/", "/styles/admin.css\"").to_owned();
    let version = style.rsplit('/').next().unwrap().rsplit('"').next().unwrap().to_owned();
    assert!(!version.is_empty());
}

#[tokio::test]
async fn a_page_of_another_site_cannot_act_even_with_the_seal() {
    let server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let ann = server.person("ann").await;
    let id = account(&server, "ann").await;
    let form = format!("seal={}&action=delete&id={id}&confirmed=yes", admin.seal);
    let foreign = admin.http.with("origin", "https://evil.example");
    assert_eq!(foreign.post("/admin/accounts/", &form).await.status, 403);
    let unsealed = format!("action=delete&id={id}&confirmed=yes");
    assert_eq!(admin.http.post("/admin/accounts/", &unsealed).await.status, 403);
    server.log_in(&ann.key).await;
    assert!(admin.audit().await.is_empty());
}

#[tokio::test]
async fn a_removed_message_is_gone_from_every_screen() {
    let server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut hers = server.packetboat(&ann, "").await.unwrap();
    hers.of_type("welcome").await;
    let mut his = server.piratchat(&bob).await.unwrap();
    hers.send_json(&json!({"type": "post", "client_id": "1", "text": "a rude word"})).await;
    hers.of_type("ack").await;
    assert_eq!(his.json().await, json!({"message": "a rude word", "author": "ann"}));

    let found = admin.page("/admin/messages/?q=rude").await;
    assert!(found.contains("a rude word") && found.contains("1 message found"));
    assert!(!admin.page("/admin/messages/?q=polite").await.contains("a rude word"));
    assert!(admin.page("/admin/messages/?f_author=ann&q=%231").await.contains("a rude word"));
    let id = admin.first("/admin/messages/?q=rude").await;
    let removed = admin.act("messages", "remove", &id).await;
    assert_eq!(removed.status, 303, "{}", text(&removed));

    assert_eq!(hers.of_type("removed").await, json!({"type": "removed", "id": 1}));
    hers.send_json(&json!({"type": "history", "before": 2})).await;
    let shown = &hers.of_type("history").await["messages"][0];
    assert_eq!((&shown["text"], &shown["removed"]), (&json!(""), &json!(true)));
    let mut again = server.packetboat(&ann, "").await.unwrap();
    let welcome = again.of_type("welcome").await;
    assert_eq!(welcome["removed"], json!([1]));
    assert_eq!(welcome["messages"][0]["text"], "");

    // Posting goes on without a gap, and Piratchat heard nothing of it all.
    hers.send_json(&json!({"type": "post", "client_id": "2", "text": "sorry"})).await;
    assert_eq!(hers.of_type("ack").await["id"], 2);
    assert_eq!(his.json().await, json!({"message": "sorry", "author": "ann"}));

    let log = &admin.audit().await[0];
    assert_eq!((&log["action"], &log["outcome"]), (&json!("remove"), &json!("done")));
    assert_eq!((&log["who"], &log["before"]["Text"]), (&json!("sam"), &json!("a rude word")));
    let twice = admin.act("messages", "remove", &id).await;
    assert!(text(&twice).contains("It was removed already."));
    for socket in [hers, his, again] {
        socket.close().await;
    }
}

#[tokio::test]
async fn what_was_removed_stays_so_after_a_restart() {
    let mut server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let ann = server.person("ann").await;
    let mut socket = server.packetboat(&ann, "").await.unwrap();
    for id in ["1", "2"] {
        socket.send_json(&json!({"type": "post", "client_id": id, "text": "a rude word"})).await;
        socket.of_type("ack").await;
    }
    admin.act("messages", "remove", &admin.first("/admin/messages/?sort=sent_at").await).await;
    socket.close().await;
    let data = server.data();
    server.drain().await;
    drop(server);

    let server = TestServer::on(data, |_| {});
    let mut socket = server.packetboat(&ann, "").await.unwrap();
    let welcome = socket.of_type("welcome").await;
    assert_eq!(welcome["removed"], json!([1]));
    assert_eq!(welcome["messages"][0]["removed"], true);
    assert_eq!(welcome["messages"][1]["text"], "a rude word");
    socket.close().await;
}

#[tokio::test]
async fn deactivating_an_account_signs_it_out_everywhere() {
    let server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let ann = server.person("ann").await;
    let mut socket = server.packetboat(&ann, "").await.unwrap();
    let id = account(&server, "ann").await.to_string();

    let form = format!("action=deactivate&id={id}");
    let asked = admin.post("/admin/accounts/", &form).await;
    assert!(text(&asked).contains("1 sessions and tokens end"), "{}", text(&asked));
    assert_eq!(server.http_as(&ann).get("/api/user/@me").await.status, 200);

    assert_eq!(admin.act("accounts", "deactivate", &id).await.status, 303);
    assert_eq!(socket.closed().await, Some(1008));
    assert_eq!(server.http_as(&ann).get("/api/user/@me").await.status, 401);
    assert!(admin.page(&format!("/admin/accounts/{id}/history/")).await.contains("deactivate"));

    assert_eq!(admin.act("accounts", "activate", &id).await.status, 303);
    server.log_in(&ann.key).await;
    assert_eq!(admin.act("accounts", "delete", &id).await.status, 303);
    assert_eq!(admin.http.get(&format!("/admin/accounts/{id}")).await.status, 404);
}

#[tokio::test]
async fn nobody_locks_themselves_out() {
    let server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let own = account(&server, "sam").await.to_string();
    for action in ["deactivate", "demote", "delete"] {
        let answer = admin.act("accounts", action, &own).await;
        assert!(text(&answer).contains("your own account"), "{action}");
    }
    let edited = admin.post(&format!("/admin/accounts/{own}"), "username=sam&is_active=on").await;
    assert_eq!(edited.status, 422);
    assert!(text(&edited).contains("your own account"));
    assert_eq!(admin.http.get("/admin/").await.status, 200);
}

#[tokio::test]
async fn accounts_are_added_and_edited() {
    let server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let made = admin.post("/admin/accounts/add", "username=carla&first_name=Carla").await;
    assert_eq!(made.status, 200);
    let key = between(&text(&made), "<code>", "</code>").to_owned();
    server.log_in(&key).await;
    let taken = admin.post("/admin/accounts/add", "username=CARLA").await;
    assert_eq!(taken.status, 422);
    assert!(text(&taken).contains("This username is taken."));

    let made = admin.post("/admin/accounts/add", "email=dora%40example.org&is_staff=on").await;
    assert_eq!(made.status, 303, "{}", text(&made));
    let page = made.header("location").unwrap().to_owned();
    assert!(admin.page(&page).await.contains("value=\"dora@example.org\""));
    let id = account(&server, "dora").await.to_string();
    let form = "username=dora&email=nonsense&is_active=on";
    assert_eq!(admin.post(&format!("/admin/accounts/{id}"), form).await.status, 422);
    let form = "username=dorothy&email=dora%40example.org&is_active=on";
    assert_eq!(admin.post(&format!("/admin/accounts/{id}"), form).await.status, 303);
    let audit = admin.audit().await;
    assert_eq!(audit[0]["before"]["username"], "dora");
    assert_eq!(audit[0]["after"]["username"], "dorothy");
    assert_eq!(audit[0]["after"]["is_staff"], "");
    assert!(!admin.page("/admin/audit/export.csv").await.contains(&key));

    let sent = admin.act("accounts", "reset", &id).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    server.mailbox().next("dora@example.org").await;
    let mails = admin.page("/admin/mails/?q=dora").await;
    assert!(mails.contains("1 mail found") && mails.contains("password"), "{mails}");
}

#[tokio::test]
async fn socketio_clients_are_live_connections_too() {
    // A busy machine must not look like a client that does not authenticate.
    let server = TestServer::with(|settings| {
        settings.values.set("chat.auth_timeout_ms", "60000");
    });
    let admin = Admin::new(&server, "sam").await;
    let ann = server.person("ann").await;
    let token = server.http_as(&ann).get("/api/auth/token/").await.json();
    let path = "/socket.io/?EIO=4&transport=websocket";
    let mut socket = Socket::open(server.address(), path, &[]).await.unwrap();
    socket.send("40").await;
    while !socket.text().await.expect("still connected").starts_with("40") {}
    let login = format!(r#"42["authentication",{{"token":{}}}]"#, token["X-Token"]);
    socket.send(login).await;
    while !socket.text().await.expect("still connected").contains("authenticated") {}
    assert!(admin.page("/admin/connections/").await.contains("ann, no. "));
    let id = admin.first("/admin/connections/").await;
    assert_eq!(admin.act("connections", "disconnect", &id).await.status, 303);
    // Socket.IO's word for it.
    while socket.text().await.expect("it is told to go") != "41" {}
    assert!(!admin.page("/admin/connections/").await.contains("ann, no. "));
}

#[tokio::test]
async fn sessions_and_connections_are_ended_one_by_one() {
    let server = TestServer::start();
    let admin = Admin::new(&server, "sam").await;
    let ann = server.person("ann").await;
    let mut socket = server.packetboat(&ann, "").await.unwrap();
    let open = admin.page("/admin/connections/").await;
    assert!(open.contains("ann, no. ") && open.contains("127.0.0.1"));
    let id = admin.first("/admin/connections/").await;
    assert_eq!(admin.act("connections", "disconnect", &id).await.status, 303);
    assert_eq!(socket.closed().await, Some(1001));
    assert_eq!(server.http_as(&ann).get("/api/user/@me").await.status, 200);

    let mut socket = server.packetboat(&ann, "").await.unwrap();
    let id = admin.first("/admin/sessions/?q=ann").await;
    assert_eq!(admin.act("sessions", "end", &id).await.status, 303);
    assert_eq!(socket.closed().await, Some(1008));
    assert_eq!(server.http_as(&ann).get("/api/user/@me").await.status, 401);
    let audit = admin.audit().await;
    assert_eq!(audit[0]["model"], "sessions");
    assert_eq!(audit[0]["name"], "browser of ann");
    assert_eq!(audit[1]["model"], "connections");
}
