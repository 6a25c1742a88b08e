//! Authenticating a request: one place for every route that stands on a session,
//! this crate's and other capabilities'.

use base::Principal;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Client, cookie, set_cookie};

use crate::routes::SESSION_COOKIE;
use crate::{Accounts, session};

/// A request by somebody.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who it is.
    pub principal: Principal,
    /// The session's cookie with its life renewed, for the answer's `Set-Cookie`.
    pub renewed: HeaderValue,
}

impl Accounts {
    /// Authenticates a request by its session cookie; counts as activity.
    ///
    /// # Errors
    /// The answer to give: 422 without a cookie, 401 with one that is not valid.
    pub async fn admit(&self, headers: &HeaderMap, client: &Client) -> Result<Admitted, ApiError> {
        let Some(token) = cookie(headers, SESSION_COOKIE) else {
            let message = "There is no session cookie.";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, message));
        };
        let principal = self.authenticate(token).await.map_err(ApiError::internal)?;
        let Some(principal) = principal else {
            let message = "The session is invalid or has expired.";
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
        };
        let expires = session::expiry(principal.activity.last());
        let renewed = set_cookie(SESSION_COOKIE, token, client.secure, expires);
        Ok(Admitted { principal, renewed })
    }
}
