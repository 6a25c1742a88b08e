//! The opening hand-shake (RFC 6455 section 4), with one fixed key.

use std::net::SocketAddrV4;

/// The example of section 1.3: what must come back is known without computing a digest.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Heads beyond this are refused.
const LONGEST_HEAD: usize = 8 * 1024;

/// The request; `headers` are whole lines of an identity, each with its line end.
pub(crate) fn request(target: SocketAddrV4, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    )
}

/// Length of the response head once it is all there.
///
/// # Errors
/// Returns the status line of a refusal, or what is wrong with the answer.
pub(crate) fn accepted(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return match bytes.len() {
            ..LONGEST_HEAD => Ok(None),
            _ => Err("endless response head".to_owned()),
        };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        return Err(format!("refused with {status:?}"));
    }
    if !head.contains(ACCEPT) {
        return Err("wrong Sec-WebSocket-Accept".to_owned());
    }
    Ok(Some(end + 4))
}

#[cfg(test)]
mod tests {
    use super::{ACCEPT, accepted};

    #[test]
    fn only_a_whole_right_answer_is_accepted() {
        let head = format!("HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n");
        let with_frame = [head.as_bytes(), &[0x81, 0]].concat();
        assert_eq!(accepted(&with_frame), Ok(Some(head.len())));
        assert_eq!(accepted(&head.as_bytes()[..head.len() - 1]), Ok(None));
        let foreign = head.replace("s3pP", "xxxx");
        assert!(accepted(foreign.as_bytes()).is_err());
    }

    #[test]
    fn a_refusal_says_its_status() {
        let refusal = accepted(b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(refusal, Err("refused with \"HTTP/1.1 409 Conflict\"".to_owned()));
    }
}
