//! Copies of a SQLite database beside its server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::kit::{Place, enter, folder, post, post_until, resume, status, stop, text};

#[tokio::test]
async fn a_backup_beside_postings_is_put_back_and_every_client_starts_afresh() {
    let folder = folder();
    let place = Place::new(folder.path().join("data"));
    let backup = folder.path().join("backup.db");
    let server = place.start();
    let ann = server.person("ann").await;
    let (mut socket, before) = enter(&server, &ann.session, "").await;
    let acknowledged = post(&mut socket, "before the backup").await;
    let copying = {
        let (place, backup) = (Place::new(place.data.clone()), backup.clone());
        tokio::task::spawn_blocking(move || place.done(&["backup", text(&backup)]))
    };
    post_until(&mut socket, &backup).await;
    let said = copying.await.expect("no panic");
    assert!(said.contains(text(&backup)), "{said}");
    assert_eq!(fs::metadata(&backup).expect("there").permissions().mode() & 0o777, 0o600);
    let last = post(&mut socket, "not in the backup").await;
    socket.close().await;
    stop(server);

    let said = place.done(&["restore", text(&backup)]);
    assert!(said.contains("The database that was there is"), "{said}");
    assert!(said.contains("sessions 1, "), "{said}");
    let server = place.start();
    assert_eq!(status(&server, &ann.session).await, 401);
    let session = server.log_in(&ann.key).await;
    let (mut socket, after) = enter(&server, &session, &resume(last, &before)).await;
    assert_eq!(after["recovered"], false);
    assert_ne!(after["epoch"], before["epoch"]);
    let history = socket.history().await;
    assert!(history.len() as i64 >= acknowledged && (history.len() as i64) < last, "{history:?}");
    assert!((1..).zip(&history).all(|(expected, (id, _))| expected == *id), "no gaps");
    assert_eq!(history[0].1, "before the backup");
    // The same id again, in another epoch.
    assert_eq!(post(&mut socket, "goes on").await, history.len() as i64 + 1);
    socket.close().await;
    stop(server);
}

#[test]
fn nothing_is_written_over_and_other_databases_have_their_own_tools() {
    let folder = folder();
    let place = Place::new(folder.path().join("data"));
    place.done(&["admin", "create", "ops@example.org"]);
    let backup = folder.path().join("backup.db");
    place.done(&["backup", text(&backup)]);
    let before = fs::read(&backup).expect("read");
    let line = place.refused(&["backup", text(&backup)]);
    assert!(line.contains(text(&backup)) && line.contains("exists"), "{line}");
    assert_eq!(fs::read(&backup).expect("read"), before);
    let line = place.refused(&["backup", text(&folder.path().join("no/such.db"))]);
    assert!(line.contains("cannot write") && line.contains("no/such.db"), "{line}");
    // Equal contents, and only whole files.
    place.done(&["backup", text(&folder.path().join("other.db"))]);
    let names = fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(names.count(), 3, "no drafts");

    for (url, tool) in [("postgres://h/d", "pg_dump"), ("mariadb://h/d", "mariadb-dump")] {
        let server = Place::with(folder.path().join("data"), url);
        let more = folder.path().join("more.db");
        for command in ["backup", "restore"] {
            let line = server.refused(&[command, text(&more)]);
            assert!(line.contains(tool) && line.contains("export"), "{line}");
        }
    }
    let memory = Place::with(folder.path().join("data"), "sqlite::memory:");
    let line = memory.refused(&["backup", text(&folder.path().join("more.db"))]);
    assert!(line.contains("for a database that is a file"), "{line}");
    let missing = Place::with(folder.path().join("data"), "sqlite://missing.db?mode=rwc");
    let line = missing.refused(&["backup", text(&folder.path().join("more.db"))]);
    assert!(line.contains("there is no database at"), "{line}");
}
