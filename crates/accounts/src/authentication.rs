//! Authenticating a request: this crate's answer to [`Authenticate`], for every route that
//! needs a session, here and elsewhere.
//!
//! A request acts by its header `Authorization: Token <key>` if it has one, else by
//! its session cookie. The header decides alone: a program whose token is dead must
//! hear of it, and not go on in the name of the cookie's owner.

use base::Principal;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use http_kit::{
    Accepts, AuthError, AuthFuture, Authenticate, Caller, Client, Credential, Staff, clear_cookie,
    cookie, set_cookie,
};
use storage::StorageError;

use crate::secret::SecretHash;
use crate::session::{self, SessionKind};
use crate::store::sessions;
use crate::{Accounts, ApiToken, SessionToken, SignInContext};

/// The name of the cookie that holds a browser session's token.
pub const SESSION_COOKIE: &str = "session";

/// The credential that a request carries.
#[derive(Clone, Copy)]
pub(crate) enum Presented<'h> {
    /// The key of an `Authorization: Token` header.
    Token(&'h str),
    /// An `Authorization: Token` header that holds no key; why not.
    Malformed(&'static str),
    /// A session cookie.
    Cookie(&'h str),
    /// None.
    Nothing,
}

impl<'h> Presented<'h> {
    /// What `headers` carry. Other schemes of `Authorization` are for others, a proxy
    /// perhaps, and do not count.
    pub(crate) fn in_headers(headers: &'h HeaderMap) -> Self {
        let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let scheme = header.map(|bytes| &bytes[..bytes.len().min("token".len())]);
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"token")) {
            let text = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            return Self::in_token_header(text.unwrap_or_default());
        }
        Self::in_cookies(headers)
    }

    /// The session cookie, whatever else there is.
    fn in_cookies(headers: &'h HeaderMap) -> Self {
        cookie(headers, SESSION_COOKIE).map_or(Self::Nothing, Self::Cookie)
    }

    fn in_token_header(text: &'h str) -> Self {
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(scheme), Some(key), None) if scheme.len() == "token".len() => Self::Token(key),
            (Some(_), None, _) => Self::Malformed("Invalid token header. No credentials provided."),
            (Some(_), Some(_), Some(_)) => {
                Self::Malformed("Invalid token header. Token string should not contain spaces.")
            }
            _ => Self::Malformed(
                "Invalid token header. Token string should not contain invalid characters.",
            ),
        }
    }
}

/// A `Set-Cookie` that makes the browser forget its session.
#[must_use]
pub fn clear_session_cookie(client: &Client) -> HeaderValue {
    clear_cookie(SESSION_COOKIE, client.secure)
}

impl Authenticate for Accounts {
    fn caller<'a>(
        &'a self,
        headers: &'a HeaderMap,
        client: &'a Client,
        accepts: Accepts,
    ) -> AuthFuture<'a, Caller> {
        let presented = match accepts {
            Accepts::Cookie => Presented::in_cookies(headers),
            Accepts::TokenOrCookie => Presented::in_headers(headers),
        };
        Box::pin(async move {
            let by = match presented {
                Presented::Nothing => return Err(AuthError::Missing),
                Presented::Malformed(why) => return Err(AuthError::Malformed(why)),
                Presented::Token(_) => Credential::Token,
                Presented::Cookie(_) => Credential::Cookie,
            };
            let principal = self.recognised(presented).await.map_err(failed)?;
            let principal = principal.ok_or(AuthError::Invalid(by))?;
            let begun = self.0.requests.begin(&principal, client.address);
            let permit = begun.map_err(AuthError::TooMany)?;
            let renewal = match presented {
                Presented::Cookie(token) => Some(renewal(token, &principal, client)),
                _ => None,
            };
            Ok(Caller::new(principal, by, renewal, permit))
        })
    }

    fn by_token<'a>(&'a self, token: &'a str) -> AuthFuture<'a, Option<Principal>> {
        Box::pin(async move { self.authenticate_token(token).await.map_err(failed) })
    }

    fn is_current(&self, principal: &Principal) -> bool {
        Self::is_current(self, principal)
    }

    fn staff<'a>(&'a self, caller: &'a Caller) -> AuthFuture<'a, Option<Staff>> {
        Box::pin(async move {
            let Principal { account, session, .. } = caller.principal;
            let profile = self.profile(account).await.map_err(failed)?;
            let profile = profile.filter(|profile| profile.is_staff && profile.is_active);
            Ok(profile.map(|profile| {
                let name = profile.email.unwrap_or(profile.username);
                Staff { account, name, session }
            }))
        })
    }
}

