//! The opening hand-shake (RFC 6455 section 4.2).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use crate::ApiError;

/// Appended to the client's key before hashing (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request cannot become a WebSocket: a sentence for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HandshakeError {
    /// It does not ask to.
    #[error("This address speaks WebSocket: an upgrade is required.")]
    NotAnUpgrade,
    /// It asks for another version than 13.
    #[error("Only version 13 of the WebSocket protocol is spoken here.")]
    Version,
    /// Its key is missing or is not 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64.")]
    Key,
    /// It is not a GET in HTTP/1.1.
    #[error("A WebSocket is opened by GET in HTTP/1.1.")]
    Method,
}

impl HandshakeError {
    fn status(self) -> StatusCode {
        match self {
            Self::NotAnUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key | Self::Method => StatusCode::BAD_REQUEST,
        }
    }

    /// What the answer tells a client that could do better.
    fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::NotAnUpgrade => vec![
                (UPGRADE, HeaderValue::from_static("websocket")),
                (CONNECTION, HeaderValue::from_static("upgrade")),
            ],
            Self::Version => vec![(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))],
            Self::Key | Self::Method => Vec::new(),
        }
    }
}

impl From<HandshakeError> for ApiError {
    fn from(error: HandshakeError) -> Self {
        Self::new(error.status(), error.to_string()).with_headers(error.headers())
    }
}

/// Whether the request asks to become a WebSocket, well or badly.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket")
}

/// Checks a request and gives the headers of the 101 answer. `protocol` is the
/// subprotocol chosen, if any (see [`offers`]).
///
/// # Errors
/// [`HandshakeError`] when the request is no valid hand-shake.
pub(super) fn accept(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    protocol: Option<&'static str>,
) -> Result<HeaderMap, HandshakeError> {
    if !is_upgrade(headers) || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(HandshakeError::NotAnUpgrade);
    }
    if method != Method::GET || version != Version::HTTP_11 {
        return Err(HandshakeError::Method);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(HandshakeError::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?.as_bytes();
    if BASE64_STANDARD.decode(key).map_or(true, |nonce| nonce.len() != 16) {
        return Err(HandshakeError::Key);
    }
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    let accepted = BASE64_STANDARD.encode(hash.finish());

    let mut answer = HeaderMap::with_capacity(4);
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let accepted = HeaderValue::try_from(accepted).map_err(|_| HandshakeError::Key)?;
    answer.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    if let Some(protocol) = protocol {
        answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(answer)
}

/// Whether the client offers the subprotocol `name`.
pub(super) fn offers(headers: &HeaderMap, name: &str) -> bool {
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL).any(|token| token == name)
}

fn has_token(headers: &HeaderMap, header: &HeaderName, wanted: &str) -> bool {
    tokens(headers, header).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn tokens<'a>(headers: &'a HeaderMap, header: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn verdict(headers: &HeaderMap) -> Result<HeaderMap, HandshakeError> {
        accept(&Method::GET, Version::HTTP_11, headers, None)
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let answer = verdict(&request(&GOOD)).expect("a valid hand-shake");
        assert_eq!(answer[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!answer.contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn each_flaw_has_its_answer() {
        let without = |name: &str| {
            let mut headers = request(&GOOD);
            headers.remove(name);
            verdict(&headers).expect_err("refused").status().as_u16()
        };
        assert_eq!(without("upgrade"), 426);
        assert_eq!(without("connection"), 426);
        assert_eq!(without("sec-websocket-version"), 426);
        assert_eq!(without("sec-websocket-key"), 400);
        let mut headers = request(&GOOD);
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("c2hvcnQ="));
        assert_eq!(verdict(&headers), Err(HandshakeError::Key));
        let post = accept(&Method::POST, Version::HTTP_11, &request(&GOOD), None);
        assert_eq!(post, Err(HandshakeError::Method));
    }

    #[test]
    fn subprotocols_are_read_as_a_list() {
        let headers = request(&[("sec-websocket-protocol", "other, packetboat.v1")]);
        assert!(offers(&headers, "packetboat.v1"));
        assert!(!offers(&headers, "packetboat"));
    }
}
