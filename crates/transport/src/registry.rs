//! Which connections are open: for the sweep, the drain and an operator's list.
//!
//! A connection is registered as long as its [`Registration`] lives. Connections that are
//! served others (Socket.IO's) are on the list only, as long as their [`Listed`] lives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Owner, Timestamp};
use hub::Outbox;
use parking_lot::Mutex;

use crate::sweep::Heartbeat;

/// Spreads opening and closing connections over several locks.
const SHARDS: usize = 16;

/// A connection that is open, as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSocket {
    /// Its number, rising with every connection of the process.
    pub id: u64,
    /// The person it belongs to, if any.
    pub owner: Option<Owner>,
    /// The client's address.
    pub from: IpAddr,
    /// When it was opened.
    pub since: Timestamp,
    /// Bytes waiting for it.
    pub queued: usize,
}

/// Every open connection. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    shards: [Mutex<HashMap<u64, Registered>>; SHARDS],
    /// Connections that are served others.
    others: Mutex<HashMap<u64, OtherConnection>>,
    open: AtomicUsize,
}

#[derive(Debug)]
struct Registered {
    heartbeat: Arc<Heartbeat>,
    from: IpAddr,
    since: Timestamp,
}

#[derive(Debug)]
struct OtherConnection {
    outbox: Arc<Outbox>,
    from: IpAddr,
    since: Timestamp,
}

impl Registered {
    fn shown(&self) -> OpenSocket {
        shown(self.heartbeat.outbox(), self.from, self.since)
    }
}

impl OtherConnection {
    fn shown(&self) -> OpenSocket {
        shown(&self.outbox, self.from, self.since)
    }
}

fn shown(outbox: &Outbox, from: IpAddr, since: Timestamp) -> OpenSocket {
    OpenSocket { id: outbox.id(), owner: outbox.owner(), from, since, queued: outbox.queued() }
}

/// Takes a connection out of the registry when dropped, however the connection ended.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Registry,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.shard(self.id).lock().remove(&self.id);
        let open = self.registry.0.open.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("packetboat_sockets_open").set(open as f64);
    }
}

/// A connection that is served others, on the list while this lives.
#[derive(Debug)]
pub struct Listed {
    registry: Registry,
    id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.registry.0.others.lock().remove(&self.id);
    }
}

impl Registry {
    /// Registers the connection of a client at `from`.
    pub(crate) fn register(
        &self,
        heartbeat: Arc<Heartbeat>,
        from: IpAddr,
        since: Timestamp,
    ) -> Registration {
        let id = heartbeat.outbox().id();
        self.shard(id).lock().insert(id, Registered { heartbeat, from, since });
        let open = self.0.open.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("packetboat_sockets_open").set(open as f64);
        Registration { registry: self.clone(), id }
    }

    /// Lists a connection that is served others.
    pub(crate) fn list(&self, outbox: Arc<Outbox>, from: IpAddr, since: Timestamp) -> Listed {
        let id = outbox.id();
        self.0.others.lock().insert(id, OtherConnection { outbox, from, since });
        Listed { registry: self.clone(), id }
    }

    /// Registered connections.
    pub(crate) fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// All of both kinds, in no order.
    pub(crate) fn all(&self) -> Vec<OpenSocket> {
        let mut open = Vec::with_capacity(self.open());
        for shard in &self.0.shards {
            open.extend(shard.lock().values().map(Registered::shown));
        }
        open.extend(self.0.others.lock().values().map(OtherConnection::shown));
        open
    }

    /// One of either kind.
    pub(crate) fn get(&self, id: u64) -> Option<OpenSocket> {
        let own = self.shard(id).lock().get(&id).map(Registered::shown);
        own.or_else(|| self.0.others.lock().get(&id).map(OtherConnection::shown))
    }

    /// The outbox of one of either kind.
    pub(crate) fn outbox(&self, id: u64) -> Option<Arc<Outbox>> {
        let own = self.shard(id).lock().get(&id).map(|own| own.heartbeat.outbox().clone());
        own.or_else(|| self.0.others.lock().get(&id).map(|other| other.outbox.clone()))
    }

    /// The registered ones, shard by shard. Copied out: a ping is a system call, and opening
    /// a connection should not wait behind thousands of them.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Vec<Arc<Heartbeat>>> {
        let copied = |shard: &Mutex<HashMap<u64, Registered>>| {
            shard.lock().values().map(|registered| registered.heartbeat.clone()).collect()
        };
        self.0.shards.iter().map(copied)
    }

    fn shard(&self, id: u64) -> &Mutex<HashMap<u64, Registered>> {
        &self.0.shards[(id % SHARDS as u64) as usize]
    }
}
