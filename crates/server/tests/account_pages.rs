//! The account pages as a browser without scripts sees them, and an attacker behind one.

use std::time::Duration;

use testkit::{Answer, Http, Person, TestServer};

const PASSWORD: &str = "kelp and brass lanterns";

/// What a browser accepts when it follows a link or sends a form.
const NAVIGATION: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A browser that has opened one page: its cookies, and the token of that page's forms.
struct Browser {
    http: Http,
    token: String,
}

impl Browser {
    async fn at(http: Http, path: &str) -> Self {
        let page = http.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let cookies = page.headers.iter().filter(|(name, _)| name == "set-cookie");
        let http = cookies.fold(http, |http, (_, cookie)| {
            http.with("cookie", cookie.split(';').next().unwrap_or(cookie))
        });
        Self { token: token(&page), http: http.with("accept", NAVIGATION) }
    }

    async fn post(&self, path: &str, fields: &str) -> Answer {
        send(&self.http, path, &format!("csrf_token={}&{fields}", self.token)).await
    }
}

async fn send(http: &Http, path: &str, form: &str) -> Answer {
    http.with("content-type", "application/x-www-form-urlencoded").post(path, form).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The page without what is different each time.
fn steady(answer: &Answer) -> String {
    let page = text(answer);
    let token = token(answer);
    page.replace(&token, "")
}

fn token(page: &Answer) -> String {
    let page = text(page);
    let field = page.split("name=\"csrf_token\" value=\"").nth(1).expect("a form with a token");
    field.split('"').next().unwrap_or_default().to_owned()
}

async fn sign_up(server: &TestServer, email: &str) {
    let body = format!(r#"{{"email": "{email}", "password": "{PASSWORD}"}}"#);
    let http = server.http().with("content-type", "application/json");
    assert_eq!(http.post("/api/users/", body).await.status, 201);
}

#[tokio::test]
async fn strangers_are_led_to_the_door_and_members_into_the_room() {
    let server = TestServer::start();
    let answer = server.http().get("/").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/login/?next=/")));
    let expired = server.http().with("cookie", &format!("session={}", "x".repeat(32)));
    assert_eq!(expired.get("/").await.status, 302);
    let ann = server.person("ann").await;
    let page = server.http_as(&ann).get("/").await;
    assert_eq!(page.status, 200);
    assert!(text(&page).contains("/pages/room/page.js\""), "the room");
    assert_eq!(page.session(), Some(ann.session), "renewed");
}

#[tokio::test]
async fn the_login_page_is_a_form_that_opens_a_session_and_leads_on() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let browser = Browser::at(server.http(), "/login/?next=/settings/").await;
    for (name, next, leads_to) in [
        ("ann@example.org", "/settings/", "/settings/"),
        ("ANN@example.org", "//evil.example/", "/"),
        ("ann", "https://evil.example/", "/"),
        ("ann", "/%5Cevil.example", "/"),
        ("ann", "/%0d%0aset-cookie:a=b", "/"),
        ("ann", "", "/"),
    ] {
        let name = name.replace('@', "%40");
        let form = format!("username={name}&password={PASSWORD}&next={next}");
        let answer = browser.post("/login/", &form).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some(leads_to)), "{next}");
        let session = answer.session().expect("a session");
        let http = server.http().with("cookie", &format!("session={session}"));
        assert_eq!(http.get("/settings/").await.status, 200);
        let again = http.get("/login/?next=/settings/").await;
        assert_eq!((again.status, again.header("location")), (302, Some("/settings/")));
    }
}

