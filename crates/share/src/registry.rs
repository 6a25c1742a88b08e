//! Which sessions there are, by id and by name.
//!
//! Lock order: the registry's lock may be held when a session's is taken, and never the
//! other way around.

use std::collections::HashMap;
use std::sync::Arc;

use base::Random;

use crate::id::SessionId;
use crate::refusal::Refusal;
use crate::session::SessionCell;
use crate::session_name::{NameKey, SessionName};

/// Tries to find a memorable name that is free, before one is made that must be.
const NAME_TRIES: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: HashMap<SessionId, (Arc<SessionCell>, NameKey)>,
    names: HashMap<NameKey, SessionId>,
}

impl Registry {
    pub(crate) fn get(&self, id: SessionId) -> Option<Arc<SessionCell>> {
        self.sessions.get(&id).map(|(session, _)| session.clone())
    }

    pub(crate) fn named(&self, name: &str) -> Option<SessionId> {
        self.names.get(&NameKey::of(name)).copied()
    }

    pub(crate) fn all(&self) -> Vec<Arc<SessionCell>> {
        self.sessions.values().map(|(session, _)| session.clone()).collect()
    }

    /// A memorable name that no session has.
    pub(crate) fn free_name(&self, random: &dyn Random) -> SessionName {
        let is_free = |name: &SessionName| !self.names.contains_key(&name.key());
        let mut names = (0..NAME_TRIES).map(|_| SessionName::memorable(random));
        names.find(is_free).unwrap_or_else(|| SessionName::unique(random))
    }

    pub(crate) fn insert(&mut self, session: Arc<SessionCell>, name: NameKey) {
        self.names.insert(name.clone(), session.id);
        self.sessions.insert(session.id, (session, name));
    }

    /// Gives a session another name.
    ///
    /// # Errors
    /// Another session has it.
    pub(crate) fn rename(&mut self, id: SessionId, name: NameKey) -> Result<(), Refusal> {
        if self.names.get(&name).is_some_and(|other| *other != id) {
            return Err(Refusal::name_taken());
        }
        if let Some((_, present)) = self.sessions.get_mut(&id) {
            self.names.remove(present);
            *present = name.clone();
            self.names.insert(name, id);
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: SessionId) {
        if let Some((_, name)) = self.sessions.remove(&id) {
            self.names.remove(&name);
        }
    }
}
