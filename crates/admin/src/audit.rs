//! The audit log: who did what, when, and what it changed.
//!
//! Invariants: an entry is on record as `begun` before the action is carried out, and
//! is completed afterwards with whether it was `done`, `refused` or `failed`; one that stays `begun` was
//! cut off by a crash. Ids rise with time, also across restarts and servers. Nothing is ever
//! changed or removed besides that one step.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{AccountId, Clock, Timestamp};
use serde_json::Value as Json;
use storage::{Database, StorageError};

use crate::model::{Answer, Model, ModelError, Page, Record};
use crate::store::{self, entity};
use crate::{Column, Description, Filter, FilterKind, Query, Tone, Value};

/// The log's own slug.
pub(crate) const SLUG: &str = "audit";

/// Characters of an object's or a person's name that are kept.
const MAX_NAME: usize = 200;

/// Characters of a reason that are kept.
const MAX_REASON: usize = 300;

/// The largest before or after that is kept, in bytes of JSON; a larger one is only
/// noted.
const MAX_SNAPSHOT: usize = 16 * 1024;

/// Rows of one step of an export.
const EXPORT_STEP: u64 = 500;

/// Entries that an object's history shows.
const HISTORY: u64 = 100;

/// One action of an administrator, before its result is known.
#[derive(Clone, Debug, Default)]
pub struct AuditEntry {
    /// The account acting; `None`: the operator, at the command line.
    pub account: Option<AccountId>,
    /// Its name.
    pub who: String,
    /// The action's slug.
    pub action: String,
    /// The model's slug.
    pub model: String,
    /// The object's id; empty if it has none yet.
    pub object: String,
    /// The object's name.
    pub name: String,
    /// How it was before, without secrets.
    pub before: Option<Json>,
}

/// How an action ended.
#[derive(Clone, Debug)]
pub(crate) enum ActionResult {
    /// And how the object is now; `None` if it is gone.
    Done(Option<Box<Record>>),
    /// The same, of what was not there before.
    Created(Option<Box<Record>>),
    Refused(String),
    Failed,
}

/// The log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Database,
    clock: Arc<dyn Clock>,
    description: Description,
}

impl AuditLog {
    /// On a database that has [`migrations`](crate::migrations) applied.
    #[must_use]
    pub fn new(db: Database, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { db, clock, description: description() }))
    }

    /// Records what was done in one step, for actions outside of the site.
    ///
    /// # Errors
    /// If the database fails; nothing is on record then.
    pub async fn record(&self, entry: AuditEntry, after: Option<Json>) -> Result<(), StorageError> {
        let at = self.0.clock.now();
        let mut row = row(at, entry);
        "done".clone_into(&mut row.outcome);
        row.after_json = after.and_then(snapshot);
        store::add(&self.0.db, first_id(at), vec![row]).await.map(drop)
    }

    /// Records what is about to be done: all of it, or nothing. Comes back with the
    /// entries' ids.
    pub(crate) async fn begin(&self, entries: Vec<AuditEntry>) -> Result<Vec<i64>, StorageError> {
        let at = self.0.clock.now();
        let rows = entries.into_iter().map(|entry| row(at, entry)).collect();
        let rows = store::add(&self.0.db, first_id(at), rows).await?;
        for row in &rows {
            let entity::Model { id, account_id, action, model, object_id, .. } = row;
            tracing::info!(
                entry = id,
                account = account_id,
                action,
                model,
                object = object_id,
                "admin action"
            );
        }
        Ok(rows.iter().map(|row| row.id).collect())
    }

    /// Records how actions ended.
    pub(crate) async fn complete(
        &self,
        result: Vec<(i64, ActionResult)>,
    ) -> Result<(), StorageError> {
        let transaction = self.0.db.begin_write().await?;
        for (id, result) in result {
            let mut row = store::Completion { id, outcome: "done", ..Default::default() };
            match result {
                ActionResult::Done(None) | ActionResult::Created(None) => {}
                ActionResult::Done(Some(after)) => row.after = snapshot(after.snapshot()),
                ActionResult::Created(Some(made)) => {
                    row.after = snapshot(made.snapshot());
                    row.object = Some((cut(&made.id, 64), cut(&made.name, MAX_NAME)));
                }
                ActionResult::Refused(reason) => {
                    row.outcome = "refused";
                    row.reason = Some(cut(&reason, MAX_REASON));
                }
                ActionResult::Failed => row.outcome = "failed",
            }
            store::complete(transaction.connection(), row).await?;
        }
        transaction.commit().await
    }

    /// What was done to one object, the newest first.
    pub(crate) async fn history(&self, model: &str, id: &str) -> Result<Vec<Record>, StorageError> {
        let rows = store::history(&self.0.db, model, id, HISTORY).await?;
        Ok(rows.iter().map(record).collect())
    }
}

impl Model for AuditLog {
    fn description(&self) -> &Description {
        &self.0.description
    }

    fn page<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(async move {
            let (rows, total) = store::page(&self.0.db, query).await?;
            Ok(Page { rows: rows.iter().map(record).collect(), total, note: String::new() })
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(async move {
            let Ok(id) = id.parse() else { return Ok(None) };
            Ok(store::get(&self.0.db, id).await?.as_ref().map(detailed))
        })
    }

    fn export<'a>(&'a self, query: &'a Query, after: Option<&'a str>) -> Answer<'a, Vec<Record>> {
        Box::pin(async move {
            let after = after.map_or(Ok(0), str::parse).map_err(|_| ModelError::NotFound)?;
            let rows = store::after(&self.0.db, query, after, EXPORT_STEP).await?;
            Ok(rows.iter().map(exported).collect())
        })
    }
}

