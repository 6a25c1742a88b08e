//! What is wrong with a form, and where.

use std::time::Duration;

use axum::response::Response;
use http::HeaderValue;
use http::header::RETRY_AFTER;

use crate::Invalid;
use crate::password::hasher;

/// Said when a form's token is not right: mostly the page was open for too long.
const EXPIRED: &str = "This form was open for too long, or cookies are off. Send it once more.";

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    /// The id of the field; empty if it is none's.
    pub(super) field: &'static str,
    /// One sentence.
    pub(super) text: String,
}

/// Everything that is wrong with one form, in the order of its fields.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// Which form of the page it is.
    section: &'static str,
    problems: Vec<Problem>,
    /// Fields that share in a problem of the whole form.
    marked: Vec<&'static str>,
    /// When the same may be tried again, if that is what is wrong.
    wait: Option<Duration>,
}

impl Errors {
    pub(super) fn new(section: &'static str) -> Self {
        Self { section, ..Self::default() }
    }

    /// Of the whole form; `marked` fields are shown as wrong, the first gets the focus.
    pub(super) fn form(mut self, text: impl Into<String>, marked: &[&'static str]) -> Self {
        self.problems.push(Problem { field: "", text: text.into() });
        self.marked.extend(marked);
        self
    }

    pub(super) fn field(mut self, field: &'static str, text: impl Into<String>) -> Self {
        self.problems.push(Problem { field, text: text.into() });
        self
    }

    /// If `wrong`, of this field.
    pub(super) fn field_if(self, wrong: bool, field: &'static str, text: &str) -> Self {
        if wrong { self.field(field, text) } else { self }
    }

    /// What the handle found, with `id_of` leading from its names to the page's fields.
    pub(super) fn invalid(self, found: &[Invalid], id_of: impl Fn(&str) -> &'static str) -> Self {
        let messages = found.iter().flat_map(|invalid| {
            let field = id_of(invalid.field());
            invalid.messages().into_iter().map(move |text| (field, text))
        });
        messages.fold(self, |errors, (field, text)| errors.field(field, text))
    }

    pub(super) fn expired(self) -> Self {
        self.form(EXPIRED, &[])
    }

    pub(super) fn too_many(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self.form(format!("Too many tries. Try again {}.", soon(wait)), &[])
    }

    pub(super) fn busy(mut self) -> Self {
        self.wait = Some(hasher::RETRY);
        self.form("The server is busy right now. Try again in a moment.", &[])
    }

    /// For `Retry-After`: whole seconds until the same may be tried again.
    pub(super) fn retry_after(&self) -> Option<u64> {
        self.wait.map(whole_seconds)
    }

    pub(super) fn any(&self) -> bool {
        !self.problems.is_empty()
    }

    pub(super) fn all(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn are_in(&self, section: &str) -> bool {
        self.any() && self.section == section
    }

    /// What is wrong with a field.
    pub(super) fn of(&self, field: &str) -> Option<String> {
        let texts = self.problems.iter().filter(|problem| problem.field == field);
        let texts: Vec<_> = texts.map(|problem| problem.text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    /// Whether a field is shown as wrong.
    pub(super) fn marks(&self, field: &str) -> bool {
        self.marked.contains(&field) || self.problems.iter().any(|problem| problem.field == field)
    }

    /// Whether a field is the first to look at.
    pub(super) fn leads_to(&self, field: &str) -> bool {
        let fields = self.problems.iter().map(|problem| problem.field);
        let first = fields.filter(|field| !field.is_empty()).chain(self.marked.iter().copied());
        first.take(1).any(|first| first == field)
    }
}

/// `response`, which says when to try again if it is known.
pub(super) fn retry_after(seconds: Option<u64>, mut response: Response) -> Response {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Rounded up, and at least one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// "in 40 seconds", "in 5 minutes": rounded up.
fn soon(wait: Duration) -> String {
    match whole_seconds(wait) {
        1 => "in a second".to_owned(),
        seconds @ 2..90 => format!("in {seconds} seconds"),
        seconds => format!("in {} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_that_is_wrong_is_led_to() {
        let errors = Errors::new("a").field("two", "x").field("three", "y").field("two", "z");
        assert!(errors.leads_to("two") && !errors.leads_to("three"));
        assert_eq!(errors.of("two").unwrap(), "x z");
        assert!(errors.of("one").is_none() && !errors.marks("one"));
        assert!(errors.are_in("a") && !errors.are_in("b"));
    }

    #[test]
    fn a_problem_of_the_whole_form_marks_its_fields() {
        let errors = Errors::default().form("no", &["name", "password"]);
        assert!(errors.leads_to("name") && !errors.leads_to("password"));
        assert!(errors.marks("password") && errors.of("password").is_none());
    }

    #[test]
    fn waits_are_said_in_whole_units() {
        assert_eq!(soon(Duration::from_millis(1)), "in a second");
        assert_eq!(soon(Duration::from_millis(59_001)), "in 60 seconds");
        assert_eq!(soon(Duration::from_secs(241)), "in 5 minutes");
    }
}
