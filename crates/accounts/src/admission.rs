//! Authenticating a request: one place for every route that stands on a session,
//! this crate's and other capabilities'.
//!
//! A request acts by its header `Authorization: Token <key>` if it has one, else by
//! its session cookie. The header decides alone: a program whose token is dead must
//! hear of it, and not go on in the name of whoever owns the cookie jar.

use std::time::Duration;

use base::Principal;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Client, clear_cookie, cookie, set_cookie};
use storage::StorageError;

use crate::secret::SecretHash;
use crate::session::{self, SessionKind};
use crate::under_way::Request;
use crate::{Accounts, SessionToken, SignInContext};

/// The name of the cookie that holds a browser session's token.
pub const SESSION_COOKIE: &str = "session";

/// A request by somebody with a browser's session.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who it is.
    pub principal: Principal,
    /// The session's cookie with its life renewed, for the answer's `Set-Cookie`.
    pub renewed: HeaderValue,
    /// Keep it as long as the request is worked on.
    pub(crate) under_way: Request,
}

/// Why it is not said who sends a request.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The account has too many requests under way; wait this long.
    #[error("too many requests of the account are under way")]
    TooMany(Duration),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A request by somebody, by whatever means.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// By what they act.
    pub by: SessionKind,
    /// The session's cookie with its life renewed, for the answer's `Set-Cookie`; none
    /// for a token.
    pub renewed: Option<HeaderValue>,
    /// Keep it as long as the request is worked on.
    pub(crate) _under_way: Request,
}

/// What a request shows of who sends it.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'h> {
    /// The key of an `Authorization: Token` header.
    Token(&'h str),
    /// An `Authorization: Token` header that holds no key; why not.
    Malformed(&'static str),
    /// A session cookie.
    Cookie(&'h str),
    /// Nothing.
    Nothing,
}

/// What `headers` show. Other schemes of `Authorization` are somebody else's, a
/// proxy's perhaps, and do not count.
pub(crate) fn shown(headers: &HeaderMap) -> Shown<'_> {
    let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let scheme = header.map(|bytes| &bytes[..bytes.len().min("token".len())]);
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"token")) {
        let text = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let mut words = text.unwrap_or_default().split_ascii_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(scheme), Some(key), None) if scheme.len() == "token".len() => Shown::Token(key),
            (Some(_), None, _) => {
                Shown::Malformed("Invalid token header. No credentials provided.")
            }
            (Some(_), Some(_), Some(_)) => {
                Shown::Malformed("Invalid token header. Token string should not contain spaces.")
            }
            _ => Shown::Malformed(
                "Invalid token header. Token string should not contain invalid characters.",
            ),
        };
    }
    cookie(headers, SESSION_COOKIE).map_or(Shown::Nothing, Shown::Cookie)
}

/// A `Set-Cookie` that makes the browser forget its session.
#[must_use]
pub fn clear_session_cookie(client: &Client) -> HeaderValue {
    clear_cookie(SESSION_COOKIE, client.secure)
}

/// What a page's script sends back to show that it could read its site's cookies: a
/// one-way function of the session's token, so that nothing need be stored and no
/// other site can know or plant it.
pub(crate) fn csrf_token(session_token: &str) -> String {
    SecretHash::of(&format!("csrf {session_token}")).to_hex()
}

impl Accounts {
    /// Authenticates a request by its session cookie; counts as activity.
    ///
    /// # Errors
    /// The answer to give: 422 without a cookie, 401 with one that is not valid, 429 if
    /// too many requests of the account are under way.
    pub async fn admit(&self, headers: &HeaderMap, client: &Client) -> Result<Admitted, ApiError> {
        let token = cookie(headers, SESSION_COOKIE).ok_or_else(no_cookie)?;
        let principal = self.authenticate(token).await.map_err(ApiError::storage_failed)?;
        let principal =
            principal.ok_or_else(|| invalid("The session is invalid or has expired."))?;
        let begun = self.0.requests.begin(&principal, client.address);
        let under_way = begun.map_err(ApiError::too_many)?;
        let renewed = renewed(token, &principal, client);
        Ok(Admitted { principal, renewed, under_way })
    }

