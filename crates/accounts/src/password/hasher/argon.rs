//! Argon2id: a password to the PHC string that is stored, and back to a verdict.

use argon2::password_hash::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::HashError;

/// KiB of memory, passes and lanes: the OWASP Password Storage Cheat Sheet's choice.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Bytes of salt (RFC 9106, section 3.1).
pub(super) const SALT_BYTES: usize = 16;

/// A hash that no password has, with the parameters of real ones.
pub(super) const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGFja2V0Ym9hdC1ub2JvZHk\
                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What came of verifying a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not the one.
    Wrong,
    /// It is.
    Right,
    /// It is, and should be hashed anew: the parameters have changed since.
    RightButOld,
}

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("OWASP's parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

pub(super) fn hash(password: &str, salt: &[u8]) -> Result<String, HashError> {
    match argon2().hash_password_with_salt(password.as_bytes(), salt) {
        Ok(hash) => Ok(hash.to_string()),
        Err(error) => Err(failed(error)),
    }
}

pub(super) fn verify(password: &str, stored: Option<&str>) -> Result<Verdict, HashError> {
    let parsed = PasswordHash::new(stored.unwrap_or(DUMMY));
    let Ok(parsed) = parsed else {
        // Only this server wrote it, and no password fits it.
        tracing::error!("a stored password hash cannot be read");
        return Ok(Verdict::Wrong);
    };
    match argon2().verify_password(password.as_bytes(), &parsed) {
        Ok(()) if is_current(&parsed) => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(failed(error)),
    }
}

/// For want of memory, mostly; in any case no word about the password.
fn failed(error: Error) -> HashError {
    tracing::error!(%error, "a password could not be hashed");
    HashError::Busy
}

/// Whether a hash has today's parameters.
pub(super) fn is_current(hash: &PasswordHash) -> bool {
    let is = |name: &str, value| hash.params.get_decimal(name) == Some(value);
    hash.algorithm.as_str() == "argon2id"
        && is("m", MEMORY_KIB)
        && is("t", PASSES)
        && is("p", LANES)
}
