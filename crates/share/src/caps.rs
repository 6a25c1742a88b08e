//! How much there may be of everything, and how often: by address, and in all.
//!
//! Every cap is named in [`Settings`]. Exempt addresses are not counted where the address is
//! what counts; what guards a secret, and what bounds the memory of all, holds for everybody.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use limits::{
    Buckets, Exempt, NetworkSlot, NetworkSlots, Quota, Rate, Slot, Slots, Throttle, Window,
    network_of,
};

use crate::id::SessionId;
use crate::refusal::Refusal;
use crate::settings::Settings;

const MINUTE: Duration = Duration::from_secs(60);

/// Wrong access codes that one address may try within [`WRONG_TRIES_SPAN`].
const WRONG_TRIES: u32 = 5;
const WRONG_TRIES_SPAN: Duration = Duration::from_secs(10);

/// Upgrades of one address to one session within [`UPGRADES_SPAN`]; more are delayed.
const UPGRADES: u32 = 10;
const UPGRADES_SPAN: Duration = Duration::from_secs(10);

/// All counters of the capability.
#[derive(Debug)]
pub(crate) struct Caps {
    exempt: Exempt,
    requests: Throttle,
    joins_of_address: Throttle,
    joins: Buckets<()>,
    upgrades_of_address: Throttle,
    upgrades: Window<(IpAddr, Option<SessionId>)>,
    wrong_tries: Window<IpAddr>,
    sessions: Places,
    members: Slots<()>,
    files: Slots<()>,
    transfers: Places,
    /// Requests that keep their HTTP connection: of those there is memory for some 1,900, and
    /// everybody needs them.
    streams: Places,
    sockets_of_address: NetworkSlots,
    bytes_of_address: Rate<IpAddr>,
    bytes: Rate<()>,
}

/// A place among those of an address, and among all.
#[derive(Debug)]
pub(crate) struct Place {
    _of_address: NetworkSlot,
    _of_all: Slot<()>,
}

/// So many places for each address, and so many in all.
#[derive(Debug)]
struct Places {
    of_address: NetworkSlots,
    of_all: Slots<()>,
    /// For a client whose address has none left.
    address_is_full: &'static str,
    /// For one that finds none left at all.
    all_is_full: &'static str,
}

impl Places {
    fn take(&self, from: IpAddr) -> Result<Place, Refusal> {
        let of_address = self.of_address.take(from);
        let of_address = of_address.ok_or_else(|| Refusal::full(self.address_is_full))?;
        let of_all = self.of_all.take(()).ok_or_else(|| Refusal::full(self.all_is_full))?;
        Ok(Place { _of_address: of_address, _of_all: of_all })
    }
}

/// How much there is now.
pub(crate) struct Counts {
    pub(crate) sessions: usize,
    pub(crate) members: usize,
    pub(crate) files: usize,
    pub(crate) transfers: usize,
}

fn a_minute(count: u32) -> Quota {
    Quota { burst: count, refill: MINUTE / count.max(1) }
}

