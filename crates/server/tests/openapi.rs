//! `/api/openapi.json` against the routes that exist: nothing described is missing, and
//! nothing of the API is left undescribed.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::TestServer;

/// Verbs that axum's routing functions are named after.
const VERBS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Routes under `/api` in the sources of the crates that have any: verb and path.
fn routes_in_the_sources() -> BTreeSet<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for name in ["accounts", "chat", "server"] {
        collect(&crates.join(name).join("src"), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // One call of `route`, up to the end of its second argument's line or to the
            // next call: the verbs are the routing functions named in it.
            for call in text.split(".route(").skip(1) {
                let call = call.split(".route(").next().unwrap();
                let Some(path) = call.split('"').nth(1) else { continue };
                let Some(end) = balanced(call) else { continue };
                if !path.starts_with("/api/") {
                    continue;
                }
                for verb in VERBS {
                    if call[..end].contains(&format!("{verb}(")) {
                        found.insert((verb.to_owned(), path.to_owned()));
                    }
                }
            }
        }
    }
}

/// Where the argument list that the text starts in ends.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

async fn described(server: &TestServer) -> Value {
    let answer = server.http().get("/api/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let verbs = |path: &String, verbs: &Value| {
        let verbs = verbs.as_object().expect("verbs").keys().cloned();
        verbs.map(|verb| (verb, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, found)| verbs(path, found)).collect()
}

#[tokio::test]
async fn everything_described_exists() {
    let server = TestServer::start();
    let document = described(&server).await;
    for (verb, path) in operations(&document) {
        let concrete = path.replace("{username}", "@me").replace("{id}", "me");
        let answer = server.http().send(&verb.to_uppercase(), &concrete, Some(b"{}")).await;
        assert!(![404, 405, 500].contains(&answer.status), "{verb} {path}: {answer:?}");
        let status = answer.status.to_string();
        let responses = document["paths"][&path][&verb]["responses"].as_object();
        assert!(
            responses.unwrap().contains_key(&status),
            "{verb} {path}: {status} is not described"
        );
    }
}

#[tokio::test]
async fn everything_that_exists_is_described() {
    let server = TestServer::start();
    let operations = operations(&described(&server).await);
    let routes = routes_in_the_sources();
    assert!(routes.contains(&("post".to_owned(), "/api/login".to_owned())), "it looks right");
    for (verb, path) in routes {
        // The page that shows the description is no part of the API.
        if path != "/api/docs" {
            assert!(operations.contains(&(verb.clone(), path.clone())), "{verb} {path}");
        }
    }
}

#[tokio::test]
async fn the_description_can_be_read_as_a_page() {
    let server = TestServer::start();
    let page = server.http().get("/api/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    let text = String::from_utf8(page.body).expect("UTF-8");
    assert!(
        text.contains("/api/register") && !text.contains("http://") && !text.contains("https://")
    );
}
