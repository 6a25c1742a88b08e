//! The site: its models, and staff's actions on them with their audit entries.

use std::sync::Arc;

use axum::Router;
use http_kit::TokenSigner;

use crate::audit::ActionResult;
use crate::model::{Model, ModelError, Outcome};
use crate::routes;
use crate::{AuditEntry, AuditLog, Description, Input, Record, Staff};

/// What the site needs to know.
#[derive(Clone)]
pub struct SiteOptions {
    /// Signs the forms' tokens.
    pub signer: TokenSigner,
    /// Where the stylesheets are: `/assets/<version>`.
    pub assets: String,
    /// Where browsers that are not signed in are sent: `/login/`.
    pub sign_in: &'static str,
}

impl std::fmt::Debug for SiteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteOptions").field("assets", &self.assets).finish_non_exhaustive()
    }
}

/// The admin site. Cheap to clone.
#[derive(Clone)]
pub struct Site(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) signer: TokenSigner,
    pub(crate) assets: String,
    pub(crate) sign_in: &'static str,
    pub(crate) audit: AuditLog,
    pub(crate) models: Vec<Arc<dyn Model>>,
}

impl Site {
    /// A site of `models`, in this order, and the audit log last.
    ///
    /// # Panics
    /// If two models have the same slug: a mistake in the program.
    #[must_use]
    pub fn new(options: SiteOptions, audit: AuditLog, mut models: Vec<Arc<dyn Model>>) -> Self {
        models.push(Arc::new(audit.clone()));
        let mut slugs: Vec<_> = models.iter().map(|model| model.description().slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert!(slugs.len() == models.len(), "two models have the same slug");
        let SiteOptions { signer, assets, sign_in } = options;
        Self(Arc::new(Inner { signer, assets, sign_in, audit, models }))
    }

    /// Everything under `/admin`, for [`authenticated`](http_kit::authenticated) routes. Its
    /// pages carry no inline script and no inline style; its forms have a body limit of their
    /// own, [`MAX_FORM`](crate::MAX_FORM).
    pub fn routes(&self) -> Router {
        routes::routes(self)
    }

    pub(crate) fn model(&self, slug: &str) -> Option<Arc<dyn Model>> {
        let named = |model: &&Arc<dyn Model>| model.description().slug == slug;
        self.0.models.iter().find(named).cloned()
    }
}

/// What an action came to, on all that it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: usize,
    /// Name and reason of each that was refused.
    pub(crate) refused: Vec<(String, String)>,
    /// Name of each, and what it brought that is shown once.
    pub(crate) revealed: Vec<(String, Outcome)>,
}

/// A model as one member of staff changes it, with an audit entry for each change. Its methods
/// run in a task of their own: a client that disconnects does not leave half undone.
pub(crate) struct AuditedModel {
    pub(crate) audit: AuditLog,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) staff: Staff,
}

impl AuditedModel {
    fn description(&self) -> &Description {
        self.model.description()
    }

    fn entry(&self, action: &str, before: Option<&Record>) -> AuditEntry {
        AuditEntry {
            account: Some(self.staff.account),
            who: self.staff.name.clone(),
            action: action.to_owned(),
            model: self.description().slug.to_owned(),
            object: before.map(|record| record.id.clone()).unwrap_or_default(),
            name: before.map(|record| record.name.clone()).unwrap_or_default(),
            before: before.map(Record::snapshot),
        }
    }

    /// Does `action` to each of `ids`; what is gone already is left out.
    pub(crate) async fn act(self, action: String, ids: Vec<String>) -> Result<Tally, ModelError> {
        let mut there = Vec::with_capacity(ids.len());
        for id in &ids {
            there.extend(self.model.get(id).await?);
        }
        let entries = there.iter().map(|record| self.entry(&action, Some(record))).collect();
        let entries = self.audit.begin(entries).await?;
        let (mut tally, mut results) = (Tally::default(), Vec::with_capacity(entries.len()));
        for (record, entry) in there.into_iter().zip(entries) {
            let result = self.model.act(&self.staff, &action, &record.id).await;
            results.push((entry, self.result_of(&record.id, result.as_ref().err()).await));
            match result {
                Ok(outcome) => {
                    tally.done += 1;
                    if !outcome.reveal.is_empty() {
                        tally.revealed.push((record.name, outcome));
                    }
                }
                Err(error) => tally.refused.push((record.name, sentence(&error))),
            }
        }
        self.audit.complete(results).await?;
        Ok(tally)
    }

    /// Adds one.
    pub(crate) async fn create(self, input: Input) -> Result<(String, Outcome), ModelError> {
        let entry = self.begin("create", None).await?;
        let result = self.model.create(&self.staff, &input).await;
        let id = result.as_ref().map(|(id, _)| id.clone()).unwrap_or_default();
        let outcome = match self.result_of(&id, result.as_ref().err()).await {
            ActionResult::Done(made) => ActionResult::Created(made),
            outcome => outcome,
        };
        self.audit.complete(vec![(entry, outcome)]).await?;
        result
    }

    /// Changes one.
    pub(crate) async fn update(self, before: Record, input: Input) -> Result<(), ModelError> {
        let entry = self.begin("update", Some(&before)).await?;
        let result = self.model.update(&self.staff, &before.id, &input).await;
        let outcome = self.result_of(&before.id, result.as_ref().err()).await;
        self.audit.complete(vec![(entry, outcome)]).await?;
        result
    }

    async fn begin(&self, action: &str, before: Option<&Record>) -> Result<i64, ModelError> {
        let entries = self.audit.begin(vec![self.entry(action, before)]).await?;
        entries.first().copied().ok_or_else(|| ModelError::Failed("no entry".to_owned()))
    }

    async fn result_of(&self, id: &str, error: Option<&ModelError>) -> ActionResult {
        match error {
            None => {
                let after = self.model.get(id).await.ok().flatten();
                ActionResult::Done(after.map(Box::new))
            }
            Some(ModelError::Failed(cause)) => {
                tracing::error!(%cause, model = self.description().slug, "an action failed");
                ActionResult::Failed
            }
            Some(error) => ActionResult::Refused(sentence(error)),
        }
    }
}

/// The sentence that a member of staff is shown for `error`.
pub(crate) fn sentence(error: &ModelError) -> String {
    match error {
        ModelError::NotFound => "It is not there any more.".to_owned(),
        ModelError::Invalid(errors) => {
            errors.iter().map(|error| error.text.as_str()).collect::<Vec<_>>().join(" ")
        }
        ModelError::Refused(reason) => reason.clone(),
        ModelError::Failed(_) => "Something went wrong on the server.".to_owned(),
    }
}
