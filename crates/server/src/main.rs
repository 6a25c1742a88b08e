//! The `packetboat` command: the process around the server.

mod database_commands;
mod greeting;
mod progress;
mod signals;

use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::cli::{AdminCommand, Cli, Command, MailCommand};
use server::{AdminCreated, Environment, Settings, logging};

use crate::signals::Signals;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell reports for a process ended by a second signal: 128 + SIGINT.
const ABORTED: u8 = 130;

/// The exit code after a panic of a task that the server cannot do without: EX_SOFTWARE of
/// sysexits.h. Not 0, so that a service manager starts the server again.
const FAILED: u8 = 70;

/// How long the end of the process waits for the reader of the log.
const LOG_LIMIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|error| {
        let _ = io::stderr().write_all(complaint(&error).as_bytes());
        ExitCode::FAILURE
    })
}

/// One line, whatever a library put into its message, and nothing twice: many errors tell
/// their causes themselves.
fn complaint(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    format!("packetboat: {}\n", line.replace('\n', " "))
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Config(options) => {
            let layers = options.layers()?;
            Settings::from_layers(&layers)?;
            write!(io::stdout(), "{layers}").context("cannot write to standard output")?;
        }
        Command::Mail(MailCommand::Test { address, options }) => {
            mail_test(&Settings::from_layers(&options.layers()?)?, address)?;
        }
        Command::Admin(AdminCommand::Create { email, password_stdin, options }) => {
            let settings = Settings::from_layers(&options.layers()?)?;
            admin_create(&settings, email, *password_stdin)?;
        }
        Command::Export { folder, options } => {
            database_commands::export(&Settings::from_layers(&options.layers()?)?, folder)?;
        }
        Command::Import { folder, past, options } => {
            let settings = Settings::from_layers(&options.layers()?)?;
            database_commands::import(&settings, folder, past.moving)?;
        }
        Command::Backup { file, options } => {
            database_commands::backup(&Settings::from_layers(&options.layers()?)?, file)?;
        }
        Command::Restore { file, past, options } => {
            let settings = Settings::from_layers(&options.layers()?)?;
            database_commands::restore(&settings, file, past.moving)?;
        }
        Command::Serve(options) => return serve(options.settings()?),
    }
    Ok(ExitCode::SUCCESS)
}

fn mail_test(settings: &Settings, address: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .context("cannot start the runtime")?
        .block_on(server::mail_test(settings, address))?;
    writeln!(io::stdout(), "{outcome}").context("cannot write to standard output")
}

fn admin_create(settings: &Settings, email: &str, password_stdin: bool) -> anyhow::Result<()> {
    let password = password_stdin.then(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line.trim_end_matches(['\r', '\n']).to_owned())
    });
    let password = password.transpose().context("cannot read the password")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let created = runtime
        .context("cannot start the runtime")?
        .block_on(server::admin_create(settings, email, password))?;
    let text = match created {
        AdminCreated::New(Some(password)) => {
            format!("Made {email} an administrator. The password, shown only here: {password}")
        }
        AdminCreated::New(None) => format!("Made {email} an administrator."),
        AdminCreated::Promoted => format!("{email} was there already and is an administrator now."),
    };
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}

/// How a server that had started ended.
enum Ended {
    /// By a signal, in order.
    Drained,
    /// In order, because it could not do its work any more.
    Failed,
    /// By a second signal.
    Aborted,
}

fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let log = logging::init(&settings)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Fails only if one is installed already, which is as good.
    let _ = provider.install_default();
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    // A task of its own, so that a panic in it is an end like any other.
    let ended = runtime.block_on(async { tokio::spawn(until_ended(settings)).await });
    let code = match ended {
        Ok(Ok(Ended::Drained)) => ExitCode::SUCCESS,
        Ok(Ok(Ended::Failed)) | Err(_) => ExitCode::from(FAILED),
        Ok(Ok(Ended::Aborted)) => ExitCode::from(ABORTED),
        Ok(Err(error)) => {
            log.push(complaint(&error).as_bytes());
            ExitCode::FAILURE
        }
    };
    // What a thread does that is stuck (in a file system, say) is not waited for.
    runtime.shutdown_background();
    log.close(LOG_LIMIT);
    Ok(code)
}

async fn until_ended(settings: Settings) -> anyhow::Result<Ended> {
    // Before starting: a signal during the start is not lost.
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let greeting = greeting::Greeting::new(&settings);
    let data = settings.data.clone();
    let mut starting = pin!(server::start(settings, Environment::default()));
    let mut ends = false;
    let running = loop {
        tokio::select! {
            started = &mut starting => break started?,
            // A start is not cut off in the middle of what it does to the database.
            name = signals.next() => {
                tracing::info!(signal = name, "stopping once the start is through");
                if std::mem::replace(&mut ends, true) {
                    return Ok(aborted(name));
                }
            }
        }
    };
    if !ends {
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(version, addresses = ?running.addresses(), data = %data.display(), "ready");
        greeting.print(running.addresses(), running.setup_path());
        tokio::select! {
            name = signals.next() => tracing::info!(signal = name, "draining"),
            () = running.failed() => tracing::error!("draining, because a task has panicked"),
        }
    }
    let drained = tokio::select! {
        drained = running.drain() => drained,
        name = signals.next() => return Ok(aborted(name)),
    };
    if !drained.complete {
        tracing::warn!("some connections did not end in time and were cut");
    }
    tracing::info!("stopped");
    Ok(if drained.failed { Ended::Failed } else { Ended::Drained })
}

fn aborted(signal: &str) -> Ended {
    tracing::warn!(signal, "stopped without draining");
    Ended::Aborted
}

/// Every connection is an open file, and the usual soft limit of 1,024 is made
/// for programs with few.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, soft = ?limit.current, "cannot raise the limit of open files");
    }
}
