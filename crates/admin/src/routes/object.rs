//! One object: its page, its form, its history, and adding a new one.

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, Uri};

use super::{AdminError, StaffContext, path_params, run_to_completion};
use crate::form::SignedForm;
use crate::model::{Model, ModelError};
use crate::query::ListParams;
use crate::{Description, Field, FieldError, Input, Record, views};

type PathParams = Result<Path<(String, String)>, PathRejection>;

/// A model's slug and an object's id. None has a control character in it, and there are
/// databases that cannot even be asked for one.
fn object_params(path: PathParams) -> Result<(String, String), AdminError> {
    let (slug, id) = path_params(path)?;
    if id.contains(char::is_control) { Err(AdminError::NotFound) } else { Ok((slug, id)) }
}

/// `GET /admin/{model}/{id}`.
pub(crate) async fn show(
    context: StaffContext,
    path: PathParams,
    uri: Uri,
) -> Result<Response, AdminError> {
    let (model, record) = found(&context, path).await?;
    let saved = !ListParams::parse(uri.query()).value("done").is_empty();
    let fields = record.fields.clone();
    page(&context, model.description(), &record, &fields, &[], saved)
}

/// `POST /admin/{model}/{id}`: changes it.
pub(crate) async fn update(
    context: StaffContext,
    path: PathParams,
    form: SignedForm,
) -> Result<Response, AdminError> {
    let (model, record) = found(&context, path).await?;
    let description = model.description();
    if !description.edit {
        return Err(AdminError::NotFound);
    }
    let (input, errors) = form.input(editable(description));
    let result = if errors.is_empty() {
        let audited = context.audited(model.clone());
        run_to_completion(audited.update(record.clone(), input.clone())).await
    } else {
        Err(ModelError::Invalid(errors))
    };
    match field_errors(result)? {
        Ok(()) => {
            let address = format!("/admin/{}/{}?done=saved", description.slug, record.id);
            Ok(Redirect::to(&address).into_response())
        }
        Err(errors) => {
            let mut response =
                page(&context, description, &record, &input.pairs(), &errors, false)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// `GET /admin/{model}/{id}/history`.
pub(crate) async fn history(
    context: StaffContext,
    path: PathParams,
) -> Result<Response, AdminError> {
    let (slug, id) = object_params(path)?;
    let model = context.model(&slug)?;
    let description = model.description();
    let rows = context.site.0.audit.history(description.slug, &id).await;
    let rows = rows.map_err(AdminError::failed)?;
    let record = model.get(&id).await?;
    // What is gone has a history still; what never was has none.
    if record.is_none() && rows.is_empty() {
        return Err(AdminError::NotFound);
    }
    let name = record.map_or_else(|| format!("{} {id}", description.singular), |it| it.name);
    let chrome = context.chrome(format!("History of {name}"), description.slug);
    views::history(chrome, description, &id, &rows)
}

/// `GET /admin/{model}/add`.
pub(crate) async fn add(
    context: StaffContext,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, AdminError> {
    let model = creatable(&context, path)?;
    blank(&context, model.description(), &Input::default(), &[])
}

/// `POST /admin/{model}/add`.
pub(crate) async fn create(
    context: StaffContext,
    path: Result<Path<String>, PathRejection>,
    form: SignedForm,
) -> Result<Response, AdminError> {
    let model = creatable(&context, path)?;
    let description = model.description();
    let (input, errors) = form.input(description.fields.iter().filter(|field| field.create));
    let result = if errors.is_empty() {
        run_to_completion(context.audited(model.clone()).create(input.clone())).await
    } else {
        Err(ModelError::Invalid(errors))
    };
    match field_errors(result)? {
        Ok((id, outcome)) => {
            let address = format!("/admin/{}/{id}", description.slug);
            if outcome.reveal.is_empty() {
                return Ok(Redirect::to(&format!("{address}?done=saved")).into_response());
            }
            let name = model.get(&id).await?.map_or(id, |record| record.name);
            let chrome = context.chrome("Added", description.slug);
            let tally = crate::site::Tally {
                done: 1,
                revealed: vec![(name, outcome)],
                ..Default::default()
            };
            views::result(chrome, "Added", description, tally, &address)
        }
        Err(errors) => {
            let mut response = blank(&context, description, &input, &errors)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

async fn found(
    context: &StaffContext,
    path: PathParams,
) -> Result<(Arc<dyn Model>, Record), AdminError> {
    let (slug, id) = object_params(path)?;
    let model = context.model(&slug)?;
    let record = model.get(&id).await?.ok_or(AdminError::NotFound)?;
    Ok((model, record))
}

fn creatable(
    context: &StaffContext,
    path: Result<Path<String>, PathRejection>,
) -> Result<Arc<dyn Model>, AdminError> {
    let model = context.model(&path_params(path)?)?;
    if model.description().create { Ok(model) } else { Err(AdminError::NotFound) }
}

fn editable(description: &Description) -> impl Iterator<Item = &Field> {
    description.fields.iter().filter(|field| field.edit)
}

/// Separates errors that are shown beside the form's fields from those that end the request.
fn field_errors<T>(
    result: Result<T, ModelError>,
) -> Result<Result<T, Vec<FieldError>>, AdminError> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(ModelError::Invalid(errors)) => Ok(Err(errors)),
        Err(ModelError::Refused(reason)) => Ok(Err(vec![FieldError::new("", reason)])),
        Err(error) => Err(error.into()),
    }
}

fn page(
    context: &StaffContext,
    description: &Description,
    record: &Record,
    values: &[(&'static str, String)],
    errors: &[FieldError],
    saved: bool,
) -> Result<Response, AdminError> {
    let fields = description.edit.then(|| editable(description)).into_iter().flatten();
    let form = views::form(fields, values, errors);
    let chrome = context.chrome(record.name.clone(), description.slug);
    views::object(chrome, description, record, form, saved)
}

fn blank(
    context: &StaffContext,
    description: &Description,
    input: &Input,
    errors: &[FieldError],
) -> Result<Response, AdminError> {
    let fields = description.fields.iter().filter(|field| field.create);
    let form = views::form(fields, &input.pairs(), errors);
    let chrome = context.chrome(format!("Add {}", description.singular), description.slug);
    views::add(chrome, description, form)
}