    /// Authenticates a request by its token or its session cookie; counts as activity.
    ///
    /// # Errors
    /// The answer to give: 422 without either, 401 with one that is not valid, 429 if
    /// too many requests of the account are under way.
    pub async fn admit_caller(
        &self,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<Caller, ApiError> {
        match shown(headers) {
            Shown::Malformed(why) => return Err(invalid(why)),
            Shown::Nothing => return Err(no_cookie()),
            Shown::Token(_) | Shown::Cookie(_) => {}
        }
        let caller = self.caller(headers, client).await.map_err(|error| match error {
            CallerError::TooMany(wait) => ApiError::too_many(wait),
            CallerError::Storage(cause) => ApiError::storage_failed(cause),
        })?;
        caller.ok_or_else(|| invalid("The session or token is invalid or has expired."))
    }

    /// Who sends a request, if it shows anything that is valid; counts as activity.
    ///
    /// # Errors
    /// [`CallerError`].
    pub async fn caller(
        &self,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<Option<Caller>, CallerError> {
        let Some((principal, by)) = self.recognised(headers).await? else { return Ok(None) };
        let begun = self.0.requests.begin(&principal, client.address);
        let under_way = begun.map_err(CallerError::TooMany)?;
        let renewed = match shown(headers) {
            Shown::Cookie(token) => Some(renewed(token, &principal, client)),
            _ => None,
        };
        Ok(Some(Caller { principal, by, renewed, _under_way: under_way }))
    }

    async fn recognised(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(Principal, SessionKind)>, StorageError> {
        let (principal, by) = match shown(headers) {
            Shown::Token(key) => (self.authenticate_token(key).await?, SessionKind::Token),
            Shown::Cookie(token) => (self.authenticate(token).await?, SessionKind::Browser),
            Shown::Malformed(_) | Shown::Nothing => return Ok(None),
        };
        Ok(principal.map(|principal| (principal, by)))
    }

    /// What signing in needs to know of the request that does it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sign_in_context(
        &self,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<SignInContext, StorageError> {
        let device = self.recognised(headers).await?.map(|(principal, _)| principal);
        let user_agent = headers.get(USER_AGENT).and_then(|text| text.to_str().ok());
        let user_agent = user_agent.map(str::to_owned);
        Ok(SignInContext { address: client.address, user_agent, device })
    }

    /// The `Set-Cookie` for a session just opened.
    #[must_use]
    pub fn session_cookie(&self, token: &SessionToken, client: &Client) -> HeaderValue {
        let expires = session::expiry(SessionKind::Browser, self.now());
        set_cookie(SESSION_COOKIE, token.expose(), client.secure, expires)
    }
}

fn renewed(token: &str, principal: &Principal, client: &Client) -> HeaderValue {
    let expires = session::expiry(SessionKind::Browser, principal.activity.last());
    set_cookie(SESSION_COOKIE, token, client.secure, expires)
}

fn no_cookie() -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "There is no session cookie.")
}

fn invalid(why: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(http::HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_header_decides_alone() {
        let cookie = (http::header::COOKIE, "session=abc");
        let with = |value: &'static str| headers(&[(AUTHORIZATION, value), cookie.clone()]);
        assert!(matches!(shown(&with("Token k")), Shown::Token("k")));
        assert!(matches!(shown(&with("token  k")), Shown::Token("k")));
        for bad in ["Token", "Token ", "Token a b", "Tokens a"] {
            assert!(matches!(shown(&with(bad)), Shown::Malformed(_)), "{bad}");
        }
        for others in ["Basic YTpi", "Bearer k", "Tok"] {
            assert!(matches!(shown(&with(others)), Shown::Cookie("abc")), "{others}");
        }
        assert!(matches!(shown(&headers(&[])), Shown::Nothing));
    }

    #[test]
    fn the_csrf_token_is_not_the_session_and_follows_it() {
        assert_ne!(csrf_token("a"), csrf_token("b"));
        assert!(!csrf_token("abc").contains("abc"));
        assert_ne!(csrf_token("a"), SecretHash::of("a").to_hex(), "nor what is stored of it");
    }
}
