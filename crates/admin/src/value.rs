//! What stands in a cell.

use base::Timestamp;
use serde_json::Value as Json;

use crate::civil;

/// A cell of a list or a line of an object's page. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Text, shown as it is.
    Text(String),
    /// A number.
    Number(i64),
    /// A size in bytes.
    Bytes(u64),
    /// Yes or no.
    Flag(bool),
    /// A moment, shown in UTC.
    Time(Timestamp),
    /// One word that should be told from others at a glance.
    Badge(&'static str, Tone),
    /// An object of another model: text, the model's slug, the object's id.
    Link(String, &'static str, String),
    /// What something was, and what it is now.
    Change(String, String),
    /// JSON, shown as it is; an object in exports as JSON lines.
    Json(String),
}

/// How a badge looks. The word says it, the colour repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to see here.
    Plain,
    /// As it should be.
    Good,
    /// Worth a glance.
    Notable,
    /// Something is wrong.
    Bad,
}

impl Tone {
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Notable => "notable",
            Self::Bad => "bad",
        }
    }
}

impl Value {
    /// `text`, or nothing if there is none.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// `at`, or nothing.
    #[must_use]
    pub fn time(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Empty, Self::Time)
    }

    /// As one line of text, for exports and titles.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Link(text, ..) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bytes(bytes) => bytes.to_string(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Time(at) => civil::exact(at),
            Self::Badge(word, _) => (*word).to_owned(),
            Self::Change(before, after) => format!("{before} → {after}"),
            Self::Json(json) => json.clone(),
        }
    }

    /// For the audit log.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Empty => Json::Null,
            Self::Number(number) => (*number).into(),
            Self::Bytes(bytes) => (*bytes).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Json(json) => serde_json::from_str(json).unwrap_or(Json::Null),
            _ => self.plain().into(),
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Bytes(_))
    }

    /// `1.5 KB`: sizes as people compare them.
    pub(crate) fn size(bytes: &u64) -> String {
        match *bytes {
            bytes @ ..1_000 => format!("{bytes} B"),
            bytes @ ..1_000_000 => format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100),
            bytes => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        }
    }
}
