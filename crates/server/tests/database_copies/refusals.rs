//! What is not exported, and not imported: each with one line that names it, and before
//! anything is written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testdb::TestDatabase;

use crate::kit::{Place, edit_manifest, files, folder, stop, text};

/// A small export.
fn exported() -> (TempDir, PathBuf) {
    let folder = folder();
    let place = Place::new(folder.path().join("source"));
    place.done(&["admin", "create", "ops@example.org"]);
    let export = folder.path().join("export");
    place.done(&["export", text(&export)]);
    (folder, export)
}

/// What an import of `export` into a new database is refused with; the database is empty.
fn refusal(folder: &TempDir, export: &Path) -> String {
    let to = TestDatabase::new();
    let place = Place::with(folder.path().join("target"), to.url());
    let line = place.refused(&["import", text(export)]);
    assert!(to.path().is_none_or(|path| !path.exists()), "nothing was made");
    assert!(to.path().is_some() || to.tables().is_empty(), "{:?}", to.tables());
    line
}

#[test]
fn an_export_that_is_not_whole_is_refused_before_anything_is_written() {
    let (folder, export) = exported();
    for name in files(&export).keys() {
        let path = export.join(name);
        let whole = fs::read(&path).expect("read");
        if !whole.is_empty() {
            fs::write(&path, &whole[..whole.len() - 2]).expect("written");
            let line = refusal(&folder, &export);
            assert!(line.contains(text(&path)) && line.contains("damaged"), "cut: {line}");
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            fs::write(&path, flipped).expect("written");
            let line = refusal(&folder, &export);
            assert!(line.contains(text(&path)) && line.contains("damaged"), "flipped: {line}");
        }
        fs::remove_file(&path).expect("removed");
        let line = refusal(&folder, &export);
        assert!(
            line.contains(name.as_str()) && line.contains("missing") || name == "manifest.json"
        );
        assert!(name != "manifest.json" || line.contains("no manifest.json"), "{line}");
        fs::write(&path, &whole).expect("written");
    }
    let line = refusal(&folder, &folder.path().join("nowhere"));
    assert!(line.contains("cannot read") && line.contains("nowhere"), "{line}");
}

#[test]
fn an_export_of_a_newer_version_is_refused() {
    let (folder, export) = exported();
    edit_manifest(&export, |manifest| {
        let migrations = manifest["migrations"].as_array_mut().expect("migrations");
        migrations.push("m29990101_000000_later".into());
    });
    let line = refusal(&folder, &export);
    assert!(line.contains("newer version") && line.contains("m29990101_000000_later"), "{line}");
    edit_manifest(&export, |manifest| manifest["format"] = 2.into());
    let line = refusal(&folder, &export);
    assert!(line.contains("newer version") && line.contains("form is 2"), "{line}");
}

#[test]
fn a_database_that_is_not_empty_or_has_a_server_is_not_imported_into() {
    let (folder, export) = exported();
    let to = TestDatabase::new();
    let place = Place::with(folder.path().join("target"), to.url());
    let server = place.start();
    let line = place.refused(&["import", text(&export)]);
    assert!(line.contains("is in use by another Packetboat"), "{line}");
    // By another way to the same database, too.
    let other = Place::with(folder.path().join("other"), to.url());
    let line = other.refused(&["import", text(&export)]);
    assert!(line.contains("the database") && line.contains("another Packetboat"), "{line}");
    stop(server);
    let line = place.refused(&["import", text(&export)]);
    assert!(line.contains("is not empty") && line.contains("\"accounts\""), "{line}");
    stop(place.start());
}

#[test]
fn no_server_starts_on_an_import_that_was_broken_off() {
    let (folder, export) = exported();
    let path = export.join("audit_log.jsonl");
    let line = fs::read_to_string(&path).expect("read");
    fs::write(&path, format!("{line}{}", line.replacen("\"id\":", "\"id\":1.5,\"no\":", 1)))
        .expect("written");
    edit_manifest(&export, |_| {});
    let to = TestDatabase::new();
    let place = Place::with(folder.path().join("target"), to.url());
    let line = place.refused(&["import", text(&export)]);
    assert!(line.contains("audit_log.jsonl, line 2: \"id\" is not an integer"), "{line}");
    assert!(line.contains("broken off") && line.contains("import again"), "{line}");
    assert_eq!(to.number("SELECT COUNT(*) FROM accounts"), 1, "the tables before were filled");
    let half = folder.path().join("half");
    let again: [&[&str]; 4] = [
        &["serve", "--listen", "127.0.0.1:0"],
        &["import", text(&export)],
        &["export", text(&half)],
        &["admin", "create", "a@example.org"],
    ];
    for command in again {
        let place = Place::with(folder.path().join("target"), to.url());
        let output = place.run(command);
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {line}");
        assert!(line.contains("an import into this database was broken off"), "{line}");
    }
}

#[test]
fn a_folder_that_is_not_empty_or_cannot_be_made_is_not_exported_to() {
    let (folder, export) = exported();
    let place = Place::new(folder.path().join("source"));
    let line = place.refused(&["export", text(&export)]);
    assert!(line.contains(text(&export)) && line.contains("is not empty"), "{line}");
    let file = folder.path().join("file");
    File::create(&file).expect("a file");
    let line = place.refused(&["export", text(&file.join("under"))]);
    assert!(line.contains("cannot write") && line.contains("under"), "{line}");
    let line = place.refused(&["export", text(&folder.path().join("no/such"))]);
    assert!(line.contains("cannot write") && line.contains("no/such"), "{line}");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    place.done(&["export", text(&empty)]);

    let nowhere = Place::new(folder.path().join("source/nothing"));
    fs::create_dir(&nowhere.data).expect("a folder");
    let line = nowhere.refused(&["export", text(&folder.path().join("none"))]);
    assert!(line.contains("there is no database at"), "{line}");
    assert!(!nowhere.database().exists() && !folder.path().join("none").exists());
    let empty = TestDatabase::new();
    let other = Place::with(nowhere.data.clone(), empty.url());
    let line = other.refused(&["export", text(&folder.path().join("none"))]);
    assert!(line.contains("there is no database") || line.contains("nothing of Packetboat"));
}
