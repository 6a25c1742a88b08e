use super::*;

fn values() -> Values {
    Values {
        site: "chat.example.org".to_owned(),
        url: "https://chat.example.org".to_owned(),
        name: "Ann".to_owned(),
        link: "https://chat.example.org/password/reset/abc?x=1&y=2".to_owned(),
        valid: "1 hour".to_owned(),
        detail: "b…@example.org".to_owned(),
    }
}

fn ann() -> Recipient {
    "ann@example.org".parse().unwrap()
}

/// What is wrong with a folder that holds `files`, its path cut off.
fn problem(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let error = Templates::load(Some(folder.path())).map(|_| "nothing").unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn every_mail_has_its_three_parts_and_says_what_it_is_about() {
    let templates = Templates::load(None).unwrap();
    for template in Template::ALL {
        let mail = templates.render(template, ann(), &values()).unwrap();
        assert!(mail.subject.contains("chat.example.org"), "{}", mail.subject);
        assert_eq!(mail.subject.lines().count(), 1);
        assert!(mail.text.contains("https://chat.example.org/"), "{}", mail.text);
        assert!(mail.html.contains("</html>"), "{}", mail.html);
        // Nothing is loaded from anywhere, so that nobody learns when it is read.
        for remote in ["<img", "src=", "url(", "@import", "<link", "<script"] {
            assert!(!mail.html.contains(remote), "{remote} in {}", template.name());
        }
    }
}

#[test]
fn a_link_stands_by_itself_in_the_text_and_escaped_in_html() {
    let templates = Templates::load(None).unwrap();
    let mail = templates.render(Template::PasswordReset, ann(), &values()).unwrap();
    assert!(mail.text.lines().any(|line| line == values().link), "{}", mail.text);
    let href =
        "href=\"https:&#x2f;&#x2f;chat.example.org&#x2f;password&#x2f;reset&#x2f;abc?x=1&amp;y=2\"";
    assert!(mail.html.contains(href), "{}", mail.html);
}

#[test]
fn a_name_is_text_whatever_it_says() {
    let templates = Templates::load(None).unwrap();
    let evil = Values { name: "<a href=x>{{ link }}\r\nBcc: x".to_owned(), ..values() };
    let mail = templates.render(Template::PasswordReset, ann(), &evil).unwrap();
    assert!(!mail.html.contains("<a href=x>"), "{}", mail.html);
    assert!(mail.text.contains("{{ link }}"), "not filled in twice: {}", mail.text);
    assert!(!mail.subject.contains("Bcc"));
}

#[test]
fn an_operator_replaces_single_files_and_the_layout() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("test.subject.txt", "Ahoy from {{ site }}\n");
    write("layout.html", "<body>{% block body %}{% endblock %} by {{ site }}</body>");
    write("README", "Ours.");
    write("test.html~", "{{ broken");
    let templates = Templates::load(Some(folder.path())).unwrap();
    let mail = templates.render(Template::Test, ann(), &values()).unwrap();
    assert_eq!(mail.subject, "Ahoy from chat.example.org");
    assert!(mail.text.starts_with("Hello,"), "{}", mail.text);
    assert!(mail.html.starts_with("<body>\n<p style"), "{}", mail.html);
    assert!(mail.html.ends_with(" by chat.example.org</body>"), "{}", mail.html);
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    assert_eq!(
        problem(&[("test.txt", "Hello\n\n{{ lnk }}\n")]),
        "mail.templates: test.txt:3: undefined value"
    );
    let syntax = problem(&[("password_reset.html", "<p>\n{% if name %}\n")]);
    assert!(syntax.starts_with("mail.templates: password_reset.html:"), "{syntax}");
    assert!(syntax.contains("syntax error"), "{syntax}");
    // Only used when there is a name: found nevertheless.
    let hidden = problem(&[("test.txt", "a\n{% if name %}{{ nmae }}{% endif %}")]);
    assert_eq!(hidden, "mail.templates: test.txt:2: undefined value");
    let layout = problem(&[("layout.html", "\n{{ colour }}")]);
    assert_eq!(layout, "mail.templates: layout.html:2: undefined value");
    let empty = problem(&[("test.subject.txt", "\n")]);
    assert!(empty.starts_with("mail.templates: test.subject.txt:1: gives 0 bytes"), "{empty}");
}

#[test]
fn a_misspelled_file_is_an_error() {
    let unknown = problem(&[("pasword_reset.txt", "x")]);
    assert!(
        unknown.starts_with("mail.templates: pasword_reset.txt belongs to no mail"),
        "{unknown}"
    );
    assert!(unknown.contains("password_reset, confirm_address"), "{unknown}");
    let missing = Templates::load(Some(Path::new("/nowhere/at/all"))).map(|_| ()).unwrap_err();
    assert!(missing.to_string().starts_with("mail.templates: cannot read /nowhere/at/all: "));
}
