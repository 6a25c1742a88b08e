//! The site as a browser sees it, over a model in memory.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod boats;
mod browser;

use browser::{STAFF, open};

#[tokio::test]
async fn strangers_sign_in_first_and_come_back() {
    let browser = open().await.who("stranger");
    for (asked, next) in [
        ("/admin", "/admin/"),
        ("/admin/boats", "/admin/boats/"),
        ("/admin/boats?q=a%26b", "/admin/boats%3Fq%3Da%2526b"),
    ] {
        let answer = browser.get(asked).await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.location, format!("/login/?next={next}"));
    }
}

#[tokio::test]
async fn who_is_not_staff_is_told_so_and_sees_nothing() {
    let browser = open().await.who("ann");
    for path in ["/admin", "/admin/boats", "/admin/boats/1", "/admin/audit/export.csv"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(!answer.text.contains("boats"), "{path}");
    }
    let answer = browser.post("/admin/boats", &[("action", "sink"), ("id", "1")]).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_form_without_its_seal_does_nothing() {
    let browser = open().await;
    for seal in ["", "00", &"0".repeat(64)] {
        let form = [("seal", seal), ("action", "paint"), ("id", "1")];
        let answer = browser.post_raw("/admin/boats", &form).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains("expired"));
    }
    let foreign = browser.who("other staff").seal().await;
    let form = [("seal", foreign.as_str()), ("action", "paint"), ("id", "1")];
    assert_eq!(browser.who(STAFF).post_raw("/admin/boats", &form).await.status, 403);
    assert!(browser.boats().painted().is_empty());
    assert!(browser.audit().await.is_empty());
}

#[tokio::test]
async fn lists_search_filter_sort_and_page() {
    let browser = open().await;
    let list = browser.get("/admin/boats").await;
    assert_eq!(list.status, 200);
    assert!(list.text.contains("120 boats"), "{}", list.text);
    assert!(list.text.contains("page=2") && !list.text.contains("page=0"));
    assert!(list.text.contains("boat 1<") && !list.text.contains("boat 51<"));

    let third = browser.get("/admin/boats?page=3").await;
    assert!(third.text.contains("boat 120<") && !third.text.contains("page=4"));
    let sorted = browser.get("/admin/boats?sort=-name").await;
    assert!(sorted.text.contains("aria-sort=\"descending\""));
    assert!(sorted.text.contains("boat 99<"));
    let found = browser.get("/admin/boats?q=boat+11").await;
    assert!(found.text.contains("11 boats found"), "{}", found.text);
    let narrow = browser.get("/admin/boats?f_afloat=no").await;
    assert!(narrow.text.contains("12 boats found"));
    assert!(narrow.text.contains("<option value=\"no\" selected>"));
    let none = browser.get("/admin/boats?q=nothing+like+it").await;
    assert!(none.text.contains("Nothing matches."));
}

