//! Routes in groups: what all routes of a group have in common, which the
//! [edge](crate::edge()) applies.
//!
//! Which group a route is in, its capability says. Absent: what the rules about other origins
//! are ([`cross_origin`](crate::cross_origin)), and how a failure is written
//! ([`error_form`](crate::error_form)).

use axum::Router;

use crate::{CrossOrigin, ErrorForm};

/// Routes in groups. A [`Router`] is a group that is [fenced](CrossOrigin::Fenced), and whose
/// failures look as [`ApiError`](crate::ApiError) says.
#[derive(Debug, Default)]
pub struct Routes(Vec<Group>);

/// Routes with a rule and a form of failures in common.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) rule: CrossOrigin,
    /// Without one, failures look as [`ApiError`](crate::ApiError) says.
    pub(crate) errors: Option<ErrorForm>,
    pub(crate) router: Router,
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self::default().with(CrossOrigin::Fenced, router)
    }
}

impl Routes {
    /// With `router` under `rule`.
    #[must_use]
    pub fn with(mut self, rule: CrossOrigin, router: Router) -> Self {
        self.0.push(Group { rule, errors: None, router });
        self
    }

    /// The same, with all failures of these routes in the form `errors`, those that the edge
    /// answers with itself (405, 408, 413, 429, 500) included.
    #[must_use]
    pub fn with_errors(mut self, rule: CrossOrigin, errors: ErrorForm, router: Router) -> Self {
        self.0.push(Group { rule, errors: Some(errors), router });
        self
    }

    /// With all of `other`, as they are.
    #[must_use]
    pub fn merge(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    /// With `change` made to every group.
    #[must_use]
    pub fn map(self, change: impl Fn(Router) -> Router) -> Self {
        let changed = |group: Group| Group { router: change(group.router), ..group };
        Self(self.0.into_iter().map(changed).collect())
    }

    pub(crate) fn into_groups(self) -> Vec<Group> {
        self.0
    }
}
