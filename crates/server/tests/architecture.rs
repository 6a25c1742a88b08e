//! The architecture is as documented: which crate may depend on which, and where SQL, HTTP and JSON
//! may stand. `docs/ARCHITECTURE.md` says why; each failure repeats the reason.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// For each crate, the crates of ours it may depend on; the server may on all. Nothing
/// points sideways: what a capability needs from another it declares as a trait, and the
/// server implements it.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("limits", &["base"]),
    ("hub", &["base"]),
    ("transport", &["base", "hub"]),
    ("http", &["base", "limits"]),
    ("storage", &["base"]),
    ("mail", &["base", "storage"]),
    ("admin", &["base", "http-kit", "storage"]),
    ("capability", &["base", "limits", "transport", "http-kit", "storage", "mail", "admin"]),
    ("accounts", CAPABILITY),
    ("chat", CAPABILITY),
    ("share", CAPABILITY),
    ("server", &[]),
    ("testdb", &[]),
    ("testkit", &["base", "server", "testdb"]),
];

/// What any capability may depend on.
const CAPABILITY: &[&str] =
    &["base", "limits", "hub", "transport", "http-kit", "storage", "mail", "admin", "capability"];

/// What the crate in `folder` is called where it is depended on.
fn dependency_name(folder: &'static str) -> &'static str {
    if folder == "http" { "http-kit" } else { folder }
}

/// Crates that a part of the workspace must never see, and why.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "hub",
        &["serde", "serde_json", "axum", "http", "hyper", "sea-orm", "sqlx"],
        "the hub delivers bytes: what they mean, and who asked for them, is not its business",
    ),
    (
        "transport",
        &["serde", "serde_json", "axum", "sea-orm", "sqlx"],
        "a connection knows frames; JSON and routes belong to the capabilities",
    ),
    (
        "base",
        &["serde", "tokio", "axum", "http", "sea-orm"],
        "base is rebuilt by everyone: it stays tiny",
    ),
    (
        "limits",
        &["tokio", "axum", "http", "serde", "sea-orm"],
        "counting is arithmetic: who waits, what a refusal answers and what outlives the process \
         belong to those who count",
    ),
    ("http", &["sea-orm", "sqlx"], "tables belong to the capabilities"),
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names under `[dependencies]` of a crate.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, PathBuf)> {
    MAY_USE
        .iter()
        .flat_map(|(name, _)| {
            let mut found = Vec::new();
            sources(&crates().join(name).join("src"), &mut found);
            found.into_iter().map(|path| ((*name).to_owned(), path))
        })
        .collect()
}

#[test]
fn every_crate_is_on_the_plan() {
    let mut there: Vec<String> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    let mut planned: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    planned.sort_unstable();
    assert_eq!(there, planned, "a new crate needs its place in MAY_USE and in ARCHITECTURE.md");
}

#[test]
fn dependencies_point_down_never_sideways() {
    let ours: Vec<_> = MAY_USE.iter().map(|(name, _)| dependency_name(name)).collect();
    for (name, may_use) in MAY_USE.iter().filter(|(name, _)| *name != "server") {
        for dependency in dependencies(name) {
            if ours.contains(&dependency.as_str()) {
                assert!(
                    may_use.contains(&dependency.as_str()),
                    "`{name}` depends on `{dependency}`. Capabilities never depend on each other \
                     and infrastructure never on a capability: declare a small trait in `{name}` \
                     and let the server implement it."
                );
            }
        }
    }
}

#[test]
fn nobody_sees_what_is_not_its_business() {
    for (name, never, why) in NEVER {
        for dependency in dependencies(name) {
            assert!(
                !never.contains(&dependency.as_str()),
                "`{name}` depends on `{dependency}`, but {why}."
            );
        }
    }
}

#[test]
fn sql_stands_in_the_stores_alone() {
    for (name, path) in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let is_store = path
            .components()
            .any(|part| part.as_os_str() == "store" || part.as_os_str() == "store.rs");
        assert!(
            name == "storage" || name == "testdb" || is_store || !text.contains("sea_orm"),
            "{} speaks SQL. All SQL of a capability stands in its store, so that what touches \
             a table can be read in one place.",
            path.display()
        );
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for (_, path) in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let is_tests = path.file_name().is_some_and(|name| name == "tests.rs");
        assert!(
            is_tests || text.starts_with("//!"),
            "{} has no header. A module begins with what it owns, its invariants and what is \
             deliberately absent.",
            path.display()
        );
    }
}