#[tokio::test]
async fn what_people_wrote_is_never_markup() {
    let browser = open().await;
    let evil = "<script>alert(1)</script>\" onload=\"x";
    let seal = browser.seal().await;
    let form = [("seal", seal.as_str()), ("name", evil), ("home", "south")];
    let made = browser.post_raw("/admin/boats/add", &form).await;
    assert_eq!(made.status, 303);
    for path in [made.location.as_str(), "/admin/boats?q=%3Cscript%3E", "/admin", "/admin/audit"] {
        let page = browser.get(path).await;
        assert!(page.text.contains("&#60;script&#62;alert(1)"), "{path}: {}", page.text);
        assert!(!page.text.contains("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn actions_that_matter_ask_first_and_count() {
    let browser = open().await;
    let form = [("action", "sink"), ("id", "1"), ("id", "2"), ("list", "q=boat&page=2")];
    let asked = browser.post("/admin/boats", &form).await;
    assert_eq!(asked.status, 200);
    assert!(asked.text.contains("Sink: 2 boats"));
    assert!(asked.text.contains("boat 1<") && asked.text.contains("boat 2<"));
    assert!(asked.text.contains("6 sailors swim"), "{}", asked.text);
    assert!(asked.text.contains("cannot be undone"));
    assert_eq!(browser.boats().count(), 120);

    let form = [
        ("action", "sink"),
        ("id", "1"),
        ("id", "2"),
        ("list", "q=boat&page=2"),
        ("confirmed", "yes"),
    ];
    let done = browser.post("/admin/boats", &form).await;
    assert_eq!(done.status, 303);
    assert_eq!(done.location, "/admin/boats?q=boat&page=2&done=sink:2");
    assert_eq!(browser.boats().count(), 118);
    let back = browser.get(&done.location).await;
    assert!(back.text.contains("Sink: done for 2 boats."));
}

#[tokio::test]
async fn an_action_reaches_every_page_of_the_list_when_asked() {
    let browser = open().await;
    let form = [("action", "paint"), ("all", "on"), ("list", "q=boat+1&f_afloat=yes")];
    let done = browser.post("/admin/boats", &form).await;
    assert_eq!(done.status, 303, "{}", done.text);
    // Boats with a 1 in front: 1, 10..19, 100..120; those divisible by ten are aground.
    assert_eq!(browser.boats().painted().len(), 1 + 10 + 21 - 4);
}

#[tokio::test]
async fn what_is_refused_is_named_with_its_reason() {
    let browser = open().await;
    let done =
        browser.post("/admin/boats", &[("action", "paint"), ("id", "3"), ("id", "10")]).await;
    assert_eq!(done.status, 200);
    assert!(done.text.contains("Done for 1 boat."));
    assert!(done.text.contains("boat 10: It is aground."));
    let audit = browser.audit().await;
    assert_eq!(audit.len(), 2);
    assert_eq!(audit[0]["outcome"], "refused");
    assert_eq!(audit[0]["reason"], "It is aground.");
    let nothing = browser.post("/admin/boats", &[("action", "paint")]).await;
    assert_eq!(nothing.status, 409);
    let unknown = browser.post("/admin/boats", &[("action", "burn"), ("id", "3")]).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_logged_nowhere() {
    let browser = open().await;
    let shown = browser.post("/admin/boats", &[("action", "key"), ("id", "3")]).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("key-of-3"));
    let log = browser.get("/admin/audit/export.jsonl").await;
    assert!(log.text.contains("\"key\"") && !log.text.contains("key-of-3"));
}

#[tokio::test]
async fn adding_and_editing_check_every_field() {
    let browser = open().await;
    let wrong = browser.post("/admin/boats/add", &[("name", "  "), ("home", "west")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("This field is required."));
    assert!(wrong.text.contains("Choose one of the list."));
    assert!(wrong.text.contains("href=\"#name\""));
    let taken = browser.post("/admin/boats/add", &[("name", "boat 7"), ("home", "north")]).await;
    assert_eq!(taken.status, 422);
    assert!(taken.text.contains("There is a boat of this name."));
    assert!(taken.text.contains("value=\"boat 7\""), "what was typed is kept");

    let made = browser.post("/admin/boats/add", &[("name", "Thetis"), ("home", "north")]).await;
    assert_eq!(made.location, "/admin/boats/121?done=saved");
    let form = [("name", "Thetis II"), ("home", "south"), ("afloat", "on")];
    let saved = browser.post("/admin/boats/121", &form).await;
    assert_eq!(saved.location, "/admin/boats/121?done=saved");
    let page = browser.get("/admin/boats/121").await;
    assert!(page.text.contains("value=\"Thetis II\""));
    assert!(page.text.contains("<option value=\"south\" selected>"));

    let long = "x".repeat(41);
    let wrong = browser.post("/admin/boats/121", &[("name", &long), ("home", "south")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("At most 40 characters"));
}

#[tokio::test]
async fn the_log_says_who_did_what_and_what_changed() {
    let browser = open().await;
    browser.post("/admin/boats/5", &[("name", "Argo"), ("home", "north"), ("afloat", "on")]).await;
    let form = [("action", "sink"), ("id", "5"), ("confirmed", "yes")];
    browser.post("/admin/boats", &form).await;
    let audit = browser.audit().await;
    assert_eq!(audit.len(), 2);
    let (sink, update) = (&audit[0], &audit[1]);
    assert_eq!(update["who"], STAFF);
    assert_eq!(update["action"], "update");
    assert_eq!(update["object"], "5");
    assert_eq!(update["before"]["name"], "boat 5");
    assert_eq!(update["after"]["name"], "Argo");
    assert_eq!(sink["action"], "sink");
    assert_eq!(sink["before"]["name"], "Argo");
    assert!(sink["after"].is_null());
    assert!(sink["id"].as_i64() > update["id"].as_i64());

    let entry = browser.get(&format!("/admin/audit/{}", update["id"])).await;
    assert!(entry.text.contains("<del>boat 5</del>") && entry.text.contains("<ins>Argo</ins>"));
    let history = browser.get("/admin/boats/5/history").await;
    assert_eq!(history.status, 200, "what is gone has a history still");
    assert!(history.text.contains("sink") && history.text.contains("update"));
    assert_eq!(browser.get("/admin/boats/777/history").await.status, 404);
    let filtered = browser.get("/admin/audit?f_action=sink&q=Argo").await;
    assert!(filtered.text.contains("1 entry found"), "{}", filtered.text);
}

#[tokio::test]
async fn the_log_is_exported_whole_and_harmless() {
    let browser = open().await;
    let seal = browser.seal().await;
    let form = [("seal", seal.as_str()), ("name", "=1+1,\"x\""), ("home", "north")];
    browser.post_raw("/admin/boats/add", &form).await;
    for _ in 0..6 {
        let form = [("action", "paint"), ("all", "on"), ("list", "f_afloat=yes")];
        assert_eq!(browser.post("/admin/boats", &form).await.status, 303);
    }
    let csv = browser.get("/admin/audit/export.csv").await;
    assert_eq!(csv.media_type, "text/csv; charset=utf-8");
    assert!(csv.text.starts_with("id,at,account,who,action,"));
    assert!(csv.text.contains(",\"'=1+1,\"\"x\"\"\","), "{}", &csv.text[..400]);
    // All but twelve of 121 boats, six times: more than one step of the export.
    assert_eq!(csv.text.lines().count(), 1 + 1 + 6 * 109);
    let narrowed = browser.get("/admin/audit/export.jsonl?f_action=create").await;
    assert_eq!(narrowed.text.lines().count(), 1);
    assert_eq!(browser.get("/admin/boats/export.csv").await.status, 404);
}

#[tokio::test]
async fn what_is_not_there_is_a_page_too() {
    let browser = open().await;
    for path in ["/admin/ships", "/admin/boats/999", "/admin/a/b/c/d", "/admin/audit/x"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("<h1>Not found</h1>"), "{path}");
        assert!(answer.text.contains("/admin/boats"), "{path}");
    }
    assert_eq!(browser.get("/admin/audit/add").await.status, 404);
    assert_eq!(browser.post("/admin/audit/1", &[]).await.status, 404);
}

#[tokio::test]
async fn a_failure_keeps_its_cause_to_itself() {
    let browser = open().await;
    browser.boats().fail("the disk with all the passwords is on fire");
    let answer = browser.get("/admin/boats").await;
    assert_eq!(answer.status, 500);
    assert!(!answer.text.contains("disk"));
}

#[tokio::test]
async fn pages_are_complete_and_hold_nothing_inline() {
    let browser = open().await;
    for path in ["/admin", "/admin/boats", "/admin/boats/1", "/admin/boats/add", "/admin/audit"] {
        let page = browser.get(path).await.text;
        for part in ["<html lang=\"en\">", "<title>", "<h1>", "<main", "name=\"viewport\""] {
            assert!(page.contains(part), "{path} has no {part}");
        }
        for inline in [" style=", "<style", " onclick", "javascript:"] {
            assert!(!page.contains(inline), "{path} has {inline}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_a_form_is_turned_away() {
    let browser = open().await;
    let huge = "x".repeat(admin::MAX_FORM);
    let answer = browser.post("/admin/boats/add", &[("name", &huge)]).await;
    assert_eq!(answer.status, 413);
    let many: Vec<String> = (0..=admin::MAX_SELECTED).map(|id| id.to_string()).collect();
    let mut form: Vec<(&str, &str)> = many.iter().map(|id| ("id", id.as_str())).collect();
    form.push(("action", "paint"));
    assert_eq!(browser.post("/admin/boats", &form).await.status, 409);
    assert!(browser.boats().painted().is_empty());
}

#[tokio::test]
async fn control_characters_in_an_address_are_no_error() {
    let browser = open().await;
    for (path, status) in [
        ("/admin/audit?q=a%00", 200),
        ("/admin/audit?q=%00&f_who=a%00b&f_model=%01", 200),
        ("/admin/boats?q=%00", 200),
        ("/admin/audit/1%00", 404),
        ("/admin/boats/a%00/history", 404),
    ] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
}
