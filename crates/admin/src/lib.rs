//! The admin site's engine: lists, forms, actions and the audit log, driven by one
//! description a model.
//!
//! A capability describes what it has ([`Description`]) and answers a few questions
//! about it ([`Model`]); the engine makes every screen of it: a list with columns,
//! sorting, search, filters, paging and actions on many, a page and a history for each
//! object, forms to add and to edit. It works without JavaScript.
//!
//! Invariants:
//! - Nothing is shown to, and nothing done for, callers that are not [`Staff`]; each form
//!   carries a token signed for its session besides.
//! - Nothing is done that the [`AuditLog`] does not hold: an entry is on record as
//!   *begun* before the action is carried out, and is completed afterwards.
//! - What may be shown may be logged: a [`Record`] holds no secret. Secrets that an
//!   action makes leave by [`Outcome::reveal`], shown once and never stored.
//! - No page costs more than [`COUNT_CAP`] counted rows and [`PAGE_SIZE`] shown ones.
//!
//! Deliberately absent: knowledge of any capability, who is staff, sign-in, and
//! permissions finer than "staff".

mod audit;
mod civil;
mod description;
mod form;
mod model;
mod query;
mod routes;
mod site;
mod store;
mod value;
mod views;

pub use audit::{AuditEntry, AuditLog};
pub use description::{Action, Column, Description, Field, FieldKind, Filter, FilterKind, Needs};
pub use form::{Input, MAX_FORM};
pub use http_kit::Staff;
pub use model::{
    Answer, Consequence, Count, Created, FieldError, Model, ModelError, Outcome, Page, Record,
    Revealed,
};
pub use query::{COUNT_CAP, FilterValue, MAX_SELECTED, PAGE_SIZE, Query, Sort};
pub use site::{Site, SiteOptions};
pub use store::{EXPORTED, migrations};
pub use value::{Tone, Value};
