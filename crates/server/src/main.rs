//! The `packetboat` command: the process around the server.

mod greeting;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::cli::{AdminCommand, Cli, Command, MailCommand};
use server::{AdminCreated, Environment, Settings, logging};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell reports for a process ended by a second signal: 128 + SIGINT.
const ABORTED: i32 = 130;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever a library put into its message.
            let line = format!("{error:#}").replace('\n', " ");
            let _ = writeln!(io::stderr(), "packetboat: {line}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::Config(options) => {
            let layers = options.layers()?;
            Settings::from_layers(&layers)?;
            write!(io::stdout(), "{layers}").context("cannot write to standard output")
        }
        Command::Mail(MailCommand::Test { address, options }) => {
            mail_test(&Settings::from_layers(&options.layers()?)?, address)
        }
        Command::Admin(AdminCommand::Create { email, password_stdin, options }) => {
            let settings = Settings::from_layers(&options.layers()?)?;
            admin_create(&settings, email, *password_stdin)
        }
        Command::Serve(options) => serve(options.settings()?),
    }
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

fn serve(settings: Settings) -> anyhow::Result<()> {
    logging::init(&settings)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Fails only if one is installed already, which is as good.
    let _ = provider.install_default();
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(until_signalled(settings))
}

async fn until_signalled(settings: Settings) -> anyhow::Result<()> {
    // Before starting: a signal during the start is not lost.
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let greeting = greeting::Greeting::new(&settings);
    let data = settings.data.clone();
    let running = server::start(settings, Environment::default()).await?;
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, addresses = ?running.addresses(), data = %data.display(), "ready");
    greeting.print(running.addresses(), running.setup_path());

    let name = signals.next().await;
    tracing::info!(signal = name, "draining");
    let drained = tokio::select! {
        drained = running.drain() => drained,
        name = signals.next() => {
            tracing::warn!(signal = name, "stopped without draining");
            std::process::exit(ABORTED);
        }
    };
    if !drained.complete {
        tracing::warn!("some connections did not end in time and were cut");
    }
    tracing::info!("stopped");
    Ok(())
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
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
