//! One room, many receivers: saturated, or at a fixed pace.

use std::time::Instant;

use serde_json::{Value, json};

use super::room::{Pace, Room};
use crate::options::{Options, Scenario};
use crate::process::Process;

/// Warms up, measures, reports.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let pace = match options.scenario {
        Scenario::Paced => Pace::PerSecond(options.rate),
        _ => Pace::Window(options.window),
    };
    let server = Process::new(options.pid);
    let mut room = Room::assemble(options, pace, None)?;
    room.run(options.warmup)?;
    room.start_counting();
    let (start, cpu, own) = (Instant::now(), server.cpu()?, Process::own().cpu()?);
    room.run(options.measured)?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), server.cpu()? - cpu);
    let own = Process::own().cpu()? - own;
    let counted = room.counted();
    Room::check(&counted)?;
    let deliveries = counted.deliveries as f64;
    Ok(json!({
        "receivers": options.receivers,
        "senders": options.senders,
        "text_bytes": options.text,
        "seconds": seconds,
        "messages_per_s": counted.messages as f64 / seconds,
        "deliveries_per_s": deliveries / seconds,
        "left_out": counted.left_out,
        "server_cpu_s_per_million": cpu.as_secs_f64() / (deliveries / 1e6),
        "server_cpu_share": cpu.as_secs_f64() / seconds,
        "generator_cpu_share": own.as_secs_f64() / seconds,
        "latency": counted.latencies.summary(),
        "server_rss_bytes": server.rss()?,
    }))
}
