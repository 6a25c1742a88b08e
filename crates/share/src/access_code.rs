//! Access codes: six digits by which a guest joins. Codes are kept as their SHA-256, which
//! is also what guests send.

use std::collections::VecDeque;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base::{Random, to_hex};

/// How long a code stays good after the host's page has asked for another: it asks on every
/// load, and guests may have been told the one before.
const GRACE: Duration = Duration::from_secs(120);

/// Codes before the present one that are still good; a page that is loaded over and over
/// must not fill memory, nor make guessing easy.
const MAX_FORMER: usize = 4;

/// Six digits. Shown once, to the host.
pub(crate) struct AccessCode(String);

impl AccessCode {
    fn random(random: &dyn Random) -> Self {
        const CODES: u32 = 1_000_000;
        loop {
            let mut bytes = [0; 4];
            random.fill(&mut bytes);
            let number = u32::from_le_bytes(bytes);
            // The rest of the range would make small codes likelier.
            if number < u32::MAX - u32::MAX % CODES {
                return Self(format!("{:06}", number % CODES));
            }
        }
    }

    pub(crate) fn into_digits(self) -> String {
        self.0
    }
}

/// What a guest sends of a code: 64 lower-case hex digits, as bytes.
type Hash = String;

fn hash(code: &AccessCode) -> Hash {
    to_hex(digest(&SHA256, code.0.as_bytes()).as_ref())
}

/// The codes of a session that are good.
#[derive(Debug)]
pub(crate) struct AccessCodes {
    present: Hash,
    /// With the moment from which each is no longer good, on the monotonic clock.
    former: VecDeque<(Hash, Duration)>,
}

impl AccessCodes {
    pub(crate) fn new(random: &dyn Random) -> (Self, AccessCode) {
        let code = AccessCode::random(random);
        (Self { present: hash(&code), former: VecDeque::new() }, code)
    }

    /// Another code; the one before stays good for a while.
    pub(crate) fn renew(&mut self, random: &dyn Random, now: Duration) -> AccessCode {
        let code = AccessCode::random(random);
        let before = std::mem::replace(&mut self.present, hash(&code));
        self.former.truncate(MAX_FORMER - 1);
        self.former.push_front((before, now + GRACE));
        code
    }

    /// Another code, and no other is good any more.
    pub(crate) fn replace(&mut self, random: &dyn Random) -> AccessCode {
        let (codes, code) = Self::new(random);
        *self = codes;
        code
    }

    /// Whether `hash` is that of a good code. Takes as long whichever it is.
    pub(crate) fn admits(&self, hash: &str, now: Duration) -> bool {
        let equals = |code: &str| verify_slices_are_equal(code.as_bytes(), hash.as_bytes()).is_ok();
        let former = self
            .former
            .iter()
            .fold(false, |admits, (code, until)| (equals(code) & (now < *until)) | admits);
        equals(&self.present) | former
    }
}

#[cfg(test)]
mod tests {
    use base::OsRandom;

    use super::*;

    #[test]
    fn codes_have_six_digits_and_a_former_one_lasts_two_minutes() {
        let (mut codes, first) = AccessCodes::new(&OsRandom);
        assert_eq!(first.0.len(), 6);
        assert!(first.0.bytes().all(|byte| byte.is_ascii_digit()));
        let second = codes.renew(&OsRandom, Duration::from_secs(10));
        let good = |codes: &AccessCodes, code, second| {
            codes.admits(&hash(code), Duration::from_secs(second))
        };
        assert!(good(&codes, &first, 129) && good(&codes, &second, 129));
        assert!(!good(&codes, &first, 130), "its time is over");
        assert!(good(&codes, &second, 10_000));
        assert!(!codes.admits(&hash(&second).to_uppercase(), Duration::ZERO));
        assert!(!codes.admits("", Duration::ZERO));
        let third = codes.replace(&OsRandom);
        assert!(!good(&codes, &second, 11) && good(&codes, &third, 11));
    }

    #[test]
    fn former_codes_are_bounded() {
        let (mut codes, first) = AccessCodes::new(&OsRandom);
        let later: Vec<_> = (0..10).map(|_| codes.renew(&OsRandom, Duration::ZERO)).collect();
        assert_eq!(codes.former.len(), MAX_FORMER);
        assert!(!codes.admits(&hash(&first), Duration::ZERO));
        assert!(codes.admits(&hash(&later[5]), Duration::ZERO));
    }

    #[test]
    fn the_hash_is_what_the_contract_says() {
        let hash = hash(&AccessCode("123456".into()));
        assert_eq!(hash, "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92");
    }
}
