//! Logs: one line an event, on standard error.
//!
//! Logging never fails and never waits: see [`Lines`]. A panic, of whichever thread, is a
//! line like any other, with the thread and the place.

mod lines;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic::{self, PanicHookInfo};
use std::thread;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

pub use self::lines::{Lines, MAX_QUEUED};
use crate::config::{LogFormat, Settings};

/// Lines of libraries that say again what we say, as often as it is tried: while a database
/// server is away, several times a second. What the operator asks for comes after it and holds.
const LIBRARIES: &str = "sqlx_core::pool=off,sqlx::postgres::notice=off";

/// The longest account of a panic that is logged, in characters.
const MAX_PANIC: usize = 500;

/// Sends this process's log lines, and its panics, to standard error as `settings` say.
/// Call it once. The answer is for the end of the process, when
/// [closing](Lines::close) it writes what still waits.
///
/// # Errors
/// When logging was set up before, or the level cannot be read.
pub fn init(settings: &Settings) -> anyhow::Result<Lines> {
    let filter = EnvFilter::try_new(format!("{LIBRARIES},{}", settings.log_level))?;
    // Past the standard library's lock on standard error: a thread that is stuck in a write
    // must not block other threads that write there.
    let stderr = io::stderr().as_fd().try_clone_to_owned().context("cannot use standard error")?;
    // Through the queue like every line, so that it has the same form.
    let tell = |lines| tracing::warn!(lines, "log lines were lost");
    let lines = Lines::start(File::from(stderr), tell);
    let lines = lines.context("cannot start the thread that logs")?;
    let out = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || out.clone())
        .log_internal_errors(false);
    let done = match settings.log_format {
        LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).with_ansi(false).try_init(),
    };
    done.map_err(|error| anyhow::anyhow!("cannot set up logging: {error}"))?;
    panic::set_hook(Box::new(log_panic));
    Ok(lines)
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let reason = panic.payload_as_str().unwrap_or("no text");
    let reason: String = reason.escape_debug().take(MAX_PANIC).collect();
    tracing::error!(thread, place, reason, "panicked");
}
