//! When the server's memory may be read: connections do nothing, and it stands still.

use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::process::Process;

/// The server is settled when its memory changed by less than this share between looks.
const STEADY: f64 = 0.002;

/// Time between two looks, and the longest time to wait for steadiness.
const LOOK: Duration = Duration::from_secs(3);
const SETTLE_LIMIT: Duration = Duration::from_secs(45);

/// Keeps the connections alive until the server's memory stands still; `false` if it did
/// not within [`SETTLE_LIMIT`].
pub(super) fn settled(fleet: &mut Fleet, server: Process) -> anyhow::Result<bool> {
    let start = Instant::now();
    let mut last = server.rss()?;
    while start.elapsed() < SETTLE_LIMIT {
        let look = Instant::now();
        while look.elapsed() < LOOK {
            fleet.settle(Duration::from_millis(100), LOOK)?;
        }
        let now = server.rss()?;
        if now.abs_diff(last) as f64 <= last as f64 * STEADY {
            return Ok(true);
        }
        last = now;
    }
    Ok(false)
}
