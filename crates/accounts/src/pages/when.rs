//! Times on the pages: in words for everybody, in milliseconds for the script that puts
//! them into the reader's own zone.

use std::fmt;
use std::time::SystemTime;

use base::Timestamp;

/// A point in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct When(pub(super) Timestamp);

impl When {
    /// Milliseconds since 1970.
    pub(super) fn millis(self) -> i64 {
        self.0.0
    }
}

/// `06 Nov 1994, 08:49 GMT`
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), always of this length.
        let text = httpdate::fmt_http_date(SystemTime::from(self.0));
        write!(f, "{}, {} GMT", &text[5..16], &text[17..22])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_day_and_a_time() {
        assert_eq!(When(Timestamp(784_111_777_000)).to_string(), "06 Nov 1994, 08:49 GMT");
        assert_eq!(When(Timestamp(0)).to_string(), "01 Jan 1970, 00:00 GMT");
    }
}
