//! One receiver stops reading: do the others notice, what does it cost, how is it told?

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use super::room::{Counted, Pace, Room};
use crate::fleet::Ending;
use crate::options::Options;
use crate::process::Process;

/// Receive buffer of the slow reader: small, so that it is soon the server's problem.
const SLOW_BUFFER: usize = 4096;

/// The server's memory is looked at this often.
const LOOK: Duration = Duration::from_millis(100);

/// Time for the slow reader to read what is left for it, once it reads again.
const READ_AGAIN: Duration = Duration::from_secs(15);

/// First everyone reads, then one does not, on the same connections.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let server = Process::new(options.pid);
    let mut room = Room::assemble(options, Pace::PerSecond(options.rate), Some(SLOW_BUFFER))?;
    room.run(options.warmup)?;

    room.start_counting();
    let (_, highest_without) = watch(&mut room, server, options.measured, |_| false)?;
    let without = room.counted();

    let id = room.apart.as_ref().context("nobody is apart")?.id;
    room.fleet.pause(id, true)?;
    room.start_counting();
    let cut = |room: &Room| {
        room.apart.as_ref().is_some_and(|apart| apart.seen_leaving || apart.ending.is_some())
    };
    let (stalled, highest_with) = watch(&mut room, server, options.stall, cut)?;
    let with = room.counted();
    let was_cut = cut(&room);

    room.fleet.pause(id, false)?;
    let before = room.apart.as_ref().map_or(0, |apart| apart.received);
    let ended = |room: &Room| room.apart.as_ref().is_some_and(|apart| apart.ending.is_some());
    watch(&mut room, server, READ_AGAIN, ended)?;
    let apart = room.apart.take().context("nobody is apart")?;
    Ok(json!({
        "receivers": options.receivers,
        "rate": options.rate,
        "text_bytes": options.text,
        "without": phase(without, options.measured, highest_without)?,
        "with": phase(with, stalled, highest_with)?,
        "rss_growth_bytes": highest_with as i64 - highest_without as i64,
        "cut_off": was_cut,
        "stalled_s": stalled.as_secs_f64(),
        "read_afterwards": apart.received - before,
        "ending": ending(apart.ending),
    }))
}

/// Runs the room for `time` or until `done`; returns how long, and the highest memory.
fn watch(
    room: &mut Room,
    server: Process,
    time: Duration,
    done: impl Fn(&Room) -> bool,
) -> anyhow::Result<(Duration, u64)> {
    let (start, mut highest) = (Instant::now(), server.rss()?);
    while start.elapsed() < time && !done(room) {
        room.run(LOOK)?;
        highest = highest.max(server.rss()?);
    }
    Ok((start.elapsed(), highest))
}

fn phase(counted: Counted, time: Duration, highest: u64) -> anyhow::Result<Value> {
    Room::check(&counted)?;
    Ok(json!({
        "messages_per_s": counted.messages as f64 / time.as_secs_f64(),
        "deliveries_per_s": counted.deliveries as f64 / time.as_secs_f64(),
        "left_out": counted.left_out,
        "latency": counted.latencies.summary(),
        "highest_rss_bytes": highest,
    }))
}

fn ending(ending: Option<Ending>) -> Value {
    match ending {
        Some(Ending::Code(code)) => code.into(),
        Some(Ending::Silent) => "end of stream without a close frame".into(),
        Some(Ending::Broken(kind)) => kind.to_string().into(),
        Some(Ending::Wrong(what)) => what.into(),
        None => "still open".into(),
    }
}
