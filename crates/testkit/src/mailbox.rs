//! The mails of a server without an SMTP server: read from its outbox folder, as people
//! read them in their mail program.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{sleep, timeout};

use crate::PATIENCE;

/// The pause between two looks into the folder, which cannot tell when it changes.
const LOOK: Duration = Duration::from_millis(5);

/// Everybody's mails, each handed out once.
#[derive(Debug)]
pub struct Mailbox {
    folder: PathBuf,
    seen: HashSet<PathBuf>,
}

/// A mail as it is read.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// The address in `To`.
    pub to: String,
    /// Decoded.
    pub subject: String,
    /// The plain text, `\n` line ends.
    pub text: String,
    /// The HTML, `\n` line ends.
    pub html: String,
    /// All lines of the header, folded ones joined.
    pub headers: Vec<String>,
}

impl Mailbox {
    /// The outbox of the server whose data folder is `data`.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join("outbox"), seen: HashSet::new() }
    }

    /// Waits for a mail to `address` that was not handed out yet: the oldest.
    ///
    /// # Panics
    /// If none comes within [`PATIENCE`].
    pub async fn next(&mut self, address: &str) -> ReceivedMail {
        let wait = async {
            loop {
                if let Some(mail) = self.look(address) {
                    return mail;
                }
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no mail to {address} in time"))
    }

    /// A mail to `address` that was not handed out yet, if there is one by now.
    pub fn look(&mut self, address: &str) -> Option<ReceivedMail> {
        let mut paths: Vec<PathBuf> = fs::read_dir(&self.folder)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .filter(|path| !self.seen.contains(path))
            .collect();
        paths.sort_unstable();
        let mut letters = paths.into_iter().filter_map(|path| {
            let mail = ReceivedMail::parse(&fs::read_to_string(&path).ok()?);
            (mail.to == address).then_some((path, mail))
        });
        let (path, mail) = letters.next()?;
        self.seen.insert(path);
        Some(mail)
    }
}

impl ReceivedMail {
    /// Reads what the server writes: headers, then `multipart/alternative` with two parts.
    ///
    /// # Panics
    /// If it is not that.
    #[must_use]
    pub fn parse(message: &str) -> Self {
        let message = message.replace("\r\n", "\n");
        let (headers, body) = split(&message);
        let content = header(&headers, "content-type").expect("a content type");
        let boundary = content.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next());
        let boundary = format!("--{}", boundary.expect("several parts"));
        let parts: Vec<(Vec<String>, String)> = body
            .split(&boundary)
            .skip(1)
            .filter(|part| !part.starts_with("--"))
            .map(|part| split(part.trim_start_matches('\n')))
            .collect();
        let part = |kind: &str| {
            let is_kind = |(headers, _): &&(Vec<String>, String)| {
                header(headers, "content-type").is_some_and(|content| content.starts_with(kind))
            };
            let (headers, body) = parts.iter().find(is_kind).expect("both parts");
            decoded(body, &header(headers, "content-transfer-encoding").unwrap_or_default())
        };
        Self {
            to: header(&headers, "to").unwrap_or_default(),
            subject: words(&header(&headers, "subject").unwrap_or_default()),
            text: part("text/plain"),
            html: part("text/html"),
            headers,
        }
    }

    /// Every address of a page that stands in the text, in order.
    #[must_use]
    pub fn links(&self) -> Vec<&str> {
        let is_link = |word: &&str| word.starts_with("http://") || word.starts_with("https://");
        self.text.split_whitespace().filter(is_link).collect()
    }

    /// The path of the first link that leads below `prefix`, such as `/password/reset/`.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn path(&self, prefix: &str) -> &str {
        let path = |link: &&'_ str| {
            let after_scheme = link.find("://").map_or(0, |at| at + 3);
            link[after_scheme..].find('/').map(|at| after_scheme + at)
        };
        self.links()
            .into_iter()
            .filter_map(|link| path(&link).map(|at| &link[at..]))
            .find(|path| path.starts_with(prefix))
            .unwrap_or_else(|| panic!("no link to {prefix} in {:?}", self.text))
    }
}

/// Header lines, folded ones joined, and what follows.
fn split(part: &str) -> (Vec<String>, String) {
    let (head, body) = part.split_once("\n\n").unwrap_or((part, ""));
    let mut lines: Vec<String> = Vec::new();
    for line in head.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    (lines, body.to_owned())
}

fn header(lines: &[String], name: &str) -> Option<String> {
    lines.iter().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn decoded(body: &str, encoding: &str) -> String {
    match encoding {
        "base64" => {
            let dense: String = body.split_whitespace().collect();
            utf8(STANDARD.decode(dense).expect("base64"))
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.to_owned(),
    }
}

fn quoted_printable(body: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = body.replace("=\n", "");
    while let Some(at) = rest.find('=') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        bytes.push(u8::from_str_radix(&rest[at + 1..at + 3], 16).expect("two hex digits"));
        rest = rest[at + 3..].to_owned();
    }
    bytes.extend_from_slice(rest.as_bytes());
    utf8(bytes).replace("\r\n", "\n")
}

/// RFC 2047, as far as the server uses it: `=?utf-8?b?…?=`.
fn words(text: &str) -> String {
    let word = |word: &str| {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        match encoded {
            Some(encoded) => utf8(STANDARD.decode(encoded).expect("base64")),
            None => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}
