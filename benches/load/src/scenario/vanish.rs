//! Half of a room vanishes at once: what do those notice who stay?

use std::thread;
use std::time::{Duration, Instant};

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
    let others_settle = others.go_on();
    while settle.elapsed() < options.warmup {
        fleet.poll(Duration::from_millis(10), |_, _| {})?;
    }
    let mut others = others_settle.stop()?;
    others.fill(0)?;

    let server = Process::new(options.pid);
    let cpu = server.cpu()?;
    let vanishing = fleet.take_first(options.connections);
    let start = Instant::now();
    let others = others.go_on();
    drop(vanishing);
    let closing = start.elapsed();
    thread::sleep(options.measured);
    let cpu = server.cpu()? - cpu;
    let (lost, latency) = others.stop()?.figures();
    Ok(json!({
        "connections": options.connections,
        "vanished_in_s": closing.as_secs_f64(),
        "others": options.receivers,
        "others_cut": lost,
        "server_cpu_s": cpu.as_secs_f64(),
        "latency": latency,
    }))
}
