//! Backups that are put back, and those that are not.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testdb::TestDatabase;

use crate::kit::{Place, enter, folder, post, status, stop, text};

/// The database that a restore has set aside.
fn aside(said: &str) -> PathBuf {
    let (_, rest) = said.split_once("was there is ").expect("it says where");
    let (path, _) = rest.split_once(" now.").expect("it says where");
    path.into()
}

fn backed_up(place: &Place, folder: &TempDir) -> PathBuf {
    let backup = folder.path().join("backup.db");
    place.done(&["backup", text(&backup)]);
    backup
}

#[tokio::test]
async fn the_database_that_was_there_is_kept_with_its_newest_part() {
    let folder = folder();
    let place = Place::new(folder.path().join("data"));
    let server = place.start();
    let ann = server.person("ann").await;
    let backup = backed_up(&place, &folder);
    let (mut socket, _) = enter(&server, &ann.session, "").await;
    post(&mut socket, "kept").await;
    // What was posted is in the log beside the file only.
    server.kill();
    assert!(place.data.join("packetboat.db-wal").exists());
    let aside = aside(&place.done(&["restore", text(&backup)]));
    assert!(!place.data.join("packetboat.db-wal").exists());
    assert!(!place.data.join("packetboat.db.restoring").exists());

    let url = format!("sqlite://{}?mode=rwc", aside.display());
    let before = Place::with(folder.path().join("other"), &url);
    let server = before.start();
    let (mut socket, _) = enter(&server, &ann.session, "").await;
    assert_eq!(socket.history().await, [(1, "kept".to_owned())]);
    stop(server);
    let server = place.start();
    let session = server.log_in(&ann.key).await;
    let (mut socket, _) = enter(&server, &session, "").await;
    assert_eq!(socket.history().await, []);
    stop(server);
}

#[tokio::test]
async fn a_move_to_another_machine_keeps_sessions_and_needs_no_flag() {
    let folder = folder();
    let place = Place::new(folder.path().join("data"));
    let server = place.start();
    let ann = server.person("ann").await;
    stop(server);
    let backup = backed_up(&place, &folder);
    let new = Place::new(folder.path().join("new"));
    let said = new.done(&["restore", "--moving", text(&backup)]);
    assert!(!said.contains("was there") && !said.contains("Left out"), "{said}");
    let server = new.start();
    assert_eq!(status(&server, &ann.session).await, 200);
    stop(server);
}

/// What a restore is refused with; the database and its folder are as they were.
fn refusal(place: &Place, database: &TestDatabase, backup: &Path) -> String {
    let path = database.path().expect("a file");
    let listed = || {
        let entries = fs::read_dir(path.parent().expect("a folder")).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        names.sort();
        names
    };
    let (before, names) = (fs::read(path).expect("read"), listed());
    let line = place.refused(&["restore", text(backup)]);
    assert!(fs::read(path).expect("read") == before, "{line}");
    assert_eq!(listed(), names, "{line}");
    line
}

#[test]
fn what_is_not_a_sound_backup_of_this_version_is_not_put_back() {
    let folder = folder();
    let database = TestDatabase::sqlite();
    let place = Place::with(folder.path().join("data"), database.url());
    stop(place.start());
    let backup = backed_up(&place, &folder);
    let refused = |backup: &Path| refusal(&place, &database, backup);

    let line = refused(&folder.path().join("missing.db"));
    assert!(line.contains("cannot read") && line.contains("missing.db"), "{line}");
    let other = folder.path().join("other");
    for content in ["", "not a database, but longer than its header would be"] {
        fs::write(&other, content).expect("written");
        assert!(refused(&other).contains("other is not a database of Packetboat"));
    }
    let mut damaged = fs::read(&backup).expect("read");
    damaged[4096..4200].fill(0xff);
    fs::write(&other, &damaged).expect("written");
    let line = refused(&other);
    assert!(line.contains(text(&other)) && line.contains("damaged"), "{line}");
    let whole = fs::read(&backup).expect("read");
    fs::write(&other, &whole[..whole.len() / 2]).expect("written");
    let line = refused(&other);
    assert!(line.contains(text(&other)) && line.contains("damaged"), "{line}");
    let log = folder.path().join("backup.db-wal");
    fs::write(&log, "a log").expect("written");
    let line = refused(&backup);
    assert!(line.contains("in use") && line.contains("backup.db-wal"), "{line}");
    fs::remove_file(log).expect("removed");

    let foreign = TestDatabase::sqlite();
    foreign.execute("CREATE TABLE things (id INTEGER)");
    let line = refused(foreign.path().expect("a file"));
    assert!(line.contains("is not a database of Packetboat"), "{line}");
    let newer = TestDatabase::sqlite();
    let later = Place::with(folder.path().join("newer"), newer.url());
    stop(later.start());
    newer.execute("INSERT INTO migrations (name, applied_at) VALUES ('m2999', 0)");
    let backup_of_newer = folder.path().join("newer.db");
    later.done(&["backup", text(&backup_of_newer)]);
    let line = refused(&backup_of_newer);
    assert!(line.contains("newer version") && line.contains("m2999"), "{line}");
    // And one that is.
    place.done(&["restore", text(&backup)]);
}

#[test]
fn nothing_is_put_back_under_a_server() {
    let folder = folder();
    let database = TestDatabase::sqlite();
    let place = Place::with(folder.path().join("data"), database.url());
    let server = place.start();
    let backup = backed_up(&place, &folder);
    let line = refusal(&place, &database, &backup);
    assert!(line.contains("is in use by another Packetboat"), "{line}");
    // By another data folder, too.
    let other = Place::with(folder.path().join("other"), database.url());
    let line = refusal(&other, &database, &backup);
    assert!(line.contains("the database") && line.contains("another Packetboat"), "{line}");
    stop(server);
}
