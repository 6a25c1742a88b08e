//! `POST /admin/{model}`: an action on one or many, params for twice where it matters.

use std::collections::HashSet;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Redirect, Response};

use super::list::capital;
use super::{AdminError, StaffContext, path_params, run_to_completion};
use crate::form::SignedForm;
use crate::model::Model;
use crate::query::ListParams;
use crate::{COUNT_CAP, MAX_SELECTED, Needs, views};

/// How the form says that everything that the list holds is meant, on all pages.
const ALL: &str = "all";

/// Asks, or does it. The form carries the list's own address, so that the way back
/// leads there.
pub(crate) async fn act(
    context: StaffContext,
    path: Result<Path<String>, PathRejection>,
    form: SignedForm,
) -> Result<Response, AdminError> {
    let model = context.model(&path_params(path)?)?;
    let description = model.description();
    let action = description.action(form.value("action")).ok_or(AdminError::NotFound)?.clone();
    let params = ListParams::parse(Some(form.value("list")));
    let ids = selected(model.as_ref(), &form, &params).await?;
    if ids.is_empty() {
        let nothing = "Nothing was selected. Tick what the action is meant for, then try again.";
        return Err(AdminError::Refused(nothing.to_owned()));
    }
    let title = || format!("{} {}", action.label, description.plural);
    let chrome = context.chrome(title(), description.slug);
    if action.needs != Needs::Nothing && form.value("confirmed").is_empty() {
        let consequences = model.consequences(action.slug, &ids).await?;
        let mut names = Vec::new();
        for id in ids.iter().take(views::NAMED) {
            names.extend(model.get(id).await?.map(|record| record.name));
        }
        let list = form.value("list");
        return views::confirm(chrome, description, &action, &ids, names, consequences, list);
    }
    let back = params.address(&format!("/admin/{}", description.slug), &[]);
    let audited = context.audited(model.clone());
    let tally = run_to_completion(audited.act(action.slug.to_owned(), ids)).await?;
    if tally.refused.is_empty() && tally.revealed.is_empty() {
        let done = format!("{}:{}", action.slug, tally.done);
        let join = if back.contains('?') { '&' } else { '?' };
        return Ok(Redirect::to(&format!("{back}{join}done={done}")).into_response());
    }
    views::result(chrome, &capital(action.label), description, tally, &back)
}

/// The ids that the form means: those that were ticked, or everything on the list.
async fn selected(
    model: &dyn Model,
    form: &SignedForm,
    params: &ListParams,
) -> Result<Vec<String>, AdminError> {
    let too_many = || {
        let reason = format!("At most {MAX_SELECTED} at once: narrow the list first.");
        AdminError::Refused(reason)
    };
    let mut ids = form.values("id");
    if form.value(ALL).is_empty() {
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        return if ids.len() > MAX_SELECTED { Err(too_many()) } else { Ok(ids) };
    }
    ids.clear();
    let mut query = params.query(model.description());
    query.offset = 0;
    query.limit = 100;
    while query.offset < COUNT_CAP {
        let page = model.page(&query).await?;
        let last = (page.rows.len() as u64) < query.limit;
        ids.extend(page.rows.into_iter().map(|record| record.id));
        if ids.len() > MAX_SELECTED {
            return Err(too_many());
        }
        if last {
            break;
        }
        query.offset += query.limit;
    }
    Ok(ids)
}
