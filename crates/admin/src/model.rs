//! What a capability answers about what it has.

use std::borrow::Cow;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value as Json};
use storage::StorageError;

use crate::{COUNT_CAP, Description, Input, Query, Staff, Value};

/// What the questions of [`Model`] come back with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ModelError>> + Send + 'a>>;

/// A model: its description, and the questions behind its screens. The engine asks only
/// for what the description offers; the rest may be left as it is.
///
/// Ids are `[A-Za-z0-9_.-]{1,64}`, and stay the same.
pub trait Model: Send + Sync {
    /// What it looks like.
    fn description(&self) -> &Description;

    /// The rows that `query` asks for, and how many there are.
    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page>;

    /// One object with its details; `None` if there is none.
    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>>;

    /// Adds one; comes back with its id.
    fn create<'a>(&'a self, _by: &'a Staff, _input: &'a Input) -> Answer<'a, Created> {
        Box::pin(async { Err(ModelError::NotFound) })
    }

    /// Changes the editable fields of one.
    fn update<'a>(&'a self, _by: &'a Staff, _id: &'a str, _input: &'a Input) -> Answer<'a, ()> {
        Box::pin(async { Err(ModelError::NotFound) })
    }

    /// What else `action` on `ids` would touch: told before, on the confirmation page.
    fn consequences<'a>(
        &'a self,
        _action: &'a str,
        _ids: &'a [String],
    ) -> Answer<'a, Vec<Consequence>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Does `action` to one. An object that is gone, or needs it no more, is
    /// [`ModelError::NotFound`] or [`ModelError::Refused`]; the others go on.
    fn act<'a>(&'a self, _by: &'a Staff, _action: &'a str, _id: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async { Err(ModelError::NotFound) })
    }

    /// The next rows (at most 500) of an export, in the order of ids, after the one
    /// with id `after`; none at the end.
    fn export<'a>(&'a self, _query: &'a Query, _after: Option<&'a str>) -> Answer<'a, Vec<Record>> {
        Box::pin(async { Err(ModelError::NotFound) })
    }
}

/// What [`Model::create`] comes back with: the new id, and what is shown once.
pub type Created = (String, Outcome);

/// An object as the site shows it. Holds no secret: it is shown, logged and exported.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its name, as a person would call it.
    pub name: String,
    /// A cell for each column of the description.
    pub cells: Vec<Value>,
    /// What its page says beyond the form: label and value. Empty in lists.
    pub details: Vec<(Cow<'static, str>, Value)>,
    /// What the editable fields hold: name and value ("on" for a set flag). Empty in lists.
    pub fields: Vec<(&'static str, String)>,
}

impl Record {
    /// What the audit log keeps of it.
    pub(crate) fn snapshot(&self) -> Json {
        let details = self.details.iter().map(|(label, value)| (label.to_string(), value.json()));
        let fields =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), Json::from(value.clone())));
        Json::Object(details.chain(fields).collect::<Map<_, _>>())
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// At most [`Query::limit`].
    pub rows: Vec<Record>,
    /// How many there are on all pages.
    pub total: Count,
    /// A sentence about what was left out, such as how far back a search looked; may
    /// be empty.
    pub note: String,
}

impl Page {
    /// The page that `query` asks for of objects that are all in memory, which are sorted in
    /// the order asked for, the smallest first. Without an order: the largest first.
    #[must_use]
    pub fn of_sorted<T>(all: Vec<T>, query: &Query, record: impl Fn(&T) -> Record) -> Self {
        let total = Count::of(all.len() as u64);
        let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let take = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let rows = match query.sort {
            Some(sort) if !sort.descending => {
                all.iter().skip(skip).take(take).map(record).collect()
            }
            _ => all.iter().rev().skip(skip).take(take).map(record).collect(),
        };
        Self { rows, total, note: String::new() }
    }
}

/// How many there are. Counting goes no further than [`COUNT_CAP`]: a page must not
/// take longer because the table is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// This many.
    pub value: u64,
    /// Or more.
    pub capped: bool,
}

impl Count {
    /// Of `counted` rows, where no more than [`COUNT_CAP`] + 1 were looked at.
    #[must_use]
    pub fn of(counted: u64) -> Self {
        Self { value: counted.min(COUNT_CAP), capped: counted > COUNT_CAP }
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { value, capped } = self;
        if *capped { write!(f, "more than {value}") } else { value.fmt(f) }
    }
}

/// Something an action touches besides the objects themselves.
#[derive(Clone, Debug)]
pub struct Consequence {
    /// How many.
    pub count: u64,
    /// Of what: "sessions and tokens end".
    pub what: &'static str,
}

/// What an action came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What only the admin who asked may see, once: a reset link, an access key.
    pub reveal: Vec<Revealed>,
}

/// A secret, shown once and kept nowhere.
#[derive(Clone)]
pub struct Revealed {
    /// What it is: "Link to set a new password".
    pub label: String,
    /// The secret itself.
    pub secret: String,
}

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Revealed({}, hidden)", self.label)
    }
}

/// Something wrong with one field, or with the form as a whole if `field` is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: Cow<'static, str>,
    /// One sentence.
    pub text: String,
}

impl FieldError {
    /// `text` about `field`.
    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field: field.into(), text: text.into() }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no such object, or no such thing can be done.
    #[error("not found")]
    NotFound,
    /// The form's fault: shown beside its fields.
    #[error("the form was not accepted")]
    Invalid(Vec<FieldError>),
    /// Not now, or not to this one; one sentence why.
    #[error("{0}")]
    Refused(String),
    /// The server's fault; for the log.
    #[error("{0}")]
    Failed(String),
}

impl From<StorageError> for ModelError {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.to_string())
    }
}