impl Caps {
    pub(crate) fn new(settings: &Settings, exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        let throttle = |count| Throttle::new(a_minute(count), exempt.clone(), clock.clone());
        let of_address = |count| NetworkSlots::new(count, exempt.clone());
        Self {
            exempt: exempt.clone(),
            requests: throttle(settings.requests_of_address),
            joins_of_address: throttle(settings.joins_of_address),
            joins: Buckets::new(a_minute(settings.joins), clock.clone()),
            upgrades_of_address: throttle(settings.upgrades_of_address),
            upgrades: Window::new(UPGRADES, UPGRADES_SPAN, clock.clone()),
            wrong_tries: Window::new(WRONG_TRIES, WRONG_TRIES_SPAN, clock.clone()),
            sessions: Places {
                of_address: of_address(settings.max_sessions_of_address),
                of_all: Slots::new(settings.max_sessions),
                address_is_full: "As many sessions were made from your address as there may be.",
                all_is_full: "There are as many sessions as the server takes.",
            },
            members: Slots::new(settings.max_members),
            files: Slots::new(settings.max_files),
            transfers: Places {
                of_address: of_address(settings.max_transfers_of_address),
                of_all: Slots::new(settings.max_transfers),
                address_is_full: "As many transfers to your address are under way as there may be.",
                all_is_full: "As many transfers are under way as the server takes.",
            },
            streams: Places {
                of_address: of_address(settings.max_streams_of_address),
                of_all: Slots::new(settings.max_streams),
                address_is_full: "As many requests of your address are kept open as there may be.",
                all_is_full: "As many requests are kept open as the server takes.",
            },
            sockets_of_address: of_address(settings.max_sockets_of_address),
            bytes_of_address: Rate::new(settings.bytes_of_address, clock.clone()),
            bytes: Rate::new(settings.bytes, clock.clone()),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let taken = |slots: &Slots<()>| slots.taken(()) as usize;
        Counts {
            sessions: taken(&self.sessions.of_all),
            members: taken(&self.members),
            files: taken(&self.files),
            transfers: taken(&self.transfers.of_all),
        }
    }

    /// Counts an HTTP request.
    pub(crate) fn request(&self, from: IpAddr) -> Result<(), Refusal> {
        self.requests.consume(from).map(drop).map_err(Refusal::too_often)
    }

    /// Counts an upgrade to WebSocket.
    pub(crate) fn upgrade(&self, from: IpAddr) -> Result<(), Refusal> {
        self.upgrades_of_address.consume(from).map(drop).map_err(Refusal::too_often)
    }

    /// Counts an upgrade to the socket of one session, or says for how long it is delayed.
    pub(crate) fn upgrade_to(
        &self,
        session: Option<SessionId>,
        from: IpAddr,
    ) -> Result<(), Duration> {
        if self.exempt.contains(from) {
            return Ok(());
        }
        self.upgrades.consume((network_of(from), session))
    }

    /// Counts a request to join, whatever comes of it.
    pub(crate) fn join(&self, from: IpAddr) -> Result<(), Refusal> {
        self.joins_of_address.consume(from).map(drop).map_err(Refusal::too_often)
    }

    /// Counts an access code that is about to be compared: of all, so what is not compared
    /// must not come here, or a flood of nonsense would keep everybody out.
    pub(crate) fn comparison(&self) -> Result<(), Refusal> {
        self.joins.consume(()).map(drop).map_err(Refusal::too_often)
    }

    /// Whether `from` may try an access code. Counts nothing.
    pub(crate) fn may_try_code(&self, from: IpAddr) -> Result<(), Refusal> {
        self.wrong_tries.wait(network_of(from)).map_or(Ok(()), |wait| Err(Refusal::too_often(wait)))
    }

    /// Counts a wrong access code.
    pub(crate) fn wrong_code(&self, from: IpAddr) -> Result<(), Refusal> {
        self.wrong_tries.consume(network_of(from)).map_err(Refusal::too_often)
    }

    pub(crate) fn session(&self, from: IpAddr) -> Result<Place, Refusal> {
        self.sessions.take(from)
    }

    pub(crate) fn member(&self) -> Result<Slot<()>, Refusal> {
        let full = || Refusal::full("There are as many members as the server takes.");
        self.members.take(()).ok_or_else(full)
    }

    pub(crate) fn file(&self) -> Option<Slot<()>> {
        self.files.take(())
    }

    pub(crate) fn transfer(&self, from: IpAddr) -> Result<Place, Refusal> {
        self.transfers.take(from)
    }

    /// For a receiver by events, and for an upgrade while it is delayed.
    pub(crate) fn stream(&self, from: IpAddr) -> Result<Place, Refusal> {
        self.streams.take(from)
    }

    pub(crate) fn socket(&self, from: IpAddr) -> Result<NetworkSlot, Refusal> {
        let full = || Refusal::full("As many sockets of your address are open as there may be.");
        self.sockets_of_address.take(from).ok_or_else(full)
    }

    /// Charges for bytes that have come from a sender at `from`.
    pub(crate) fn charge_bytes(&self, from: IpAddr, bytes: u64) {
        self.bytes.charge((), bytes);
        if !self.exempt.contains(from) {
            self.bytes_of_address.charge(network_of(from), bytes);
        }
    }

    /// How long to wait before a sender at `from` is asked for more, in whatever transfer.
    pub(crate) fn wait_for_bytes(&self, from: IpAddr) -> Duration {
        let all = self.bytes.wait(());
        if self.exempt.contains(from) {
            return all;
        }
        all.max(self.bytes_of_address.wait(network_of(from)))
    }
}
