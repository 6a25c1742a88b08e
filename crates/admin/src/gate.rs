//! Who may come in. The server implements it over whatever knows the people.

use std::future::Future;
use std::pin::Pin;

use base::{AccountId, SessionRef};
use http::{HeaderMap, HeaderValue};
use http_kit::{ApiError, Client};

/// Somebody who may use the site.
#[derive(Clone, Debug)]
pub struct Staff {
    /// The account, for the audit log.
    pub account: AccountId,
    /// Its name, for the audit log and the page.
    pub name: String,
    /// The session; forms are sealed to it.
    pub session: SessionRef,
    /// The session's cookie, renewed, to set on the answer.
    pub renewed: Option<HeaderValue>,
}

/// Why somebody may not.
#[derive(Debug)]
pub enum Refused {
    /// Nobody is signed in: they are sent to the sign-in page and come back.
    Stranger,
    /// Somebody is, and is not staff: 403.
    NotStaff,
    /// It could not be told: this answer.
    Failed(ApiError),
}

/// What [`StaffGate::staff`] gives back.
pub type GateFuture<'a> = Pin<Box<dyn Future<Output = Result<Staff, Refused>> + Send + 'a>>;

/// Decides who is staff. By the browser's session only: a token in a script is no
/// person at a desk.
pub trait StaffGate: Send + Sync {
    /// Who is calling?
    fn staff<'a>(&'a self, headers: &'a HeaderMap, client: &'a Client) -> GateFuture<'a>;
}
