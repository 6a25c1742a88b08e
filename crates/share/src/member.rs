//! A member of a session: its host, or a guest.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hub::Outbox;
use limits::{NetworkSlot, Slot};

use crate::token::TOKEN_LIFE;

/// How long after losing its socket a member may register with a token that has expired.
const EXPIRED_GRACE: Duration = Duration::from_secs(60);

/// A socket of the old dialect, as long as it is open.
#[derive(Debug)]
pub(crate) struct ShareConnection {
    pub(crate) outbox: Arc<Outbox>,
    /// The client's address.
    pub(crate) from: IpAddr,
    /// A page opened it, and not a script.
    pub(crate) has_origin: bool,
    /// Counts it among the sockets of its network.
    pub(crate) _slot: NetworkSlot,
}

impl ShareConnection {
    pub(crate) fn send(&self, frame: Bytes) {
        self.outbox.send(&[frame]);
    }
}

/// Where a member hears, and how it takes chunks.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) connection: Arc<ShareConnection>,
    /// Chunks that may be on their way to it.
    pub(crate) window: u32,
    /// It loses chunks that come faster than it writes: the original's web app.
    pub(crate) is_paced: bool,
}

/// One person's part in a session.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) is_host: bool,
    /// On the monotonic clock: from here its token is good for an hour.
    joined: Duration,
    pub(crate) seat: Option<Seat>,
    /// When it lost its socket, if it has none.
    lost: Option<Duration>,
    /// Counts it among all members of the server.
    _slot: Slot<()>,
}

impl Member {
    pub(crate) fn new(is_host: bool, joined: Duration, slot: Slot<()>) -> Self {
        Self { is_host, joined, seat: None, lost: None, _slot: slot }
    }

    /// Whether its token is good for HTTP requests.
    pub(crate) fn has_good_token(&self, now: Duration) -> bool {
        now.saturating_sub(self.joined) < TOKEN_LIFE
    }

    /// Whether it may register: with a good token, or where it goes on.
    pub(crate) fn may_register(&self, now: Duration) -> bool {
        let goes_on = self.seat.is_some()
            || self.lost.is_some_and(|lost| now.saturating_sub(lost) < EXPIRED_GRACE);
        self.has_good_token(now) || goes_on
    }

    /// It will not be heard of any more.
    pub(crate) fn is_gone(&self, now: Duration) -> bool {
        !self.may_register(now)
    }

    /// Whether `connection` is the one on which it is registered.
    pub(crate) fn is_on(&self, connection: &Arc<ShareConnection>) -> bool {
        self.seat.as_ref().is_some_and(|seat| Arc::ptr_eq(&seat.connection, connection))
    }

    pub(crate) fn take_seat(&mut self, seat: Seat) {
        self.seat = Some(seat);
        self.lost = None;
    }

    pub(crate) fn lose_seat(&mut self, now: Duration) {
        self.seat = None;
        self.lost = Some(now);
    }

    /// Whether it is coming back from a break of less than `span`.
    pub(crate) fn is_back_within(&self, span: Duration, now: Duration) -> bool {
        self.lost.is_some_and(|lost| now.saturating_sub(lost) < span)
    }

    /// Whether it has been without a socket since `then`, and not registered in between.
    pub(crate) fn is_away_since(&self, then: Duration) -> bool {
        self.lost == Some(then)
    }

    pub(crate) fn tell(&self, frame: Bytes) {
        if let Some(seat) = &self.seat {
            seat.connection.send(frame);
        }
    }
}
