//! Half of a room vanishes at once: what do those notice who stay?

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::others::Others;
use crate::fleet::Fleet;
use crate::options::Options;
use crate::process::Process;

/// Connects both halves, drops one and measures the other for the measured time.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let people = options.receivers + 1;
    let mut identities =
        options.dialect.identities(options.target, options.connections + people)?;
    let of_others = identities.split_off(options.connections);
    let mut fleet = Fleet::new(options.dialect, options.target)?;
    fleet.open_all(&identities)?;
    // Those who stay come last: what joining costs is over when they are all there.
    let mut others = Others::connect(options, &of_others)?;
    others.fill(1)?;
    let settle = Instant::now();
    while settle.elapsed() < options.warmup {
        others.step()?;
        fleet.poll(std::time::Duration::ZERO, |_, _| {})?;
    }
    others.fill(0)?;

    let server = Process::new(options.pid);
    let cpu = server.cpu()?;
    let vanishing = fleet.take_first(options.connections);
    let start = Instant::now();
    let closing = thread::spawn(move || {
        drop(vanishing);
        start.elapsed()
    });
    while start.elapsed() < options.measured {
        others.step()?;
    }
    let closing = closing.join().map_err(|_| anyhow::anyhow!("the closing thread failed"))?;
    let cpu = server.cpu()? - cpu;
    let (lost, latency) = others.figures();
    Ok(json!({
        "connections": options.connections,
        "vanished_in_s": closing.as_secs_f64(),
        "others": options.receivers,
        "others_cut": lost,
        "server_cpu_s": cpu.as_secs_f64(),
        "latency": latency,
    }))
}
