//! Many connections that do nothing: what one of them costs in memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::settled::settled;
use crate::fleet::Fleet;
use crate::options::Options;
use crate::process::Process;

/// Connects everyone and compares the server's memory before and after.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let server = Process::new(options.pid);
    let at_start = server.rss()?;
    let identities = options.dialect.identities(options.target, options.connections)?;
    let mut fleet = Fleet::new(options.dialect, options.target)?;
    settled(&mut fleet, server)?;
    let (before, pss_before) = (server.rss()?, server.pss()?);
    let start = Instant::now();
    fleet.open_all(&identities)?;
    let connecting = start.elapsed();
    fleet.settle(Duration::from_secs(1), Duration::from_secs(60))?;
    let steady = settled(&mut fleet, server)?;
    let (after, pss_after) = (server.rss()?, server.pss()?);
    let each =
        |after: u64, before: u64| (after as f64 - before as f64) / options.connections as f64;
    Ok(json!({
        "connections": options.connections,
        "connecting_s": connecting.as_secs_f64(),
        "rss_at_start_bytes": at_start,
        "rss_before_bytes": before,
        "rss_after_bytes": after,
        "rss_per_connection_bytes": each(after, before),
        "pss_per_connection_bytes": each(pss_after, pss_before),
        "steady": steady,
    }))
}
