//! What it costs only to copy the bytes: `nc` listens, is sent them over TCP, and writes them
//! into a pipe. It runs where the server runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::Pid;
use rustix::thread::{sched_getaffinity, sched_setaffinity};

use crate::process::Process;
use crate::share::CHUNK;

/// `nc` that does not listen within this has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What copying took.
pub(super) struct Copied {
    pub(super) took: Duration,
    pub(super) cpu: Duration,
}

/// Copies so many bytes, of any content.
pub(super) fn run(server: Process, bytes: u64) -> anyhow::Result<Copied> {
    let address = free_address()?;
    let mut copier = Copier::start(server, address)?;
    let mut output = copier.0.stdout.take().context("a pipe was asked for")?;
    // Open until all is measured: at the end of its input it ends.
    let input = connect(address)?;
    let process = Process::new(copier.0.id());
    let before = process.cpu()?;
    let start = Instant::now();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let block = [0x5a; CHUNK];
            (0..bytes / CHUNK as u64).try_for_each(|_| (&input).write_all(&block))
        });
        let (mut block, mut copied) = (vec![0; CHUNK], 0);
        while copied < bytes {
            let read = output.read(&mut block)?;
            ensure!(read > 0, "nc ended after {copied} of {bytes} bytes");
            copied += read as u64;
        }
        writing.join().map_err(|_| anyhow::anyhow!("the writing thread failed"))??;
        Ok(Copied { took: start.elapsed(), cpu: process.cpu()? - before })
    })
}

/// `nc`; killed when dropped.
struct Copier(Child);

impl Copier {
    fn start(server: Process, address: SocketAddrV4) -> anyhow::Result<Self> {
        let child = Command::new("nc")
            .args(["-l", &address.ip().to_string(), &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("nc: install OpenBSD's netcat (Debian: netcat-openbsd)")?;
        let copier = Self(child);
        let same = sched_getaffinity(Some(server.id()?)).context("the server's CPUs")?;
        sched_setaffinity(Some(Pid::from_child(&copier.0)), &same).context("nc's CPUs")?;
        Ok(copier)
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One that was free a moment ago: `nc` cannot say which port it took.
fn free_address() -> anyhow::Result<SocketAddrV4> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr()?.port()))
}

fn connect(address: SocketAddrV4) -> anyhow::Result<TcpStream> {
    let start = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed() > PATIENCE => return Err(error).context("nc"),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}
