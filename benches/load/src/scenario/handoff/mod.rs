//! One file from one person to another, in the dialect of Drag-n-Share: how fast, at what
//! price, and how soon it begins; beside `nc`, which only copies.

mod copy;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::http::Http;
use crate::latency::Latencies;
use crate::options::Options;
use crate::process::Process;
use crate::share::{self, CHUNK, Chunks, Member, Session};

/// Small files, for how soon the first chunk is there.
const FIRSTS: usize = 200;

const SMALL: &str = "small";
const LARGE: &str = "large";

const MB: f64 = 1e6;
const GIB: f64 = (1 << 30) as f64;

/// Small files one after the other, then a large one, then the same bytes by `nc`.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let server = Process::new(options.pid);
    let mut http = Http::connect(options.target)?;
    let session = Session::new(&mut http)?;
    let guest = session.guest(&mut http)?;
    let chunks = (options.megabytes * 1_000_000).div_ceil(CHUNK as u64);
    let bytes = chunks * CHUNK as u64;
    session.add(&mut http, SMALL, CHUNK as u64)?;
    session.add(&mut http, LARGE, bytes)?;
    let mut sender = Member::register(options.target, &session, &session.host)?;
    let mut receiver = Member::register(options.target, &session, &guest)?;

    let mut firsts = Latencies::default();
    for _ in 0..FIRSTS {
        let took = first(&mut sender, &mut receiver)?;
        firsts.record(u64::try_from(took.as_micros())?);
    }
    let (before, own_before) = (server.cpu()?, Process::own().cpu()?);
    let took = whole(&mut sender, &mut receiver, chunks)?;
    let (cpu, own) = (server.cpu()? - before, Process::own().cpu()? - own_before);
    let copied = copy::run(server, bytes)?;
    let rate = |took: Duration| bytes as f64 / took.as_secs_f64() / MB;
    let price = |cpu: Duration| cpu.as_secs_f64() / (bytes as f64 / GIB);
    Ok(json!({
        "bytes": bytes,
        "chunks": chunks,
        "mb_per_s": rate(took),
        "server_cpu_s_per_gib": price(cpu),
        "server_cpu_share": cpu.as_secs_f64() / took.as_secs_f64(),
        "generator_cpu_share": own.as_secs_f64() / took.as_secs_f64(),
        "first_chunk": firsts.summary(),
        "nc_mb_per_s": rate(copied.took),
        "nc_cpu_s_per_gib": price(copied.cpu),
    }))
}

/// A file of one chunk; how long it took from the owner's consent until it was there.
fn first(sender: &mut Member, receiver: &mut Member) -> anyhow::Result<Duration> {
    receiver.request(SMALL)?;
    let request = sender.asked()?;
    let chunks = Chunks::of(sender, &request);
    let start = Instant::now();
    sender.acknowledge(&request, SMALL, 1)?;
    ready(receiver, &request)?;
    ensure!(wanted(sender, &request)? == 1, "the first chunk was not asked for first");
    chunks.give(sender, 1, true)?;
    let frame = receiver.of("add-chunk")?;
    let took = start.elapsed();
    ensure!(share::chunk(&frame["data"])? == (1, true), "another chunk came first");
    receiver.send("received-chunk", &json!({ "request_id": request, "chunk_nr": 1 }))?;
    Ok(took)
}

/// A file of so many chunks; how long it took from the first request to the last chunk.
fn whole(sender: &mut Member, receiver: &mut Member, chunks: u64) -> anyhow::Result<Duration> {
    let start = Instant::now();
    receiver.request(LARGE)?;
    let request = sender.asked()?;
    sender.acknowledge(&request, LARGE, chunks)?;
    ready(receiver, &request)?;
    thread::scope(|scope| {
        let giving = scope.spawn(|| give_all(sender, &request, chunks));
        for expected in 1..=chunks {
            let frame = receiver.of("add-chunk")?;
            let came = share::chunk(&frame["data"])?;
            ensure!(came == (expected, expected == chunks), "{came:?} instead of {expected}");
            receiver
                .send("received-chunk", &json!({ "request_id": request, "chunk_nr": expected }))?;
        }
        let took = start.elapsed();
        giving.join().unwrap_or_else(|_| bail!("the sending thread failed"))?;
        Ok(took)
    })
}

fn ready(receiver: &mut Member, request: &str) -> anyhow::Result<()> {
    let frame = receiver.of("prepare-for-file-transfer")?;
    ensure!(frame["request_id"] == request, "another request was answered: {frame}");
    receiver.send("ready-for-file-transfer", &json!({ "request_id": request }))
}

/// Gives what is asked for until the last chunk is given.
fn give_all(sender: &mut Member, request: &str, chunks: u64) -> anyhow::Result<()> {
    let frames = Chunks::of(sender, request);
    loop {
        let number = wanted(sender, request)?;
        frames.give(sender, number, number == chunks)?;
        if number == chunks {
            return Ok(());
        }
    }
}

/// The number that is asked for next in this request. What was asked of an earlier one
/// beyond its end is passed over.
fn wanted(sender: &mut Member, request: &str) -> anyhow::Result<u64> {
    loop {
        let frame = sender.of("send-next-chunk")?;
        if frame["request_id"] == request {
            return frame["data"]["chunk_nr"]
                .as_u64()
                .context("a chunk was asked for without number");
        }
    }
}
