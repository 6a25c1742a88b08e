//! How much each client address may register and each account's owner may write: every
//! operation asks here, so that all its faces count together. Signing in:
//! [`attempt`](crate::sign_in::attempt).
//!
//! Every write takes the one turn that all share. Ending sessions is not counted: there
//! is nothing to end that was not counted when it began, and a thief with a session
//! cannot keep the owner from throwing them out. In memory only: a restart forgives, and
//! no client can cause one.

use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock};
use limits::{Exempt, KeyThrottle, Quota, Throttle};

/// Registrations of one client address.
const REGISTRATIONS: Quota = Quota { burst: 30, refill: Duration::from_secs(10) };

/// Changes of one account's password by its owner: each costs a hash and a mail. A new
/// password by a mailed link is not counted: the owner's way back stays open.
const PASSWORD_CHANGES: Quota = Quota { burst: 5, refill: Duration::from_secs(12 * 60) };

/// Writes of one account's owner, besides sign-ins: changes of the profile, of what
/// they sign in with, and new tokens.
const WRITES: Quota = Quota { burst: 30, refill: Duration::from_secs(1) };

/// What is counted, and by what key.
#[derive(Debug)]
pub(crate) struct Quotas {
    /// By address.
    pub(crate) registrations: Throttle,
    /// Charged when a change of password is looked into.
    pub(crate) password_changes: KeyThrottle<AccountId>,
    /// Charged when a write is about to begin.
    pub(crate) writes: KeyThrottle<AccountId>,
}

impl Quotas {
    /// Nothing was asked for yet. What comes from `exempt` networks is not counted.
    pub(crate) fn new(exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        let of_account = |quota| KeyThrottle::new(quota, exempt.clone(), Arc::clone(clock));
        Self {
            registrations: Throttle::new(REGISTRATIONS, exempt.clone(), Arc::clone(clock)),
            password_changes: of_account(PASSWORD_CHANGES),
            writes: of_account(WRITES),
        }
    }
}
