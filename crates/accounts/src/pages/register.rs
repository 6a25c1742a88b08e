//! `/register`: an account by email, or by a name and a key.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http_kit::ApiError;

use super::errors::{Errors, retry_after};
use super::form::Fields;
use super::login::Next;
use super::visitor::{Notice, Visitor, VisitorForm};
use super::{Page, PageState, redirect};
use crate::{RegisterError, SignUp, SignUpError, Username};

const INVALID_NAME: &str = "Use 1 to 32 letters (a–z) and digits, without spaces.";
const TAKEN_NAME: &str = "Somebody already has this name. Try another one.";

/// The same whether or not the address has an account: the mail tells its owner.
const SENT: Notice = Notice {
    icon: "mail",
    heading: "Check your mail",
    texts: &[
        "A message is on its way to the address you gave. Open the link in it to confirm that the address is yours.",
        "Nothing there after a few minutes? Look into the spam folder.",
    ],
    href: "/login/",
    link: "Log in",
};

pub(super) fn routes() -> Router<PageState> {
    Router::new().route("/register", get(show).post(register)).route("/register/done", get(done))
}

#[derive(Template)]
#[template(path = "register.html")]
struct Register<'a> {
    page: Page,
    errors: Errors,
    with_key: bool,
    next: &'a Next,
    query: String,
    /// The other way to sign up.
    other: String,
    form: FormValues<'a>,
}

#[derive(Default)]
struct FormValues<'a> {
    username: &'a str,
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
}

#[derive(Template)]
#[template(path = "new_key.html")]
struct NewKey<'a> {
    page: Page,
    next: &'a Next,
    username: &'a str,
    key: &'a str,
    file: String,
}

async fn show(visitor: Visitor, query: Fields) -> Result<Response, ApiError> {
    if visitor.is_signed_in {
        return Ok(redirect(StatusCode::FOUND, Next::parse(query.raw("next")).as_str()));
    }
    show_again(&visitor, &query, StatusCode::OK, Errors::default())
}

/// The form with what was typed.
fn show_again(
    visitor: &Visitor,
    fields: &Fields,
    status: StatusCode,
    errors: Errors,
) -> Result<Response, ApiError> {
    let next = Next::parse(fields.raw("next"));
    let with_key = by_key(fields);
    let query = next.query();
    let other = match (with_key, query.is_empty()) {
        (true, _) => format!("/register/{query}"),
        (false, true) => "/register/?with=key".to_owned(),
        (false, false) => format!("/register/{query}&with=key"),
    };
    let form = FormValues {
        username: fields.text("username"),
        email: fields.text("email"),
        first_name: fields.text("first_name"),
        last_name: fields.text("last_name"),
    };
    let (page, wait) = (visitor.page(), errors.retry_after());
    let template = Register { page, errors, with_key, next: &next, query, other, form };
    Ok(retry_after(wait, visitor.answer(status, &template)?))
}

fn by_key(fields: &Fields) -> bool {
    fields.raw("with") == "key"
}

async fn register(form: VisitorForm) -> Result<Response, ApiError> {
    let VisitorForm { visitor, fields, genuine } = form;
    if !genuine {
        let errors = Errors::default().expired();
        return show_again(&visitor, &fields, StatusCode::FORBIDDEN, errors);
    }
    if by_key(&fields) {
        with_key(&visitor, &fields).await
    } else {
        with_email(&visitor, &fields).await
    }
}

async fn with_key(visitor: &Visitor, fields: &Fields) -> Result<Response, ApiError> {
    let errors = Errors::default();
    let Ok(username) = fields.text("username").parse::<Username>() else {
        let errors = errors.field("register-username", INVALID_NAME);
        return show_again(visitor, fields, StatusCode::OK, errors);
    };
    match visitor.state.accounts.register_from(&username, visitor.client.address).await {
        Ok(key) => {
            let next = Next::parse(fields.raw("next"));
            let template = NewKey {
                page: visitor.page(),
                next: &next,
                username: username.as_str(),
                key: key.expose(),
                file: format!("packetboat-key-{username}.txt"),
            };
            visitor.answer(StatusCode::OK, &template)
        }
        Err(RegisterError::Taken) => {
            let errors = errors.field("register-username", TAKEN_NAME);
            show_again(visitor, fields, StatusCode::OK, errors)
        }
        Err(RegisterError::TooMany(wait)) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            show_again(visitor, fields, status, errors.too_many(wait))
        }
        Err(RegisterError::Storage(cause)) => Err(ApiError::storage_failed(cause)),
    }
}

async fn with_email(visitor: &Visitor, fields: &Fields) -> Result<Response, ApiError> {
    let (email, password) = (fields.text("email"), fields.raw("password"));
    let errors = Errors::default()
        .field_if(email.is_empty(), "register-email", "Enter your email address.")
        .field_if(password.is_empty(), "register-password", "Choose a password.");
    if errors.any() {
        return show_again(visitor, fields, StatusCode::OK, errors);
    }
    let sign_up = SignUp {
        email: email.to_owned(),
        password: password.to_owned(),
        first_name: fields.text("first_name").to_owned(),
        last_name: fields.text("last_name").to_owned(),
    };
    let (status, errors) =
        match visitor.state.accounts.sign_up_quietly(sign_up, visitor.client.address).await {
            Ok(()) | Err(SignUpError::Taken) => {
                return Ok(redirect(StatusCode::SEE_OTHER, "/register/done/"));
            }
            Err(SignUpError::Invalid(found)) => (StatusCode::OK, errors.invalid(&found, id_of)),
            Err(SignUpError::TooMany(wait)) => {
                (StatusCode::TOO_MANY_REQUESTS, errors.too_many(wait))
            }
            Err(SignUpError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, errors.busy()),
            Err(SignUpError::Storage(cause)) => return Err(ApiError::storage_failed(cause)),
        };
    show_again(visitor, fields, status, errors)
}

fn id_of(field: &str) -> &'static str {
    match field {
        "email" => "register-email",
        "password" => "register-password",
        "first_name" => "register-first-name",
        "last_name" => "register-last-name",
        _ => "",
    }
}

async fn done(visitor: Visitor) -> Result<Response, ApiError> {
    visitor.notice(StatusCode::OK, SENT)
}
