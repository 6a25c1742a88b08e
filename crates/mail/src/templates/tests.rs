use super::*;

fn load(folder: Option<&Path>) -> Result<Templates, TemplateError> {
    Templates::load(folder, crate::mails::ALL.to_vec())
}

/// What is wrong with a folder that holds `files`, its path cut off.
fn problem(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let error = load(Some(folder.path())).map(|_| "nothing").unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn an_operator_replaces_single_files_and_the_layout() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("test.subject.txt", "Ahoy from {{ site }}\n");
    write("layout.html", "<body>{% block body %}{% endblock %} by {{ site }}</body>");
    write("README", "Ours.");
    write("test.html~", "{{ broken");
    let templates = load(Some(folder.path())).unwrap();
    let values = Values::from(["site", "url"].map(|name| (name, "chat.example.org".to_owned())));
    let to = "ann@example.org".parse().unwrap();
    let mail = templates.render(&crate::mails::TEST, to, &values).unwrap();
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
    let syntax = problem(&[("test.html", "<p>\n{% if name %}\n")]);
    assert!(syntax.starts_with("mail.templates: test.html:"), "{syntax}");
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
    let unknown = problem(&[("tset.txt", "x")]);
    assert!(unknown.starts_with("mail.templates: tset.txt belongs to no mail"), "{unknown}");
    assert!(unknown.ends_with("the mails are test"), "{unknown}");
    let missing = load(Some(Path::new("/nowhere/at/all"))).map(|_| ()).unwrap_err();
    assert!(missing.to_string().starts_with("mail.templates: cannot read /nowhere/at/all: "));
}
