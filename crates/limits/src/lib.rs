//! Counting: rate limits, waits after failures, and how much may be under way at once.
//!
//! | to say | take |
//! |---|---|
//! | so many at once, then one in each span, for each key | [`Buckets`] |
//! | the same for each client address | [`Throttle`] |
//! | the same for each key, but not for clients in exempt networks | [`KeyThrottle`] |
//! | the same for one thing, on a path too hot for a lock | [`Bucket`] |
//! | so many in any span, and all of them again a span later, for each key | [`Window`] |
//! | so many units a second where what has come cannot be refused (bytes), for each key | [`Rate`] |
//! | so many failures, then waits that grow, or none ever again ([`NEVER`]) | [`Backoff`] |
//! | so many under way at once, for each key | [`Slots`] |
//! | the same for each client address | [`NetworkSlots`] |
//!
//! Which key, how many and how long is said by the capability that has the rule;
//! `tests/rules.rs` states rules of several kinds with these parts.
//!
//! Invariants: memory is bounded, by [`MAX_KEYS`] for each rate limit, window and
//! back-off, and by what is under way for slots; nothing is kept of a key that owes
//! nothing. Times are read from the project's clock, on its monotonic side. Nothing here
//! waits.
//!
//! Deliberately absent: HTTP (what a refusal answers), tasks and queues (who waits for
//! a slot), and anything that survives a restart: a rule that must is a column of the
//! capability's own table.

mod backoff;
mod buckets;
mod gcra;
mod network;
mod rate;
mod slots;
mod table;
mod throttle;
mod window;

pub use backoff::{Attempt, Backoff, Escalation, NEVER};
pub use buckets::{Buckets, Charge};
pub use gcra::{Bucket, Quota};
pub use network::{Exempt, is_in, network_of, site_of};
pub use rate::Rate;
pub use slots::{NetworkSlot, NetworkSlots, Slot, Slots};
pub use table::MAX_KEYS;
pub use throttle::{KeyThrottle, Throttle};
pub use window::Window;