fn description() -> Description {
    let outcomes =
        vec![("done", "Done"), ("refused", "Refused"), ("failed", "Failed"), ("begun", "Cut off")];
    Description {
        about: "What was done on this site: by whom, when, and what it changed.",
        columns: vec![
            Column::new("at", "When").sortable(),
            Column::new("who", "Who"),
            Column::new("action", "Action"),
            Column::new("model", "On"),
            Column::new("name", "Object"),
            Column::new("outcome", "Outcome"),
        ],
        search: Some("who, object or action"),
        filters: vec![
            Filter::new("at", "Day", FilterKind::Days),
            Filter::new("outcome", "Outcome", FilterKind::Choice(outcomes)),
            Filter::new("who", "Who", FilterKind::Exactly),
            Filter::new("model", "Model", FilterKind::Exactly),
            Filter::new("action", "Action", FilterKind::Exactly),
        ],
        export: true,
        ..Description::new(SLUG, "audit log entry", "audit log")
    }
}

/// An entry that has no id yet.
fn row(at: Timestamp, entry: AuditEntry) -> entity::Model {
    entity::Model {
        id: 0,
        at: at.0,
        account_id: entry.account.map(|account| account.0),
        who: cut(&entry.who, MAX_NAME),
        action: cut(&entry.action, 64),
        model: cut(&entry.model, 64),
        object_id: cut(&entry.object, 64),
        name: cut(&entry.name, MAX_NAME),
        outcome: "begun".to_owned(),
        reason: None,
        before_json: entry.before.and_then(snapshot),
        after_json: None,
    }
}

/// The least id of an entry made `at` this time. Ids tell the time: milliseconds with ten
/// bits below for a thousand entries in each, exact in JavaScript until the year 2255.
fn first_id(at: Timestamp) -> i64 {
    at.0.saturating_mul(1_024)
}

fn record(row: &entity::Model) -> Record {
    Record {
        id: row.id.to_string(),
        name: format!("{} {} {}", row.who, row.action, row.name),
        cells: vec![
            Value::Time(Timestamp(row.at)),
            Value::text(&row.who),
            Value::text(&row.action),
            Value::text(&row.model),
            Value::text(&row.name),
            outcome(&row.outcome),
        ],
        details: Vec::new(),
        fields: Vec::new(),
    }
}

fn outcome(text: &str) -> Value {
    match text {
        "done" => Value::Badge("done", Tone::Good),
        "refused" => Value::Badge("refused", Tone::Notable),
        "failed" => Value::Badge("failed", Tone::Bad),
        _ => Value::Badge("begun", Tone::Notable),
    }
}

fn detailed(row: &entity::Model) -> Record {
    let mut record = record(row);
    let links = row.object_id.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    record.details = vec![
        ("When".into(), Value::Time(Timestamp(row.at))),
        ("Who".into(), Value::text(&row.who)),
        ("Account".into(), row.account_id.map_or(Value::Empty, Value::Number)),
        ("Action".into(), Value::text(&row.action)),
        ("Model".into(), Value::text(&row.model)),
        ("Object".into(), Value::text(&row.name)),
        ("Object id".into(), Value::text(if links { &row.object_id } else { "" })),
        ("Outcome".into(), outcome(&row.outcome)),
        ("Reason".into(), Value::text(row.reason.as_deref().unwrap_or_default())),
    ];
    let (before, after) = (parsed(&row.before_json), parsed(&row.after_json));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (before, after) = (plain_text(before.get(name)), plain_text(after.get(name)));
        let value =
            if before == after { Value::text(before) } else { Value::Change(before, after) };
        record.details.push((name.clone().into(), value));
    }
    record
}

/// With everything, for exports: names and values, in this order.
fn exported(row: &entity::Model) -> Record {
    let mut record = record(row);
    record.details = vec![
        ("id".into(), Value::Number(row.id)),
        ("at".into(), Value::Time(Timestamp(row.at))),
        ("account".into(), row.account_id.map_or(Value::Empty, Value::Number)),
        ("who".into(), Value::text(&row.who)),
        ("action".into(), Value::text(&row.action)),
        ("model".into(), Value::text(&row.model)),
        ("object".into(), Value::text(&row.object_id)),
        ("name".into(), Value::text(&row.name)),
        ("outcome".into(), Value::text(&row.outcome)),
        ("reason".into(), Value::text(row.reason.as_deref().unwrap_or_default())),
        ("before".into(), Value::Json(row.before_json.clone().unwrap_or_default())),
        ("after".into(), Value::Json(row.after_json.clone().unwrap_or_default())),
    ];
    record
}

fn parsed(json: &Option<String>) -> BTreeMap<String, Json> {
    json.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

fn plain_text(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn snapshot(json: Json) -> Option<String> {
    let text = json.to_string();
    Some(if text.len() <= MAX_SNAPSHOT { text } else { r#"{"too large to keep":true}"#.to_owned() })
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
