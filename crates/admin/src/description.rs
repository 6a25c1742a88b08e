//! What a model looks like: the one description from which all of its screens are made.

/// A model as the site shows it. Built by its capability, once; see the fields.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// In addresses and in the audit log; lower-case letters and `-`. Never changes.
    pub slug: &'static str,
    /// One of it: "account".
    pub singular: &'static str,
    /// Many of it: "accounts".
    pub plural: &'static str,
    /// One sentence for the overview.
    pub about: &'static str,
    /// What a list shows of each; the first is the link to its page.
    pub columns: Vec<Column>,
    /// What the search looks at, as a person reads it: "text"; `None`: no search.
    pub search: Option<&'static str>,
    /// What a list can be narrowed by.
    pub filters: Vec<Filter>,
    /// What can be done to one or many.
    pub actions: Vec<Action>,
    /// What is asked when adding and editing.
    pub fields: Vec<Field>,
    /// New ones can be added here.
    pub create: bool,
    /// The editable fields can be changed here.
    pub edit: bool,
    /// The list can be exported as CSV and JSON lines ([`Model::export`](crate::Model::export)).
    pub export: bool,
}

impl Description {
    /// A model that can be looked at and nothing else; the fields say the rest.
    #[must_use]
    pub fn new(slug: &'static str, singular: &'static str, plural: &'static str) -> Self {
        Self { slug, singular, plural, ..Self::default() }
    }

    /// The action called `slug`.
    #[must_use]
    pub fn action(&self, slug: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.slug == slug)
    }
}

/// A column of the list; its cells come in the same order ([`Record::cells`](crate::Record)).
#[derive(Clone, Debug)]
pub struct Column {
    /// In addresses (`sort=name`).
    pub name: &'static str,
    /// Its heading.
    pub label: &'static str,
    /// Whether the model can sort by it.
    pub sortable: bool,
}

impl Column {
    /// A column that cannot be sorted by.
    #[must_use]
    pub fn new(name: &'static str, label: &'static str) -> Self {
        Self { name, label, sortable: false }
    }

    /// The same, sortable.
    #[must_use]
    pub fn sortable(self) -> Self {
        Self { sortable: true, ..self }
    }
}

/// Something a list can be narrowed by.
#[derive(Clone, Debug)]
pub struct Filter {
    /// In addresses (`f_name=value`).
    pub name: &'static str,
    /// As a person reads it.
    pub label: &'static str,
    /// What can be chosen.
    pub kind: FilterKind,
}

impl Filter {
    /// A filter.
    #[must_use]
    pub fn new(name: &'static str, label: &'static str, kind: FilterKind) -> Self {
        Self { name, label, kind }
    }
}

/// The kinds of filters.
#[derive(Clone, Debug)]
pub enum FilterKind {
    /// One of these: value and label.
    Choice(Vec<(&'static str, &'static str)>),
    /// Yes or no.
    Flag,
    /// Exactly this text.
    Exactly,
    /// From one day to another, both included, in UTC.
    Days,
}

/// Something that can be done to one or many.
#[derive(Clone, Debug)]
pub struct Action {
    /// In forms and in the audit log. Never changes.
    pub slug: &'static str,
    /// What the button says: "Deactivate".
    pub label: &'static str,
    /// What it means, one sentence, for the confirmation page.
    pub about: &'static str,
    /// Whether it asks before.
    pub needs: Needs,
}

/// How sure one must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// It is done at once.
    Nothing,
    /// A page counts what is affected and asks.
    Confirmation,
    /// The same, for what cannot be undone.
    Care,
}

impl Action {
    /// An action.
    #[must_use]
    pub fn new(slug: &'static str, label: &'static str, about: &'static str, needs: Needs) -> Self {
        Self { slug, label, about, needs }
    }
}

/// A field of the forms.
#[derive(Clone, Debug)]
pub struct Field {
    /// In the form.
    pub name: &'static str,
    /// As a person reads it.
    pub label: &'static str,
    /// What may be entered.
    pub kind: FieldKind,
    /// A sentence of help; may be empty.
    pub help: &'static str,
    /// Whether it may not be left empty.
    pub required: bool,
    /// Asked for when adding.
    pub create: bool,
    /// Asked for when editing.
    pub edit: bool,
}

/// The kinds of fields.
#[derive(Clone, Debug)]
pub enum FieldKind {
    /// One line of at most so many characters.
    Text(usize),
    /// Several lines of at most so many characters.
    Multiline(usize),
    /// An email address.
    Email,
    /// Yes or no.
    Flag,
    /// One of these: value and label.
    Choice(Vec<(&'static str, &'static str)>),
}

impl Field {
    /// An optional field, asked for when adding and when editing.
    #[must_use]
    pub fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        Self { name, label, kind, help: "", required: false, create: true, edit: true }
    }

    /// With a sentence of help.
    #[must_use]
    pub fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// May not be left empty.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Asked for only when adding.
    #[must_use]
    pub fn only_new(self) -> Self {
        Self { edit: false, ..self }
    }

    /// Asked for only when editing.
    #[must_use]
    pub fn only_edit(self) -> Self {
        Self { create: false, ..self }
    }
}
