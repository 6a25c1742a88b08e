//! How many requests of an account are handled at once: a program with many connections gets no more of
//! the server at once than one with a few.
//!
//! Beyond [`MAX_OF_ACCOUNT`], each session still has one slot of its own: requests
//! that another session of the account holds open cannot keep its owner from ending it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Principal, SessionRef};
use limits::{Exempt, Slot, Slots};

/// Requests of one account under way that all its sessions and tokens share. A browser
/// has six connections to a server.
const MAX_OF_ACCOUNT: u32 = 16;

/// The same of one session when those are taken.
const MAX_OF_SESSION: u32 = 1;

/// When a refused request may be tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The requests that are handled now, by account and session.
#[derive(Debug)]
pub(crate) struct RequestSlots {
    exempt: Exempt,
    accounts: Slots<AccountId>,
    sessions: Slots<SessionRef>,
}

/// A request under way, until the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct RequestSlot {
    _of_account: Option<Arc<Slot<AccountId>>>,
    _of_session: Option<Arc<Slot<SessionRef>>>,
}

impl RequestSlots {
    /// Nothing is under way. What comes from `exempt` networks is not counted.
    pub(crate) fn new(exempt: Exempt) -> Self {
        let accounts = Slots::new(MAX_OF_ACCOUNT);
        Self { exempt, accounts, sessions: Slots::new(MAX_OF_SESSION) }
    }

    /// Begins a request by `caller` from `address`.
    ///
    /// # Errors
    /// When to try again, if too many are under way.
    pub(crate) fn begin(
        &self,
        caller: &Principal,
        address: IpAddr,
    ) -> Result<RequestSlot, Duration> {
        let request = |of_account: Option<_>, of_session: Option<_>| RequestSlot {
            _of_account: of_account.map(Arc::new),
            _of_session: of_session.map(Arc::new),
        };
        if self.exempt.contains(address) {
            return Ok(request(None, None));
        }
        if let Some(of_account) = self.accounts.take(caller.account) {
            return Ok(request(Some(of_account), None));
        }
        let of_session = self.sessions.take(caller.session).ok_or(RETRY)?;
        Ok(request(None, Some(of_session)))
    }
}
