//! `packetboat-load`: puts one server under a known load and prints what it did.
//!
//! One process, one thread, one epoll set; it holds ten thousand WebSockets and reads
//! over a million small frames a second, so that on a machine with two cores the server
//! is the one that is measured. (A file that is handed off has two connections, and a
//! thread each.) One scenario a run, one JSON object a line on stdout, one line on stderr
//! and exit code 1 when the measurement cannot be trusted.
//!
//! Deliberately absent: TLS, compression, any address outside 127.0.0.0/8, and judgement:
//! the reader of the numbers compares the bars.

mod dialect;
mod fleet;
mod frame;
mod http;
mod latency;
mod options;
mod process;
mod queues;
mod scenario;
mod share;
mod sign_up;
mod stamp;
mod upgrade;

use std::process::ExitCode;

use anyhow::Context;
use options::{Options, Scenario};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("packetboat-load: {error:#}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("packetboat-load: {}: {error:#}", options.scenario.name());
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<serde_json::Value> {
    raise_open_files()?;
    let mut result = match options.scenario {
        Scenario::Saturated | Scenario::Paced => scenario::broadcast::run(options)?,
        Scenario::Idle => scenario::idle::run(options)?,
        Scenario::Slow => scenario::slow::run(options)?,
        Scenario::Mass => scenario::mass::run(options)?,
        Scenario::Storm => scenario::storm::run(options)?,
        Scenario::Vanish => scenario::vanish::run(options)?,
        Scenario::Handoff => scenario::handoff::run(options)?,
        Scenario::Members => scenario::members::run(options)?,
        Scenario::Trickle => scenario::trickle::run(options)?,
    };
    result["scenario"] = options.scenario.name().into();
    result["dialect"] = options.dialect.name().into();
    Ok(result)
}

/// Ten thousand sockets need more than the usual soft limit of 1,024.
fn raise_open_files() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("could not raise the limit of open files")
}
