//! `packetboat admin create EMAIL`: an administrator, made from the shell.
//!
//! Works beside a running server as well as before the first start: it takes the data
//! folder if no server holds it, and otherwise only opens the database, which SQLite
//! shares between processes. A user who may run it may read the database anyway.
//!
//! The audit log says what was done, and that it was done here.

use std::net::SocketAddr;

use accounts::{AccountQuery, Accounts, ChangeError, EditError, NewAccount, Options, Profile};
use admin::{AuditEntry, AuditLog};
use base::{AccountId, alphanumeric};
use limits::Exempt;
use serde_json::json;
use storage::{Database, StorageError};

use crate::Environment;
use crate::config::Settings;
use crate::data::{DataError, DataFolder};
use crate::database::{self, DatabaseSpec, OpenError};
use crate::mail_setup::{self, MailSetupError};

/// Characters of a password that is made up here: 119 bits.
const PASSWORD_LENGTH: usize = 20;

/// Who the audit log says it was.
const WHO: &str = "command line";

/// What was done.
#[derive(Debug)]
pub enum AdminCreated {
    /// There is a new account; its password, if it was made up here. Shown once.
    New(Option<String>),
    /// The account of this address was there and is staff now.
    Promoted,
}

/// Why there is no new administrator. One line each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AdminCreateError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The database cannot be opened, or is not the one of the data folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Mail cannot be sent as the settings say.
    #[error(transparent)]
    Mail(#[from] MailSetupError),
    /// The address or the password is not accepted.
    #[error("{0}")]
    Invalid(String),
    /// The person who registered with the address may not own it.
    #[error(
        "an account has this address, but nobody has confirmed it, so it may be anybody's; \
         confirm it by the mailed link, or delete the account, and try again"
    )]
    Unconfirmed,
    /// The account could not be made.
    #[error(transparent)]
    Change(ChangeError),
    /// The account could not be made staff.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The account is made and is staff, but the audit log has no entry of it.
    #[error("the administrator is made, but it cannot be noted in the audit log: {0}")]
    Unrecorded(#[source] StorageError),
}

impl From<ChangeError> for AdminCreateError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Invalid(fields) => {
                let sentences = fields.iter().flat_map(|field| field.messages());
                Self::Invalid(sentences.collect::<Vec<_>>().join(" "))
            }
            error => Self::Change(error),
        }
    }
}

/// Makes the account of `email` an administrator; makes the account if there is none,
/// with `password` or one made up here.
///
/// # Errors
/// [`AdminCreateError`], one line for the operator.
pub async fn admin_create(
    settings: &Settings,
    email: &str,
    password: Option<String>,
) -> Result<AdminCreated, AdminCreateError> {
    let environment = Environment::default();
    // Held to the end if it is free, so that no server starts in between.
    let mut folder = match DataFolder::open(&settings.data, environment.random.as_ref()) {
        Ok(folder) => Some(folder),
        Err(DataError::Locked { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let url = database::url_of(settings)?;
    let database = open(&url, settings, folder.as_mut(), &environment).await?;
    let address = settings.listen.first().copied();
    let address = address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mail = mail_setup::open(settings, &environment, &settings.data, address, database.clone())?;
    let options = Options { mailer: std::sync::Arc::new(mail), exempt: Exempt::default() };
    let random = environment.random.clone();
    let audit = AuditLog::new(database.clone(), environment.clock.clone());
    let accounts = Accounts::new(database.clone(), environment.clock, environment.random, options);

    let found = account_of(&accounts, email).await?;
    let (account, done) = match &found {
        Some(found) if !found.email_confirmed => return Err(AdminCreateError::Unconfirmed),
        Some(found) => {
            accounts.set_staff(&[found.account], true).await?;
            (found.account, AdminCreated::Promoted)
        }
        None => {
            let made_up = password.is_none();
            let password =
                password.unwrap_or_else(|| alphanumeric(random.as_ref(), PASSWORD_LENGTH));
            let new = NewAccount {
                email: email.to_owned(),
                password: Some(password.clone()),
                is_staff: true,
                ..NewAccount::default()
            };
            let account = accounts.create_account(new).await?;
            (account, AdminCreated::New(made_up.then_some(password)))
        }
    };
    let recorded = record(&audit, &accounts, account, found.as_ref()).await;
    recorded.map_err(AdminCreateError::Unrecorded)?;
    database.close().await?;
    drop(folder);
    Ok(done)
}

/// Opens the database as a server would, or as the server does that holds the folder.
async fn open(
    url: &str,
    settings: &Settings,
    folder: Option<&mut DataFolder>,
    environment: &Environment,
) -> Result<Database, OpenError> {
    let opened = match folder {
        Some(folder) => database::open_and_note(url, folder, settings, None, environment).await?,
        None => {
            let noted = DataFolder::noted_database_in(&settings.data)?;
            let connections = settings.database_connections;
            let identity = noted.as_deref();
            let spec = DatabaseSpec { url, identity, holder: None, connections };
            database::open(spec, environment).await?
        }
    };
    Ok(opened.database)
}

/// Notes in the audit log what was done, named as the admin site names it there.
async fn record(
    audit: &AuditLog,
    accounts: &Accounts,
    account: AccountId,
    before: Option<&Profile>,
) -> Result<(), StorageError> {
    let after = accounts.profile(account).await?;
    let entry = AuditEntry {
        account: None,
        who: WHO.to_owned(),
        action: if before.is_some() { "promote" } else { "create" }.to_owned(),
        model: "accounts".to_owned(),
        object: account.to_string(),
        name: after.as_ref().map(|profile| profile.username.clone()).unwrap_or_default(),
        before: before.map(audit_snapshot),
    };
    audit.record(entry, after.as_ref().map(audit_snapshot)).await
}

/// What the audit log keeps of an account, by the field names of the admin site's form.
fn audit_snapshot(profile: &Profile) -> serde_json::Value {
    let is_staff = if profile.is_staff { "on" } else { "" };
    json!({"username": profile.username, "email": profile.email, "is_staff": is_staff})
}

/// The account that has exactly this address.
async fn account_of(accounts: &Accounts, email: &str) -> Result<Option<Profile>, StorageError> {
    let wanted = email.trim().to_lowercase();
    let same = |profile: &Profile| {
        profile.email.as_ref().is_some_and(|email| email.to_lowercase() == wanted)
    };
    let mut query = AccountQuery { search: Some(wanted.clone()), limit: 500, ..Default::default() };
    // The search looks at names too, and a name may contain the address: to the end.
    loop {
        let page = accounts.accounts_page(&query).await?;
        query.offset += page.rows.len() as u64;
        let last = page.rows.len() < 500;
        match page.rows.into_iter().find(same) {
            None if !last => {}
            found => return Ok(found),
        }
    }
}
