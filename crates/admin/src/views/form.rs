//! The fields of a form, with what was typed and what is wrong with it.

use crate::{Field, FieldError, FieldKind};

/// A form, ready to be shown.
pub(crate) struct FormView {
    pub(super) fields: Vec<FieldView>,
    /// Errors of the form as a whole.
    pub(super) errors: Vec<String>,
    /// How many fields have errors.
    pub(super) wrong: usize,
}

pub(super) struct FieldView {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: &'static str,
    pub(super) required: bool,
    pub(super) value: String,
    pub(super) max: usize,
    pub(super) options: Vec<(&'static str, &'static str, bool)>,
    pub(super) error: String,
    /// `aria-describedby`.
    pub(super) described: String,
}

pub(crate) fn form<'a>(
    fields: impl Iterator<Item = &'a Field>,
    values: &[(&'static str, String)],
    errors: &[FieldError],
) -> FormView {
    let mut shown: Vec<FieldView> = fields.map(|field| field_view(field, values)).collect();
    let mut rest = Vec::new();
    for error in errors {
        match shown.iter_mut().find(|field| field.name == error.field) {
            Some(field) => field.error.clone_from(&error.text),
            None => rest.push(error.text.clone()),
        }
    }
    for field in &mut shown {
        let error = (!field.error.is_empty()).then(|| format!("{}-error", field.name));
        let help = (!field.help.is_empty()).then(|| format!("{}-help", field.name));
        field.described = error.into_iter().chain(help).collect::<Vec<_>>().join(" ");
    }
    let wrong = shown.iter().filter(|field| !field.error.is_empty()).count();
    FormView { fields: shown, errors: rest, wrong }
}

fn field_view(field: &Field, values: &[(&'static str, String)]) -> FieldView {
    let value = values.iter().find(|(name, _)| *name == field.name);
    let value = value.map(|(_, value)| value.clone()).unwrap_or_default();
    let (kind, max, options) = match &field.kind {
        FieldKind::Text(max) => ("text", *max, Vec::new()),
        FieldKind::Multiline(max) => ("multiline", *max, Vec::new()),
        FieldKind::Email => ("email", 254, Vec::new()),
        FieldKind::Flag => ("flag", 0, Vec::new()),
        FieldKind::Choice(choices) => {
            let choice = |(it, label): &(&'static str, &'static str)| (*it, *label, *it == value);
            ("choice", 0, choices.iter().map(choice).collect())
        }
    };
    FieldView {
        name: field.name,
        label: field.label,
        help: field.help,
        required: field.required,
        error: String::new(),
        described: String::new(),
        kind,
        value,
        max,
        options,
    }
}