#[tokio::test]
async fn a_refused_login_shows_the_same_form_whatever_the_cause() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let browser = Browser::at(server.http(), "/login/").await;
    let wrong = browser.post("/login/", "username=ann&password=wrong").await;
    let unknown = browser.post("/login/", "username=nob&password=wrong").await;
    assert_eq!((wrong.status, unknown.status), (200, 200));
    assert!(text(&wrong).contains("Invalid username or password."));
    assert_eq!(steady(&wrong).replace("\"ann\"", "\"nob\""), steady(&unknown));
    assert!(wrong.session().is_none());
    for missing in ["username=ann&password=", "username=&password=x", "key=", "", "key=wrong"] {
        let answer = browser.post("/login/", missing).await;
        assert_eq!(answer.status, 200, "{missing}");
        assert!(text(&answer).contains("role=\"alert\""), "{missing}");
    }
}

#[tokio::test]
async fn too_many_tries_are_told_so() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let browser = Browser::at(server.http(), "/login/").await;
    let mut answer = browser.post("/login/", "username=ann&password=wrong").await;
    for _ in 0..100 {
        if answer.status != 200 {
            break;
        }
        answer = browser.post("/login/", "username=ann&password=wrong").await;
    }
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    assert!(text(&answer).contains("Too many tries. Try again in"));
}

#[tokio::test]
async fn a_form_without_its_token_does_nothing() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let (mine, other) =
        (Browser::at(server.http(), "/login/").await, Browser::at(server.http(), "/login/").await);
    let credentials = format!("username=ann&password={PASSWORD}");
    // None, one without its cookie, and one made for another browser.
    let none = send(&mine.http, "/login/", &credentials).await;
    let without = format!("csrf_token={}&{credentials}", mine.token);
    let without = send(&server.http(), "/login/", &without).await;
    let foreign = format!("csrf_token={}&{credentials}", other.token);
    let foreign = send(&mine.http, "/login/", &foreign).await;
    for answer in [none, without, foreign] {
        assert_eq!(answer.status, 403);
        assert!(answer.session().is_none());
        assert!(text(&answer).contains("Send it once more"));
        assert!(text(&answer).contains("value=\"ann\""), "what was typed is kept");
        assert!(!text(&answer).contains(PASSWORD));
    }
    let evil = mine.http.with("origin", "https://evil.example");
    let form = format!("csrf_token={}&{credentials}", mine.token);
    assert_eq!(send(&evil, "/login/", &form).await.status, 403);
    assert_eq!(mine.post("/login/", &credentials).await.status, 302);
}

#[tokio::test]
async fn what_was_typed_is_shown_as_text() {
    let server = TestServer::start();
    let browser = Browser::at(server.http(), "/login/").await;
    let script = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for (path, form) in [
        ("/login/", format!("username={script}&password=x&next={script}")),
        ("/register/", format!("email={script}&first_name={script}&password=1")),
        ("/register/", format!("with=key&username={script}")),
        ("/password/reset/", format!("email={script}")),
    ] {
        let answer = browser.post(path, &form).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!text(&answer).contains("<script>alert"), "{path}");
        assert!(text(&answer).contains("&#60;script&#62;alert"), "{path}");
    }
}

#[tokio::test]
async fn every_page_is_whole_kept_by_nobody_and_framed_by_nobody() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let member = server.http_as(&ann);
    let pages = [
        (server.http(), "/login/", 200),
        (server.http(), "/register/", 200),
        (server.http(), "/register/?with=key", 200),
        (server.http(), "/register/done/", 200),
        (server.http(), "/password/reset/", 200),
        (server.http(), "/password/reset/sent/", 200),
        (server.http(), "/password/reset/done/", 200),
        (server.http(), "/password/reset/no-such-link/", 404),
        (server.http(), "/confirm/some-link/", 200),
        (server.http(), "/confirm/%22%3E/", 404),
        (server.http(), "/confirm/done/", 200),
        (server.http(), "/setup/no-such-link/", 404),
        (server.http(), "/login/?next=%ff%fe", 200),
        (member, "/settings/", 200),
    ];
    for (http, path, status) in pages {
        let answer = http.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        // A policy under which a browser says where a form comes from. Where the address
        // holds a secret, no client is told it.
        let secret = ["/confirm/some", "/confirm/%", "/setup/no", "/password/reset/no"];
        let secret = secret.iter().any(|start| path.starts_with(start));
        let policy = if secret { "strict-origin" } else { "same-origin" };
        assert_eq!(answer.header("referrer-policy"), Some(policy), "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        let page = text(&answer);
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
        assert!(page.trim_end().ends_with("</html>"), "{path}");
        assert!(!page.contains(" style=") && !page.contains(" onclick="), "{path}");
        for script in page.split("<script").skip(1) {
            assert!(script.split('>').next().is_some_and(|tag| tag.contains(" src=\"/assets/")));
        }
    }
}

