//! Names and sizes of files: which there are, and that they come back as they were posted.

use serde_json::json;

use crate::files::refused_file;
use crate::kit::{Session, message, response, unlimited};

/// Percent-encodes everything but what every client leaves as it is.
fn encoded(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

#[tokio::test]
async fn any_name_comes_back_as_it_was_posted() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let longest = format!("{}.txt", "é".repeat(125)) + "x";
    assert_eq!(longest.len(), 255);
    for name in [
        "a",
        "résumé 🎉.pdf",
        "תמונה.jpg",
        "صورة.png",
        "ภาพ.gif",
        " with blanks ",
        "..a",
        "...",
        ".hidden",
        "a..b",
        "100%",
        "50%25.txt",
        "%2e%2e%2f",
        "a?b#c&d=e+f",
        "_leading",
        "trailing-",
        "CON",
        "a:b<c>d|e\"f*g",
        "\u{202e}gnp.exe",
        "\u{feff}bom",
        "\u{a0}",
        "<img src=x onerror=alert(1)>",
        "'; drop table files; --",
        longest.as_str(),
    ] {
        let file = json!([{ "name": name, "size": 1 }]);
        response(&session.host.post_files(&file).await, 200);
        let one = response(&session.host.file(&encoded(name)).await, 200);
        assert_eq!(one["name"], name);
        let list = session.host.list().await;
        assert_eq!(list[0]["name"], name);
        response(&session.host.delete(&encoded(name)).await, 200);
    }
}

#[tokio::test]
async fn a_name_that_a_file_system_would_take_for_a_path_or_a_command_is_refused() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let long = "é".repeat(128);
    let controls = (0..=0x1F).chain(0x7F..=0x9F).filter_map(char::from_u32);
    let controls = controls.map(|control| format!("a{control}b"));
    let others = ["", ".", "..", "a/b", "/", "\\", "a\\b", "../a", &long].map(str::to_owned);
    for name in controls.chain(others) {
        let file = json!([{ "name": name, "size": 1 }]);
        assert_eq!(refused_file(&session.host.post_files(&file).await), *name, "{name:?}");
    }
    for name in ["\\ud800", "a\\udfffb", "\\udc00\\ud800"] {
        let file = format!(r#"[{{"name": "{name}", "size": 1}}]"#);
        let path = format!("/files/{}", session.id);
        let answer = session.host.http.post(&path, file).await;
        refused_file(&answer);
    }
    for name in [json!(null), json!(7), json!(["a"]), json!({ "a": 1 }), json!(true)] {
        refused_file(&session.host.post_files(&json!([{ "name": name, "size": 1 }])).await);
    }
    assert_eq!(session.host.list().await, json!([]));
}

#[tokio::test]
async fn names_that_are_the_same_in_nfc_are_one_name_and_case_tells_names_apart() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (composed, apart) = ("caf\u{e9}.txt", "cafe\u{301}.txt");
    session.host.offer(apart).await;
    let file = json!([{ "name": composed, "size": 1 }]);
    assert_eq!(refused_file(&session.host.post_files(&file).await), composed);
    for name in [composed, apart] {
        let one = response(&session.host.file(&encoded(name)).await, 200);
        assert_eq!(one["name"], apart, "as it was posted");
    }
    session.host.offer("CAF\u{c9}.TXT").await;
    session.host.offer("Cafe.txt").await;
    session.host.offer("cafe.txt").await;
    response(&session.host.delete(&encoded(composed)).await, 200);
    message(&session.host.file(&encoded(apart)).await, 404);
    // Compatible is not the same: NFKC would take these for one.
    session.host.offer("\u{fb01}.txt").await;
    session.host.offer("fi.txt").await;
    let both = json!([{ "name": "\u{fc}", "size": 1 }, { "name": "u\u{308}", "size": 1 }]);
    refused_file(&session.host.post_files(&both).await);
}

#[tokio::test]
async fn the_name_in_a_path_may_be_unencoded() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for name in
        ["100%", "50%.txt", "a%zz", "%", "%4", "%e", "é🎉.txt", "a+b", "a&b=c", "(1)!*'~@:$,;"]
    {
        session.host.offer(name).await;
        assert_eq!(response(&session.host.file(name).await, 200)["name"], name);
        response(&session.host.delete(name).await, 200);
    }
    // A valid escape is one, beside an invalid one too.
    session.host.offer("100% \u{e9}").await;
    assert_eq!(response(&session.host.file("100%%20%C3%A9").await, 200)["name"], "100% \u{e9}");
}

#[tokio::test]
async fn sizes_are_whole_numbers_to_the_last_digit() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let path = format!("/files/{}", session.id);
    for size in [
        "0",
        "1",
        "4294967295",
        "4294967296",
        "4294967297",
        "5368709120",
        "9007199254740990",
        "9007199254740991",
    ] {
        let file = format!(r#"[{{"name": "a.txt", "size": {size}}}]"#);
        response(&session.host.http.post(&path, file).await, 200);
        for answer in [session.host.http.get(&path).await, session.host.file("a.txt").await] {
            let text = String::from_utf8(answer.body).expect("text");
            assert!(text.replace(' ', "").contains(&format!(r#""size":{size}"#)), "{text}");
        }
        response(&session.host.delete("a.txt").await, 200);
    }
}

#[tokio::test]
async fn what_is_no_such_number_is_refused() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let path = format!("/files/{}", session.id);
    for size in [
        "-1",
        "1.5",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551616",
        "1e400",
        "\"5\"",
        "null",
        "true",
        "[]",
        "{}",
    ] {
        let file = format!(r#"[{{"name": "a.txt", "size": {size}}}]"#);
        refused_file(&session.host.http.post(&path, file).await);
    }
    refused_file(&session.host.post_files(&json!([{ "name": "a.txt" }])).await);
    assert_eq!(session.host.list().await, json!([]));
}
