//! The mails about accounts, as their readers get them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use accounts::mails::{ALL, CONFIRM_ADDRESS, PASSWORD_RESET};
use mail::{Composer, Draft, Mail, Template};

const LINK: &str = "https://chat.example.org/password/reset/abc?x=1&y=2";

fn composer(url: &str) -> Composer {
    Composer::new(None, ALL.iter().copied(), url.to_owned()).unwrap()
}

fn draft(template: &'static Template) -> Draft {
    let draft = Draft::new(template, "ann@example.org").name("Ann");
    draft.link("/password/reset/abc?x=1&y=2").with("detail", "b…@example.org")
}

fn compose(draft: &Draft) -> Mail {
    composer("https://chat.example.org").compose(draft).unwrap()
}

#[test]
fn every_mail_has_its_three_parts_and_says_what_it_is_about() {
    for template in ALL {
        let mail = compose(&draft(template));
        assert!(mail.subject.contains("chat.example.org"), "{}", mail.subject);
        assert_eq!(mail.subject.lines().count(), 1);
        assert!(mail.text.contains("https://chat.example.org/"), "{}", mail.text);
        assert!(mail.html.contains("</html>"), "{}", mail.html);
        // Nothing is loaded from anywhere, so that no other site learns when it is read.
        for remote in ["<img", "src=", "url(", "@import", "<link", "<script"] {
            assert!(!mail.html.contains(remote), "{remote} in {}", template.name);
        }
    }
}

#[test]
fn a_link_stands_by_itself_in_the_text_and_escaped_in_html() {
    let mail = compose(&draft(&PASSWORD_RESET));
    assert!(mail.text.lines().any(|line| line == LINK), "{}", mail.text);
    let href =
        "href=\"https:&#x2f;&#x2f;chat.example.org&#x2f;password&#x2f;reset&#x2f;abc?x=1&amp;y=2\"";
    assert!(mail.html.contains(href), "{}", mail.html);
}

#[test]
fn a_name_is_text_whatever_it_says() {
    let evil = "<a href=x>{{ link }}\r\nBcc: x";
    let mail = compose(&draft(&PASSWORD_RESET).with("name", evil));
    assert!(!mail.html.contains("<a href=x>"), "{}", mail.html);
    assert!(mail.text.contains("{{ link }}"), "not filled in twice: {}", mail.text);
    assert!(!mail.subject.contains("Bcc"));
}

#[test]
fn links_lead_to_the_servers_own_address() {
    let reset = draft(&PASSWORD_RESET).link("/password/reset/abc");
    let mail = composer("https://chat.example.org:8443").compose(&reset).unwrap();
    assert!(mail.text.contains("\nhttps://chat.example.org:8443/password/reset/abc\n"));
    assert!(mail.text.starts_with("Hello Ann,"), "{}", mail.text);
    assert!(mail.subject.ends_with("chat.example.org"), "{}", mail.subject);
    assert_eq!(mail.lifetime, Duration::from_secs(60 * 60));
    assert!(mail.text.contains("1 hour"), "{}", mail.text);
    let mail = composer("http://localhost:7777").compose(&reset).unwrap();
    assert!(mail.text.contains("\nhttp://localhost:7777/password/reset/abc\n"));
    assert!(mail.subject.ends_with("localhost"), "{}", mail.subject);
}

#[test]
fn a_name_that_may_be_an_advertisement_is_left_out() {
    for name in ["Buy at http://evil.example", "Ann\r\nBcc: x", &"x".repeat(41), "www.evil.co"] {
        let mail = compose(&draft(&PASSWORD_RESET).name(name));
        assert!(mail.text.starts_with("Hello,\n"), "{}", mail.text);
    }
    let mail = compose(&draft(&PASSWORD_RESET).name("Anne-Marie O’Neil"));
    assert!(mail.text.contains("O’Neil"));
    let confirm = compose(&draft(&CONFIRM_ADDRESS).name("Buy"));
    assert!(!confirm.text.contains("Buy") && confirm.text.contains("24 hours"));
}

#[test]
fn a_misspelled_file_names_the_mails_there_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pasword_reset.txt"), "x").unwrap();
    let composer = Composer::new(Some(folder.path()), ALL.iter().copied(), String::new());
    let problem = composer.unwrap_err().to_string();
    assert!(problem.contains("password_reset, confirm_address"), "{problem}");
}

/// An operator's text for a mail of this crate may say what another mail has: it is empty.
#[test]
fn an_operator_may_write_what_the_mail_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("confirm_address.txt"), "[{{ name }}{{ detail }}]").unwrap();
    let url = "https://chat.example.org".to_owned();
    let composer = Composer::new(Some(folder.path()), ALL.iter().copied(), url).unwrap();
    assert_eq!(composer.compose(&draft(&CONFIRM_ADDRESS)).unwrap().text, "[]");
}
