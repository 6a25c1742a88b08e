//! The command line: what can be asked of `packetboat`, and nothing done yet.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::Settings;
use crate::config::{ConfigError, Flags, Layers};

/// Chat, live file hand-off, gated downloads and linked phones for your community,
/// from one program on your own machine.
#[derive(Debug, Parser)]
#[command(name = "packetboat", version, max_term_width = 100)]
#[command(after_help = "Settings come from defaults, then the file, then the environment \
    (PACKETBOAT_LISTEN, PACKETBOAT_TLS__CERT, ...), then flags. \
    \"packetboat config\" shows all of them.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `packetboat` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until SIGTERM or Ctrl-C.
    Serve(ServeOptions),
    /// Print the settings in force and where each came from, secrets hidden.
    Config(Options),
    /// Look after administrators.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Look after mail.
    #[command(subcommand)]
    Mail(MailCommand),
    /// Write everything in the database to files in a folder, for another database or to
    /// keep. Works while the server runs. Credentials are among it, as hashes.
    Export {
        /// The folder; made, or there and empty.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Where the settings are.
        #[command(flatten)]
        options: Options,
    },
    /// Fill an empty database from an export, of whatever kind of database that was. The
    /// server must not run.
    Import {
        /// The folder that "packetboat export" has written.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// What is kept.
        #[command(flatten)]
        past: Past,
        /// Where the settings are.
        #[command(flatten)]
        options: Options,
    },
    /// Copy the SQLite database to one file. Works while the server runs.
    Backup {
        /// The file, which must not exist.
        file: PathBuf,
        /// Where the settings are.
        #[command(flatten)]
        options: Options,
    },
    /// Put a backup in the place of the SQLite database, which is set aside. The server must
    /// not run.
    Restore {
        /// The file that "packetboat backup" has written.
        file: PathBuf,
        /// What is kept.
        #[command(flatten)]
        past: Past,
        /// Where the settings are.
        #[command(flatten)]
        options: Options,
    },
}

/// What is kept of a database that is put back or moved.
#[derive(Debug, Args)]
pub struct Past {
    /// Keep sessions, API tokens, mailed links and the mail queue: for a move, when nothing
    /// has happened since the export or backup. Otherwise those that have ended since would
    /// live again, and mails go out twice.
    #[arg(long)]
    pub moving: bool,
}

/// What can be done about administrators.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make the account of this address an administrator, and the account if there is
    /// none. Works while the server runs, too.
    Create {
        /// The address.
        email: String,
        /// Read the new account's password from standard input instead of making one up.
        #[arg(long)]
        password_stdin: bool,
        /// Where the settings are.
        #[command(flatten)]
        options: Options,
    },
}

/// What can be done about mail.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send a test mail as the settings say, at once, and tell what became of it.
    Test {
        /// Where to.
        address: String,
        /// Where the settings are.
        #[command(flatten)]
        options: Options,
    },
}

/// The flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Where the settings are.
    #[command(flatten)]
    options: Options,
    /// Start although the database is not the one that the data folder belongs to, and
    /// keep to the one that is there from now on.
    #[arg(long)]
    new_database: bool,
}

impl ServeOptions {
    /// The settings, read from all layers.
    ///
    /// # Errors
    /// See [`Layers::read`] and [`Settings::from_layers`].
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let settings = Settings::from_layers(&self.options.layers()?)?;
        Ok(Settings { new_database: self.new_database, ..settings })
    }
}

/// The flags of commands that read the settings.
#[derive(Debug, Args)]
pub struct Options {
    /// Read settings from this TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve on this address; may be given several times [default: 0.0.0.0:7777].
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Keep everything in this folder [default: ./packetboat-data].
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

impl Options {
    /// Reads all layers of the settings, the environment being this process's.
    ///
    /// # Errors
    /// See [`Layers::read`].
    pub fn layers(&self) -> Result<Layers, ConfigError> {
        let flags = Flags { listen: self.listen.clone(), data: self.data.clone() };
        Layers::read(self.config.as_deref(), std::env::vars_os(), &flags)
    }
}