#[tokio::test]
async fn an_address_that_is_known_and_one_that_is_not_get_the_same_answers() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let browser = Browser::at(server.http(), "/register/").await;
    for path in ["/register/", "/password/reset/"] {
        let mut answers = Vec::new();
        for name in ["ann", "bob"] {
            let form = format!("email={name}%40example.org&password=driftwood+and+oakum");
            let answer = browser.post(path, &form).await;
            assert_eq!(answer.status, 303, "{path}");
            answers.push((answer.header("location").map(str::to_owned), answer.body));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    // Registering another person's address did not touch their password.
    let login = Browser::at(server.http(), "/login/").await;
    let form = format!("username=ann%40example.org&password={PASSWORD}");
    assert_eq!(login.post("/login/", &form).await.status, 302);
}

#[tokio::test]
async fn a_mailed_link_does_nothing_until_its_button_is_pressed_and_then_works_once() {
    let server = TestServer::start();
    let mut mailbox = server.mailbox();
    sign_up(&server, "ann@example.org").await;
    let mail = mailbox.next("ann@example.org").await;
    let link = mail.path("/confirm/").to_owned();
    for _ in 0..3 {
        assert_eq!(server.http().get(&link).await.status, 200);
    }
    let browser = Browser::at(server.http(), &link).await;
    assert_eq!(browser.post(&link, "").await.header("location"), Some("/confirm/done/"));
    assert_eq!(browser.post(&link, "").await.status, 404);

    let browser = Browser::at(server.http(), "/password/reset/").await;
    assert_eq!(browser.post("/password/reset/", "email=ann%40example.org").await.status, 303);
    let mail = mailbox.next("ann@example.org").await;
    let link = mail.path("/password/reset/").to_owned();
    let browser = Browser::at(server.http(), &link).await;
    let weak = browser.post(&link, "password=12345678").await;
    assert_eq!(weak.status, 200);
    assert!(text(&weak).contains("aria-invalid=\"true\""));
    let set = browser.post(&link, "password=driftwood+and+oakum").await;
    assert_eq!((set.status, set.header("location")), (303, Some("/password/reset/done/")));
    assert!(set.session().is_none(), "a reset does not log in");
    assert_eq!(browser.post(&link, "password=driftwood+and+oakum").await.status, 404);
    assert_eq!(server.http().get(&link).await.status, 404);
}

#[tokio::test]
async fn a_reset_link_is_dead_after_an_hour() {
    let server = TestServer::start();
    let mut mailbox = server.mailbox();
    sign_up(&server, "ann@example.org").await;
    mailbox.next("ann@example.org").await;
    let browser = Browser::at(server.http(), "/password/reset/").await;
    browser.post("/password/reset/", "email=ann%40example.org").await;
    let mail = mailbox.next("ann@example.org").await;
    let link = mail.path("/password/reset/").to_owned();
    let browser = Browser::at(server.http(), &link).await;
    server.advance(Duration::from_secs(3_601));
    assert_eq!(browser.post(&link, "password=driftwood+and+oakum").await.status, 404);
}

async fn settings(server: &TestServer, person: &Person) -> Browser {
    Browser::at(server.http_as(person), "/settings/").await
}

#[tokio::test]
async fn the_settings_are_for_their_owner_and_their_session() {
    let server = TestServer::start();
    let door = Some("/login/?next=/settings/");
    let stranger = server.http().get("/settings/").await;
    assert_eq!((stranger.status, stranger.header("location")), (302, door));
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (of_ann, of_bob) = (settings(&server, &ann).await, settings(&server, &bob).await);
    let stolen = format!("csrf_token={}&first_name=Mallory", of_bob.token);
    let refused = send(&of_ann.http, "/settings/profile/", &stolen).await;
    assert_eq!(refused.status, 403);
    assert!(text(&refused).starts_with("<!doctype html>"), "a page, not JSON");
    assert!(!text(&of_ann.http.get("/settings/").await).contains("Mallory"));
    let saved = of_ann.post("/settings/profile/", "first_name=Ann&last_name=Bonny").await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, Some("/settings/?done=profile#profile"))
    );
    assert!(text(&of_ann.http.get("/settings/").await).contains("value=\"Bonny\""));
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let of_ann = settings(&server, &ann).await;
    // A second session of hers, which she can end.
    let body = format!(r#"{{"key": "{}"}}"#, ann.key);
    let second = server.http().post("/api/login", body).await.session().expect("a session");
    let page = text(&of_ann.http.get("/settings/").await);
    let id = page.split("name=\"session\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("session={}", id.expect("one to end"));

    let of_bob = settings(&server, &bob).await;
    assert_eq!(of_bob.post("/settings/sessions/end/", &form).await.status, 303);
    let hers = server.http().with("cookie", &format!("session={second}"));
    assert_eq!(hers.get("/api/user/@me").await.status, 200, "still there");

    assert_eq!(of_ann.post("/settings/sessions/end/", &form).await.status, 303);
    assert_eq!(hers.get("/api/user/@me").await.status, 401);
    for nonsense in ["session=", "session=x", "session=99999999999999999999", ""] {
        assert_eq!(of_ann.post("/settings/sessions/end/", nonsense).await.status, 303);
    }
}

#[tokio::test]
async fn a_new_password_signs_out_everything_else_and_a_secret_is_shown_once() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let browser = settings(&server, &ann).await;
    let shown = browser.post("/settings/tokens/", "name=backup+script").await;
    assert_eq!(shown.status, 200);
    let page = text(&shown);
    let token = page.split("aria-label=\"API token\">").nth(1).and_then(|rest| rest.get(..64));
    let header = format!("Token {}", token.expect("64 characters"));
    let script = server.http().with("authorization", &header);
    assert_eq!(script.get("/api/users/me/").await.status, 200);
    let later = text(&browser.http.get("/settings/").await);
    assert!(later.contains("backup script") && !later.contains(&header[6..]));

    let weak = browser.post("/settings/password/", "password=ann").await;
    assert_eq!(weak.status, 200);
    assert!(text(&weak).contains("role=\"alert\""));
    let form = "password=kelp+and+brass+lanterns";
    assert_eq!(browser.post("/settings/password/", form).await.status, 303);
    assert_eq!(script.get("/api/users/me/").await.status, 401);
    // From now on the current one is asked for.
    let wrong = browser.post("/settings/password/", "current=wrong&password=oakum+and+tar").await;
    assert!(text(&wrong).contains("This is not your password."));
}

#[tokio::test]
async fn logging_out_takes_a_form_and_ends_the_session() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let browser = settings(&server, &ann).await;
    assert_eq!(browser.http.get("/logout/").await.status, 405);
    assert_eq!(send(&browser.http, "/logout/", "").await.status, 403);
    assert_eq!(browser.http.get("/api/user/@me").await.status, 200);
    let out = browser.post("/logout/", "").await;
    assert_eq!((out.status, out.header("location")), (303, Some("/login/?notice=signed-out")));
    assert_eq!(browser.http.get("/api/user/@me").await.status, 401);
}
