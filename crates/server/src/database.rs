//! Opening the database that belongs to a data folder.
//!
//! The folder notes which database is its own ([`DataFolder::note_database`]). A server
//! whose database was deleted, or whose `database.url` names another one by mistake,
//! would start with nothing and seem to work: it refuses, and leaves what it finds as it
//! is. A database in memory ends with its process: there is nothing to recognise.

use std::fmt;
use std::path::Path;

use base::{Random, Vitals, hex, to_hex};
use rustix::system::uname;
use storage::{Database, Holder, Place, StorageError, place};

use crate::data::{DataError, DataFolder};
use crate::{Environment, Settings, capabilities};

/// Why the database was not opened. One line each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be opened or brought up to date, or another server has it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is not the one that the data folder belongs to.
    #[error(
        "the database {database} {found}, and the data folder belongs to database {noted}: \
         put that back; or, to go on with what is there, start once with \
         \"packetboat serve --new-database\""
    )]
    WrongDatabase {
        /// Where it is: a path, or the name of the setting.
        database: String,
        /// What is there instead.
        found: UnexpectedDatabase,
        /// The identity of the one that is missing.
        noted: String,
    },
    /// Which database it is cannot be noted.
    #[error(transparent)]
    Note(#[from] DataError),
}

/// What is in the place of a database that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnexpectedDatabase {
    /// No file.
    Missing,
    /// A file of 0 bytes.
    Empty,
    /// A database without identity: a new one, one from before there were identities,
    /// or one that lost what it held.
    Unknown,
    /// A database with this identity.
    Another(String),
}

impl fmt::Display for UnexpectedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Empty => f.write_str("is empty"),
            Self::Unknown => f.write_str("has no identity"),
            Self::Another(identity) => write!(f, "is another one, {identity}"),
        }
    }
}

/// The URL of the database that the settings name, or of the one in their data folder, which
/// another process may hold.
///
/// # Errors
/// [`DataError`] if there is no such folder.
pub(crate) fn url_of(settings: &Settings) -> Result<String, DataError> {
    let in_folder = || DataFolder::database_url_in(&settings.data);
    settings.database_url.clone().map_or_else(in_folder, Ok)
}

/// Which database to open, and for which server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatabaseSpec<'a> {
    /// Where it is.
    pub(crate) url: &'a str,
    /// The identity that it must have; any will do if there is none.
    pub(crate) identity: Option<&'a str>,
    /// Who [holds](Database::hold) it, if it is for a server.
    pub(crate) holder: Option<&'a Holder>,
    /// Connections to a database server.
    pub(crate) connections: u32,
}

/// A database that is open and up to date.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) database: Database,
    /// Which it is; `None` if it ends with this process.
    pub(crate) identity: Option<String>,
}

/// Opens the database of `spec` and brings it up to date.
///
/// # Errors
/// [`OpenError`]; a wrong database was not changed, and none made.
pub(crate) async fn open(
    spec: DatabaseSpec<'_>,
    environment: &Environment,
) -> Result<Opened, OpenError> {
    let (file, found) = match place(spec.url) {
        Place::Missing(path) => (Some(path), Some(UnexpectedDatabase::Missing)),
        Place::Empty(path) => (Some(path), Some(UnexpectedDatabase::Empty)),
        Place::File(path) => (Some(path), None),
        Place::NoFile => (None, None),
    };
    // Before anything is opened: SQLite would make the file that is missing.
    if let (Some(noted), Some(found)) = (spec.identity, found) {
        return Err(wrong_database(file.as_deref(), found, noted));
    }
    let database = Database::connect_with(spec.url, spec.connections).await?;
    match check_and_migrate(&database, spec, environment).await {
        Ok(identity) => Ok(Opened { database, identity }),
        Err(refused) => {
            // What opening it left beside it goes with the last connection.
            let _ = database.close().await;
            Err(refused)
        }
    }
}

async fn check_and_migrate(
    database: &Database,
    spec: DatabaseSpec<'_>,
    environment: &Environment,
) -> Result<Option<String>, OpenError> {
    // A database of a server notes there who holds it: only after it is known to be the
    // right one. A file must be held before it is asked, for another may be writing.
    if !database.kind().is_server() {
        hold(database, spec.holder).await?;
    }
    let lasts = !database.is_in_memory();
    if let Some(noted) = spec.identity.filter(|_| lasts) {
        let found = match database.identity().await? {
            Some(identity) if identity == noted => None,
            Some(identity) => Some(UnexpectedDatabase::Another(identity)),
            None => Some(UnexpectedDatabase::Unknown),
        };
        if let Some(found) = found {
            return Err(wrong_database(database.file(), found, noted));
        }
    }
    if database.kind().is_server() {
        hold(database, spec.holder).await?;
    }
    database.migrate(&capabilities::migrations(), environment.clock.as_ref()).await?;
    Ok(match lasts {
        true => Some(database.make_identity(environment.random.as_ref()).await?),
        false => None,
    })
}

async fn hold(database: &Database, holder: Option<&Holder>) -> Result<(), StorageError> {
    match holder {
        Some(holder) => database.hold(holder).await,
        None => Ok(()),
    }
}

/// The server of the data folder `data`, in this start of it.
pub(crate) fn holder(data: &DataFolder, random: &dyn Random, vitals: Vitals) -> Holder {
    let host = uname();
    let host: String = host.nodename().to_string_lossy().chars().take(64).collect();
    Holder {
        // Of the folder's master key, which another folder does not have, and tells nothing of it.
        server: to_hex(&data.secrets().key("server: lease on the database")),
        incarnation: hex(random, 16),
        name: format!("{host}, process {}", std::process::id()),
        vitals,
    }
}

fn wrong_database(file: Option<&Path>, found: UnexpectedDatabase, noted: &str) -> OpenError {
    let database = file.map_or("at database.url".to_owned(), |path| path.display().to_string());
    OpenError::WrongDatabase { database, found, noted: noted.to_owned() }
}

/// Opens the database of the data folder `data` and notes it there; holds it, if it is for a server, `holder`. It may be another one than before if `settings`
/// say so.
///
/// # Errors
/// [`OpenError`].
pub(crate) async fn open_and_note(
    url: &str,
    data: &mut DataFolder,
    settings: &Settings,
    holder: Option<&Holder>,
    environment: &Environment,
) -> Result<Opened, OpenError> {
    let noted = data.noted_database().map(str::to_owned);
    let identity = noted.as_deref().filter(|_| !settings.new_database);
    let connections = settings.database_connections;
    let opened = open(DatabaseSpec { url, identity, holder, connections }, environment).await?;
    if let Some(identity) = &opened.identity
        && noted.as_ref() != Some(identity)
    {
        if let Some(noted) = noted {
            tracing::warn!(noted, identity, "another database: the one noted is given up");
        }
        data.note_database(identity)?;
    }
    Ok(opened)
}
