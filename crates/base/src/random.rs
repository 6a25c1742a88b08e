//! Randomness as a parameter, and the shapes of secrets made from it.

use std::fmt::Debug;
use std::fmt::Write as _;

/// Where random bytes come from. Implementations used outside tests must be
/// cryptographically secure.
pub trait Random: Send + Sync + Debug {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    /// # Panics
    /// If the operating system has no randomness to give: no secret may be made
    /// then, and there is nothing to fall back on.
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `length` characters of `[A-Za-z0-9]`, each equally likely (5.95 bits apiece).
#[must_use]
pub fn alphanumeric(random: &dyn Random, length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        random.fill(&mut bytes);
        for byte in bytes {
            // 248 = 4 × 62: rejecting the rest keeps every character equally likely.
            if byte < 248 && text.len() < length {
                text.push(char::from(ALPHANUMERIC[usize::from(byte % 62)]));
            }
        }
    }
    text
}

/// `bytes` random bytes as lower-case hex: twice as many characters.
#[must_use]
pub fn hex(random: &dyn Random, bytes: usize) -> String {
    let mut buffer = vec![0_u8; bytes];
    random.fill(&mut buffer);
    to_hex(&buffer)
}

/// Lower-case hex of `bytes`.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a String cannot fail.
        text
    })
}

/// A random id in 1..2^53: exact in JSON, JavaScript and every database.
#[must_use]
pub fn id53(random: &dyn Random) -> i64 {
    loop {
        let mut bytes = [0_u8; 8];
        random.fill(&mut bytes);
        let id = i64::from_le_bytes(bytes) & ((1 << 53) - 1);
        if id != 0 {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_shape() {
        let token = alphanumeric(&OsRandom, 32);
        assert_eq!(token.len(), 32);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(token, alphanumeric(&OsRandom, 32));

        let key = hex(&OsRandom, 32);
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    }

    #[test]
    fn ids_are_exact_in_javascript() {
        for _ in 0..1_000 {
            let id = id53(&OsRandom);
            assert!(id > 0 && id < (1 << 53));
        }
    }
}
