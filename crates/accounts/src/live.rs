//! The sessions in use, in memory, so that authenticating a request costs no
//! query and noting an activity costs one atomic store.
//!
//! Invariant: while a [`Principal`] is held, its session is in here unless
//! it has ended; so "in here" answers "not ended" for every holder. Entries that
//! are not held may be evicted once the database knows their last use.

use std::collections::HashMap;
use std::sync::Arc;

use base::{AccountId, Principal, SessionRef, Timestamp};

use crate::secret::SecretHash;

#[derive(Debug)]
pub(crate) struct LiveSessions {
    by_token: HashMap<SecretHash, Entry>,
    by_ref: HashMap<SessionRef, SecretHash>,
    removals: u64,
    capacity: usize,
    full_at: usize,
}

#[derive(Debug)]
struct Entry {
    principal: Principal,
    /// The last use that the database knows.
    stored: Timestamp,
    /// When the database was told.
    written_at: Timestamp,
}

impl Entry {
    fn is_held(&self) -> bool {
        // New holders come from this entry or from another holder. The one exists
        // under the lock only, the other makes the count exceed one already.
        Arc::strong_count(&self.principal.activity) > 1
    }

    fn is_changed(&self) -> bool {
        self.principal.activity.last() > self.stored
    }
}

impl LiveSessions {
    pub(crate) fn new(capacity: usize) -> Self {
        let (by_token, by_ref) = (HashMap::new(), HashMap::new());
        Self { by_token, by_ref, removals: 0, capacity, full_at: capacity }
    }

    pub(crate) fn get(&self, token: &SecretHash) -> Option<Principal> {
        self.by_token.get(token).map(|entry| entry.principal.clone())
    }

    /// Whether this very principal's session is still here.
    pub(crate) fn holds(&self, principal: &Principal) -> bool {
        self.by_ref
            .get(&principal.session)
            .and_then(|token| self.by_token.get(token))
            .is_some_and(|entry| Arc::ptr_eq(&entry.principal.activity, &principal.activity))
    }

    /// How often sessions were removed so far; for [`take_in`](Self::take_in).
    pub(crate) fn removals(&self) -> u64 {
        self.removals
    }

    /// Takes in a session that was read from the database, unless any session was
    /// removed since `removals` was asked, before reading: it might be this one,
    /// ended while it was being read, and must not come back. The caller reads
    /// again then. If another request was faster, its entry is the one shared.
    pub(crate) fn take_in(
        &mut self,
        token: SecretHash,
        principal: Principal,
        removals: u64,
    ) -> Option<Principal> {
        if self.removals != removals {
            return None;
        }
        let stored = principal.activity.last();
        self.by_ref.insert(principal.session, token);
        let entry =
            self.by_token.entry(token).or_insert(Entry { principal, stored, written_at: stored });
        Some(entry.principal.clone())
    }

    /// Forgets sessions that have ended.
    pub(crate) fn remove(&mut self, sessions: impl Iterator<Item = SessionRef>) {
        self.removals += 1;
        for session in sessions {
            self.forget(session);
        }
    }

    /// Takes over another name of an account into its sessions. Counts as a removal:
    /// what is being read at this moment holds the old one.
    pub(crate) fn rename(&mut self, account: AccountId, username: &str, display_name: &str) {
        self.removals += 1;
        let entries = self.by_token.values_mut().map(|entry| &mut entry.principal);
        for principal in entries.filter(|principal| principal.account == account) {
            principal.username = username.into();
            principal.display_name = display_name.into();
        }
    }

    /// When `session` was last used, if it is here.
    pub(crate) fn last_used(&self, session: SessionRef) -> Option<Timestamp> {
        let entry = self.by_ref.get(&session).and_then(|token| self.by_token.get(token));
        entry.map(|entry| entry.principal.activity.last())
    }

    fn forget(&mut self, session: SessionRef) {
        if let Some(token) = self.by_ref.remove(&session) {
            self.by_token.remove(&token);
        }
    }

    /// Whether `session` is here and was used after `cutoff`.
    pub(crate) fn used_after(&self, session: SessionRef, cutoff: Timestamp) -> bool {
        self.last_used(session).is_some_and(|last| last > cutoff)
    }

    /// The last uses that the database does not know, of the sessions about which
    /// it was last told at `cutoff` or before.
    pub(crate) fn changed(&self, cutoff: Timestamp) -> Vec<(SessionRef, Timestamp)> {
        self.by_token
            .values()
            .filter(|entry| entry.written_at <= cutoff && entry.is_changed())
            .map(|entry| (entry.principal.session, entry.principal.activity.last()))
            .collect()
    }

    /// Corrects what was noted while the clock was ahead of `now`: what was used in the
    /// future was used now, and the database is to be told so.
    pub(crate) fn cut(&mut self, now: Timestamp) {
        for entry in self.by_token.values_mut() {
            if entry.principal.activity.last().is_ahead_of(now) {
                entry.principal.activity.touch(now);
            }
            if entry.stored.is_ahead_of(now) {
                // It may say anything: whatever the last use is, that is news.
                entry.stored = Timestamp(i64::MIN);
            }
            if entry.written_at.is_ahead_of(now) {
                entry.written_at = Timestamp(i64::MIN);
            }
        }
    }

    /// Notes that the database was told these last uses at `now`.
    pub(crate) fn written(&mut self, uses: &[(SessionRef, Timestamp)], now: Timestamp) {
        for (session, last_used) in uses {
            let token = self.by_ref.get(session);
            if let Some(entry) = token.and_then(|token| self.by_token.get_mut(token)) {
                entry.stored = entry.stored.max(*last_used);
                entry.written_at = now;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_token.len()
    }

    /// Whether room should be made before taking in another.
    pub(crate) fn is_full(&self) -> bool {
        self.by_token.len() >= self.full_at
    }

    /// Evicts what is not held and the database knows, longest unused first,
    /// until an eighth of the capacity is free. What is held stays: open sockets
    /// have a limit of their own. In any case, the next eighth comes in without
    /// looking for room again, so that the cost of looking is shared by many.
    pub(crate) fn evict(&mut self) {
        let eighth = (self.capacity / 8).max(1);
        let surplus = (self.by_token.len() + eighth).saturating_sub(self.capacity);
        let mut idle: Vec<(Timestamp, SessionRef)> = self
            .by_token
            .values()
            .filter(|entry| !entry.is_held() && !entry.is_changed())
            .map(|entry| (entry.principal.activity.last(), entry.principal.session))
            .collect();
        if surplus < idle.len() {
            idle.select_nth_unstable(surplus);
            idle.truncate(surplus);
        }
        for (_, session) in idle {
            self.forget(session);
        }
        self.full_at = self.capacity.max(self.by_token.len() + eighth);
    }
}

#[cfg(test)]
mod tests;
