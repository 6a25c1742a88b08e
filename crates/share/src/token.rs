//! The tokens that members hold: JWTs (RFC 7519) signed by HMAC-SHA-256 (RFC 7515, "HS256").
//!
//! Invariants: a token has exactly the header that this server writes, so no other
//! algorithm is ever read; only the server's own key makes one.
//!
//! Deliberately absent: whether a token has expired. A member exists in memory only, with
//! the time at which it joined on the monotonic clock, and that decides: a wall clock that
//! jumps ends no transfer.

use std::time::Duration;

use aws_lc_rs::hmac;
use base::Timestamp;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::id::{MemberId, SessionId};

/// How long a token is good for HTTP requests and for registering.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// The longest token that is looked at, in bytes; ours have some 300.
const MAX_TOKEN: usize = 1024;

/// `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Makes and reads tokens.
#[derive(Debug)]
pub(crate) struct Tokens(hmac::Key);

/// Who holds a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) session: SessionId,
    pub(crate) member: MemberId,
}

/// The claims on the wire; times in milliseconds since the epoch, as the old service had them.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    is_host: bool,
}

impl Tokens {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The token of a member who joins `now`.
    pub(crate) fn issue(&self, claims: Claims, is_host: bool, now: Timestamp) -> String {
        let (aud, sub) = (claims.session.to_string(), claims.member.to_string());
        let wire = Wire { aud: &aud, sub: &sub, iat: now.0, exp: now.plus(TOKEN_LIFE).0, is_host };
        let wire = serde_json::to_vec(&wire).unwrap_or_default(); // Strings and numbers: cannot fail.
        let signed = format!("{HEADER}.{}", BASE64_URL_SAFE_NO_PAD.encode(wire));
        let tag = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
    }

    /// Who holds `token`, if this server made it.
    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, tag) = token.rsplit_once('.')?;
        let payload = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &tag).ok()?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        let wire: Wire<'_> = serde_json::from_slice(&payload).ok()?;
        let (session, member) = (SessionId::parse(wire.aud)?, MemberId::parse(wire.sub)?);
        Some(Claims { session, member })
    }
}

#[cfg(test)]
mod tests {
    use base::OsRandom;

    use super::*;

    fn claims() -> Claims {
        Claims { session: SessionId::random(&OsRandom), member: MemberId::random(&OsRandom) }
    }

    #[test]
    fn a_token_says_whose_it_is_and_none_but_ours_does() {
        let (tokens, claims) = (Tokens::new(&[7; 32]), claims());
        let token = tokens.issue(claims, true, Timestamp(1_000));
        assert_eq!(tokens.verify(&token), Some(claims));
        assert_eq!(Tokens::new(&[8; 32]).verify(&token), None);
        for position in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character of a part carries bits that decode to nothing: strict
            // decoding refuses those, so every single change is refused.
            assert_eq!(tokens.verify(&forged), None, "at {position}");
        }
        assert_eq!(tokens.verify(""), None);
        assert_eq!(tokens.verify(&"x".repeat(2_000)), None);
    }

    #[test]
    fn a_token_without_a_signature_is_none() {
        let (tokens, claims) = (Tokens::new(&[7; 32]), claims());
        let token = tokens.issue(claims, false, Timestamp(0));
        let payload = token.split('.').nth(1).unwrap();
        let unsigned = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for forged in [format!("{unsigned}.{payload}."), format!("{HEADER}.{payload}.")] {
            assert_eq!(tokens.verify(&forged), None);
        }
    }

    #[test]
    fn times_are_in_milliseconds_an_hour_apart() {
        let token = Tokens::new(&[7; 32]).issue(claims(), true, Timestamp(1_000));
        let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!((&payload["iat"], &payload["exp"]), (&1_000.into(), &3_601_000.into()));
        assert_eq!(payload["is_host"], true);
    }
}
