//! One object: its page, its form, its history, and adding a new one.

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, Uri};

use super::{Desk, Halt, placed, to_the_end};
use crate::form::Sealed;
use crate::model::{Model, ModelError};
use crate::query::Asked;
use crate::{Description, Field, FieldError, Input, Record, views};

type Placed = Result<Path<(String, String)>, PathRejection>;

/// `GET /admin/{model}/{id}`.
pub(crate) async fn show(desk: Desk, path: Placed, uri: Uri) -> Result<Response, Halt> {
    let (model, record) = found(&desk, path).await?;
    let saved = !Asked::parse(uri.query()).value("done").is_empty();
    let fields = record.fields.clone();
    page(&desk, model.description(), &record, &fields, &[], saved)
}

/// `POST /admin/{model}/{id}`: changes it.
pub(crate) async fn update(desk: Desk, path: Placed, form: Sealed) -> Result<Response, Halt> {
    let (model, record) = found(&desk, path).await?;
    let description = model.description();
    if !description.edit {
        return Err(Halt::NotFound);
    }
    let (input, errors) = form.input(editable(description));
    let result = if errors.is_empty() {
        let work = desk.work(model.clone());
        to_the_end(work.update(record.clone(), input.clone())).await
    } else {
        Err(ModelError::Invalid(errors))
    };
    match refusals(result)? {
        Ok(()) => {
            let address = format!("/admin/{}/{}?done=saved", description.slug, record.id);
            Ok(Redirect::to(&address).into_response())
        }
        Err(errors) => {
            let mut response = page(&desk, description, &record, &input.pairs(), &errors, false)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// `GET /admin/{model}/{id}/history`.
pub(crate) async fn history(desk: Desk, path: Placed) -> Result<Response, Halt> {
    let (slug, id) = placed(path)?;
    let model = desk.model(&slug)?;
    let description = model.description();
    let rows = desk.site.0.audit.history(description.slug, &id).await;
    let rows = rows.map_err(Halt::failed)?;
    let record = model.get(&id).await?;
    // What is gone has a history still; what never was has none.
    if record.is_none() && rows.is_empty() {
        return Err(Halt::NotFound);
    }
    let name = record.map_or_else(|| format!("{} {id}", description.singular), |it| it.name);
    let chrome = desk.chrome(format!("History of {name}"), description.slug);
    views::history(chrome, description, &id, &rows)
}

/// `GET /admin/{model}/add`.
pub(crate) async fn add(
    desk: Desk,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Halt> {
    let model = creatable(&desk, path)?;
    blank(&desk, model.description(), &Input::default(), &[])
}

/// `POST /admin/{model}/add`.
pub(crate) async fn create(
    desk: Desk,
    path: Result<Path<String>, PathRejection>,
    form: Sealed,
) -> Result<Response, Halt> {
    let model = creatable(&desk, path)?;
    let description = model.description();
    let (input, errors) = form.input(description.fields.iter().filter(|field| field.create));
    let result = if errors.is_empty() {
        to_the_end(desk.work(model.clone()).create(input.clone())).await
    } else {
        Err(ModelError::Invalid(errors))
    };
    match refusals(result)? {
        Ok((id, outcome)) => {
            let address = format!("/admin/{}/{id}", description.slug);
            if outcome.reveal.is_empty() {
                return Ok(Redirect::to(&format!("{address}?done=saved")).into_response());
            }
            let name = model.get(&id).await?.map_or(id, |record| record.name);
            let chrome = desk.chrome("Added", description.slug);
            let tally = crate::site::Tally {
                done: 1,
                revealed: vec![(name, outcome)],
                ..Default::default()
            };
            views::result(chrome, "Added", description, tally, &address)
        }
        Err(errors) => {
            let mut response = blank(&desk, description, &input, &errors)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

async fn found(desk: &Desk, path: Placed) -> Result<(Arc<dyn Model>, Record), Halt> {
    let (slug, id) = placed(path)?;
    let model = desk.model(&slug)?;
    let record = model.get(&id).await?.ok_or(Halt::NotFound)?;
    Ok((model, record))
}

fn creatable(
    desk: &Desk,
    path: Result<Path<String>, PathRejection>,
) -> Result<Arc<dyn Model>, Halt> {
    let model = desk.model(&placed(path)?)?;
    if model.description().create { Ok(model) } else { Err(Halt::NotFound) }
}

fn editable(description: &Description) -> impl Iterator<Item = &Field> {
    description.fields.iter().filter(|field| field.edit)
}

/// What belongs beside the form's fields, apart from what stops the request.
fn refusals<T>(result: Result<T, ModelError>) -> Result<Result<T, Vec<FieldError>>, Halt> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(ModelError::Invalid(errors)) => Ok(Err(errors)),
        Err(ModelError::Refused(reason)) => Ok(Err(vec![FieldError::new("", reason)])),
        Err(error) => Err(error.into()),
    }
}

fn page(
    desk: &Desk,
    description: &Description,
    record: &Record,
    values: &[(&'static str, String)],
    errors: &[FieldError],
    saved: bool,
) -> Result<Response, Halt> {
    let fields = description.edit.then(|| editable(description)).into_iter().flatten();
    let form = views::form(fields, values, errors);
    let chrome = desk.chrome(record.name.clone(), description.slug);
    views::object(chrome, description, record, form, saved)
}

fn blank(
    desk: &Desk,
    description: &Description,
    input: &Input,
    errors: &[FieldError],
) -> Result<Response, Halt> {
    let fields = description.fields.iter().filter(|field| field.create);
    let form = views::form(fields, &input.pairs(), errors);
    let chrome = desk.chrome(format!("Add {}", description.singular), description.slug);
    views::add(chrome, description, form)
}
