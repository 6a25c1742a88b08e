//! The message text: when it was sent, in a form that is found without parsing JSON.
//!
//! `@` and sixteen digits of microseconds since the generator started, then filler. No
//! other part of any dialect's frame contains `@`.

use std::time::Instant;

/// Bytes a stamp takes: no text is shorter.
pub(crate) const LENGTH: usize = 17;

const MARK: u8 = b'@';

/// Turns moments into texts and back.
#[derive(Clone, Copy)]
pub(crate) struct Stamps {
    start: Instant,
    /// Bytes of the whole text.
    text: usize,
}

impl Stamps {
    /// Texts of `text` bytes, at least [`LENGTH`].
    pub(crate) fn new(text: usize) -> Self {
        Self { start: Instant::now(), text }
    }

    /// Microseconds since the generator started.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The text of a message sent at `moment`.
    pub(crate) fn text(&self, moment: u64) -> String {
        format!("@{moment:016}{:x<1$}", "", self.text.saturating_sub(LENGTH))
    }

    /// The moment in a frame's payload, wherever the dialect has put the text.
    pub(crate) fn find(payload: &[u8]) -> Option<u64> {
        let mark = payload.iter().position(|byte| *byte == MARK)?;
        payload.get(mark + 1..mark + LENGTH)?.iter().try_fold(0, |moment: u64, byte| {
            byte.is_ascii_digit().then(|| moment * 10 + u64::from(byte - b'0'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stamps;

    #[test]
    fn a_moment_survives_the_way() {
        let stamps = Stamps::new(64);
        let text = stamps.text(12_345_678);
        assert_eq!(text.len(), 64);
        let frame = format!("{{\"message\":\"{text}\",\"author\":\"u1\"}}");
        assert_eq!(Stamps::find(frame.as_bytes()), Some(12_345_678));
    }

    #[test]
    fn frames_without_a_stamp_have_none() {
        assert_eq!(Stamps::find(b"{\"status\":true}"), None);
        assert_eq!(Stamps::find(b"@12"), None);
        assert_eq!(Stamps::find(b"@123456789012345x"), None);
    }
}
