//! The seal that every form carries: an HMAC over the session it was shown to. Another
//! site's page cannot know it, whatever its browser leaves out (OWASP's HMAC-based
//! token pattern); the edge's rule about origins stands before it.
//!
//! It lasts as long as the session: the page is never compressed with anything that a
//! stranger chooses, so there is no BREACH to hide it from by changing it each time.

use aws_lc_rs::hmac;
use base::to_hex;

use crate::Staff;

/// What is sealed begins with this, so that no other use of the key makes our seals.
const PURPOSE: &str = "packetboat admin form";

/// Makes and checks seals.
pub(crate) struct Sealer(hmac::Key);

impl Sealer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// 64 characters of hex.
    pub(crate) fn seal(&self, staff: &Staff) -> String {
        to_hex(hmac::sign(&self.0, said(staff).as_bytes()).as_ref())
    }

    /// Compares in constant time.
    pub(crate) fn holds(&self, staff: &Staff, seal: &str) -> bool {
        let expected = self.seal(staff);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), seal.as_bytes())
            .is_ok()
    }
}

fn said(staff: &Staff) -> String {
    format!("{PURPOSE}\0{}\0{}", staff.account, staff.session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{AccountId, SessionRef};

    #[test]
    fn a_seal_holds_for_its_session_alone() {
        let staff = |session| Staff {
            account: AccountId(1),
            name: "ann".into(),
            session: SessionRef(session),
            renewed: None,
        };
        let sealer = Sealer::new(&[7; 32]);
        let seal = sealer.seal(&staff(1));
        assert!(sealer.holds(&staff(1), &seal));
        assert!(!sealer.holds(&staff(2), &seal));
        assert!(!sealer.holds(&staff(1), ""));
        assert!(!Sealer::new(&[8; 32]).holds(&staff(1), &seal));
    }
}
