//! The answers to pings.
//!
//! Every ping of a peer is answered, before whatever follows the ping is handled. Pings in
//! a row are answered in one write, so a flood of them costs no more system calls than
//! reading it does. A peer that does not take its answers gets fewer: with much waiting for
//! it, only the last ping of those in a row is answered, which RFC 6455 section 5.5.3
//! permits.

use bytes::{Bytes, BytesMut};
use hub::Outbox;

use crate::frame;

/// Bytes that may wait for a peer while every ping of it is answered.
const ALL_BELOW: usize = 16 * 1024;

/// Answers that have not been sent yet.
#[derive(Debug, Default)]
pub(crate) struct Pongs {
    frames: BytesMut,
    /// Where the last one begins.
    last: usize,
}

impl Pongs {
    /// Answers a ping, when [`Pongs::send`] is next called.
    pub(crate) fn answer(&mut self, payload: &[u8]) {
        self.last = self.frames.len();
        frame::put_pong(&mut self.frames, payload);
    }

    /// Sends what there is.
    pub(crate) fn send(&mut self, outbox: &Outbox) {
        if self.frames.is_empty() {
            return;
        }
        let frames = std::mem::take(&mut self.frames);
        let frames = if outbox.queued() < ALL_BELOW {
            frames.freeze()
        } else {
            // Copied, or a few bytes would keep the memory of all of them.
            Bytes::copy_from_slice(&frames[self.last..])
        };
        outbox.send(&[frames]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{ManualClock, Timestamp};
    use hub::{Budget, Policy};

    use super::*;

    /// What a peer that has `waiting` bytes to take yet is sent for three pings in a row.
    fn answered(waiting: usize) -> Vec<u8> {
        let policy = Policy {
            cap: 1024 * 1024,
            cut: frame::CloseCode::TryAgainLater.because("too slow"),
            clock: Arc::new(ManualClock::new(Timestamp(0))),
            budget: Budget::new(usize::MAX).into(),
        };
        let outbox = Outbox::new(1, None, &frame::WEBSOCKET, Arc::new(policy));
        outbox.send(&[Bytes::from(vec![0; waiting])]);
        let mut pongs = Pongs::default();
        for payload in [&b"one"[..], b"two", b"three"] {
            pongs.answer(payload);
        }
        pongs.send(&outbox);
        pongs.send(&outbox); // Nothing twice.
        let mut sent = Vec::new();
        outbox.drain(|buffers| {
            buffers.iter().for_each(|buffer| sent.extend_from_slice(buffer));
            Ok(buffers.iter().map(|buffer| buffer.len()).sum())
        });
        sent.split_off(waiting)
    }

    #[test]
    fn every_ping_is_answered_unless_much_waits() {
        let all = b"\x8a\x03one\x8a\x03two\x8a\x05three";
        assert_eq!(answered(0), all);
        assert_eq!(answered(ALL_BELOW - 1), all);
        assert_eq!(answered(ALL_BELOW), b"\x8a\x05three");
    }
}