fn failed(error: StorageError) -> AuthError {
    AuthError::Storage(error.to_string().into())
}

impl Accounts {
    /// The account that a valid credential acts for; counts as activity.
    async fn recognised(
        &self,
        presented: Presented<'_>,
    ) -> Result<Option<Principal>, StorageError> {
        match presented {
            Presented::Token(key) => self.authenticate_token(key).await,
            Presented::Cookie(token) => self.authenticate(token).await,
            Presented::Malformed(_) | Presented::Nothing => Ok(None),
        }
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
        let device = self.recognised(Presented::in_headers(headers)).await?;
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

    /// The account that the browser session of `token` acts for, `None` if it is unknown or
    /// over. Counts as activity. Asks the database only for a session that is not in memory.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Principal>, StorageError> {
        let Some(token) = SessionToken::parse(token) else { return Ok(None) };
        self.recognise(token.hash(), SessionKind::Browser).await
    }

    /// The account that the API token `key` acts for, `None` if it is unknown or dead.
    /// Counts as activity. Asks the database only for a token that is not in memory.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate_token(&self, key: &str) -> Result<Option<Principal>, StorageError> {
        let Some(token) = ApiToken::parse(key) else { return Ok(None) };
        self.recognise(token.hash(), SessionKind::Token).await
    }

    /// The two kinds of tokens differ in their form, so a hash is of one kind only.
    async fn recognise(
        &self,
        token: SecretHash,
        kind: SessionKind,
    ) -> Result<Option<Principal>, StorageError> {
        let known = self.0.live.lock().get(&token);
        let principal = match known {
            Some(principal) => Some(principal),
            None => self.load(token, kind).await?,
        };
        let now = self.0.clock.now();
        Ok(principal
            .filter(|principal| session::is_live(kind, principal.activity.last(), now))
            .inspect(|principal| principal.activity.touch(now)))
    }

    async fn load(
        &self,
        token: SecretHash,
        kind: SessionKind,
    ) -> Result<Option<Principal>, StorageError> {
        self.make_room().await?;
        // Again only if some session ended during the query: that is progress of
        // another request each time, and rare.
        loop {
            let removals = self.0.live.lock().removals();
            let found = sessions::principal_by_token(self.0.db.reader(), token).await?;
            let now = self.0.clock.now();
            let is_live = |found: &Principal| session::is_live(kind, found.activity.last(), now);
            let Some(found) = found.filter(is_live) else { return Ok(None) };
            if let Some(principal) = self.0.live.lock().take_in(token, found, removals) {
                return Ok(Some(principal));
            }
        }
    }
}

fn renewal(token: &str, principal: &Principal, client: &Client) -> HeaderValue {
    let expires = session::expiry(SessionKind::Browser, principal.activity.last());
    set_cookie(SESSION_COOKIE, token, client.secure, expires)
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
        assert!(matches!(Presented::in_headers(&with("Token k")), Presented::Token("k")));
        assert!(matches!(Presented::in_headers(&with("token  k")), Presented::Token("k")));
        for bad in ["Token", "Token ", "Token a b", "Tokens a"] {
            assert!(matches!(Presented::in_headers(&with(bad)), Presented::Malformed(_)), "{bad}");
        }
        for others in ["Basic YTpi", "Bearer k", "Tok"] {
            assert!(
                matches!(Presented::in_headers(&with(others)), Presented::Cookie("abc")),
                "{others}"
            );
        }
        assert!(matches!(Presented::in_headers(&headers(&[])), Presented::Nothing));
    }
}
