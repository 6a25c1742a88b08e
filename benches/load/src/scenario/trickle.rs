//! A receiver of server-sent events who reads slowly: how far ahead of it does the server let
//! the sender run, and what does it keep meanwhile?

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::net::{AddressFamily, SocketType, sockopt};
use serde_json::{Value, json};

use crate::http::Http;
use crate::options::Options;
use crate::process::Process;
use crate::queues;
use crate::share::{CHUNK, Chunks, HEX, Member, PUBLIC_KEY, Session};

/// Receive buffer of the slow reader. Not much smaller: segments over loopback have 64 KiB, and
/// the kernel gives up (`TCP_USER_TIMEOUT`) a peer that has no room for one for 30 s.
const SLOW_BUFFER: usize = 128 * 1024;

/// A piece is read this often; ten of them are the rate.
const READ: Duration = Duration::from_millis(100);

const FILE: &str = "large";

/// More chunks than will be asked for.
const CHUNKS: u64 = 1_000_000;

/// First a reader as fast as its buffer is, so that the server has what it always needs; then
/// one at `--rate` bytes a second.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let mut http = Http::connect(options.target)?;
    let session = Session::new(&mut http)?;
    let guest = session.guest(&mut http)?;
    session.add(&mut http, FILE, CHUNKS * CHUNK as u64)?;
    let sender = Member::register(options.target, &session, &session.host)?;
    let mut scene = Scene { options, session, guest, sender };
    scene.read(SLOW_BUFFER, options.warmup)?;
    scene.read((options.rate * READ.as_secs_f64()) as usize, options.measured)
}

struct Scene<'a> {
    options: &'a Options,
    session: Session,
    guest: String,
    sender: Member,
}

impl Scene<'_> {
    /// Takes the file for so long, at most so many bytes ten times a second, and leaves.
    fn read(&mut self, piece: usize, span: Duration) -> anyhow::Result<Value> {
        let target = self.options.target;
        let server = Process::new(self.options.pid);
        let (before, heap_before) = (server.rss()?, server.anonymous()?);
        let mut reader = Reader::open(target, &self.session, &self.guest)?;
        let sender = &mut self.sender;
        let request = sender.asked()?;
        sender.acknowledge(&request, FILE, CHUNKS)?;

        let asked = AtomicU64::new(0);
        thread::scope(|scope| {
            let giving = scope.spawn(|| give_all(sender, &request, &asked));
            let (start, mut most_ahead) = (Instant::now(), 0.0_f64);
            let (mut highest, mut heap_highest) = (before, heap_before);
            while start.elapsed() < span {
                thread::sleep(READ);
                reader.take(piece)?;
                // In this order: what is asked for meanwhile is not counted.
                let chunks = asked.load(Ordering::Relaxed);
                let passed = reader.read + queues::between(target, reader.address)?;
                // An event is some 200 bytes more than its chunk.
                most_ahead = most_ahead.max(chunks as f64 - passed as f64 / HEX as f64);
                highest = highest.max(server.rss()?);
                heap_highest = heap_highest.max(server.anonymous()?);
                ensure!(!giving.is_finished(), "the transfer ended by itself");
            }
            let read = reader.read;
            // The reader leaves; the sender is told, and its thread ends.
            let left = Instant::now();
            drop(reader);
            giving.join().unwrap_or_else(|_| bail!("the sending thread failed"))?;
            Ok(json!({
                "bytes_per_s": self.options.rate,
                "read_bytes": read,
                "chunks_asked": asked.load(Ordering::Relaxed),
                "chunks_ahead": most_ahead,
                "rss_growth_bytes": highest as i64 - before as i64,
                "heap_growth_bytes": heap_highest as i64 - heap_before as i64,
                "told_of_leaving_s": left.elapsed().as_secs_f64(),
            }))
        })
    }
}

/// Gives what is asked for until it is told that the transfer is over.
fn give_all(sender: &mut Member, request: &str, asked: &AtomicU64) -> anyhow::Result<()> {
    let frames = Chunks::of(sender, request);
    loop {
        let frame = sender.frame()?;
        if frame["command"] == "transfer-aborted" {
            return Ok(());
        }
        ensure!(frame["command"] == "send-next-chunk", "the server says {frame}");
        asked.fetch_add(1, Ordering::Relaxed);
        let number = frame["data"]["chunk_nr"].as_u64().context("a chunk without number")?;
        frames.give(sender, number, false)?;
    }
}

struct Reader {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
    /// Bytes, those of the head included.
    read: u64,
}

impl Reader {
    fn open(target: SocketAddrV4, session: &Session, jwt: &str) -> anyhow::Result<Self> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_recv_buffer_size(&socket, SLOW_BUFFER)?;
        rustix::net::connect(&socket, &target).context("could not connect")?;
        let mut stream = TcpStream::from(socket);
        let key = PUBLIC_KEY.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let request = format!(
            "GET {}/{FILE}?public_key={key} HTTP/1.1\r\nHost: {target}\r\n\
             Authorization: Bearer {jwt}\r\nAccept: text/event-stream\r\n\r\n",
            session.path()
        );
        stream.write_all(request.as_bytes())?;
        stream.set_nonblocking(true)?;
        let address = stream.local_addr()?;
        Ok(Self { stream, address, buffer: Vec::new(), read: 0 })
    }

    /// Reads at most `most` bytes, without waiting for them.
    fn take(&mut self, most: usize) -> anyhow::Result<()> {
        self.buffer.resize(most, 0);
        match self.stream.read(&mut self.buffer) {
            Ok(0) => bail!("the server ended the stream"),
            Ok(read) => self.read += read as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("could not read"),
        }
        Ok(())
    }
}
