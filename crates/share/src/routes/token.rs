//! Who is asking: the token of a request, in its `Authorization` header.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http_kit::ApiError;

use crate::refusal::Refusal;
use crate::share::Share;
use crate::token::Claims;

/// The claims of a token that this server made. Whether it is good for a session is the
/// session's to say.
pub(super) struct Bearer(pub(super) Claims);

/// The token of `Authorization: Bearer <token>`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl FromRequestParts<Share> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, share: &Share) -> Result<Self, ApiError> {
        let claims = bearer(&parts.headers).and_then(|token| share.verify(token));
        Ok(Self(claims.ok_or_else(Refusal::unauthorized)?))
    }
}
