//! From settings to a running server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use accounts::Accounts;
use axum::Router;
use base::{Clock, OsRandom, Random, SystemClock, Vitals};
use capability::{Context, OpenError as CapabilityError};
use http_kit::{
    EdgeOptions, OriginPolicy, REQUEST_TIMEOUT, Routes, ServeLimits, Tls, TlsError, TrustedProxies,
    edge, serve,
};
use limits::Exempt;
use mail::SendMail;
use metrics_exporter_prometheus::PrometheusHandle;
use storage::{Database, StorageError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use transport::{Limits, Sockets};

use crate::bind::{BindError, bind_all};
use crate::config::Settings;
use crate::data::{DataError, DataFolder};
use crate::database::{self, OpenError, Opened};
use crate::health::{self, StorageHealth, WorkHealth};
use crate::mail_setup::{self, MailSetupError};
use crate::metrics::{self, Access};
use crate::pages::{PagesError, Site};
use crate::running::{Running, Shutdown};
use crate::services::Services;
use crate::ticker;
use crate::watch::Watch;

/// What a server takes from the world besides its settings.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl Default for Environment {
    /// The operating system's.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), random: Arc::new(OsRandom) }
    }
}

/// Why a server did not start. One line each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The database cannot be opened or brought up to date, or is not the one of the
    /// data folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Mail cannot be sent as the settings say.
    #[error(transparent)]
    Mail(#[from] MailSetupError),
    /// The embedded pages do not agree with the list of them.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// A capability cannot be opened.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// The metrics cannot be collected.
    #[error("cannot collect metrics: {0}")]
    Metrics(String),
    /// A listener's address cannot be read back.
    #[error("cannot read a listener's address: {0}")]
    Address(std::io::Error),
}

/// Starts a server: takes the data folder, binds, opens and migrates the
/// database, and serves. Runs on the current runtime until drained.
///
/// # Errors
/// See [`StartError`]; nothing keeps running then.
pub async fn start(settings: Settings, environment: Environment) -> Result<Running, StartError> {
    let mut data = DataFolder::open(&settings.data, environment.random.as_ref())?;
    let tls = load_tls(&settings)?;
    let listeners = bind_all(&settings.listen)?;
    let metrics_listeners = bind_all(settings.metrics_listen.as_slice())?;
    let addresses = local_addresses(&listeners)?;
    let metrics_address = local_addresses(&metrics_listeners)?.first().copied();

    let url = settings.database_url.clone().unwrap_or_else(|| data.database_url());
    let before = data.noted_database().map(str::to_owned);
    let failed = CancellationToken::new();
    let vitals = vitals(failed.clone());
    let holder = database::holder(&data, environment.random.as_ref(), vitals.clone());
    let Opened { database, identity } =
        database::open_and_note(&url, &mut data, &settings, Some(&holder), &environment).await?;
    let recorder = metrics::recorder().map_err(StartError::Metrics)?;
    let origins = origins(&settings);
    let first = addresses.first().copied().unwrap_or(settings.listen[0]);
    let mail = mail_setup::open(&settings, &environment, data.path(), first, database.clone())?;
    let mailer = mail.mailer.clone();
    let notes = data.notes(identity, before.as_deref());
    let mail: Arc<dyn SendMail> = Arc::new(mail);
    let exempt = Exempt(settings.exempt.clone());
    let accounts = Accounts::new(
        database.clone(),
        environment.clock.clone(),
        environment.random.clone(),
        accounts::Options { mailer: mail.clone(), exempt: exempt.clone() },
    );
    let context = Context {
        authenticate: Arc::new(accounts.clone()),
        database: database.clone(),
        sockets: Sockets::new(environment.clock.clone(), Limits::default()),
        clock: environment.clock.clone(),
        random: environment.random.clone(),
        vitals: vitals.clone(),
        mail,
        secrets: data.secrets().clone(),
        values: settings.values.clone(),
        exempt,
        origins: origins.clone(),
        notes: Arc::new(notes.clone()),
    };
    let services = Services::open(&context, accounts, mailer.clone()).await?;
    let parts = services.parts.clone();
    let setup_path = services.setup_path().await?;
    let serving = (CancellationToken::new(), TaskTracker::new());
    let background = (CancellationToken::new(), TaskTracker::new());
    let site = Site::new(data.secrets(), environment.clock.clone())?;
    let health = StorageHealth::new(database.clone());
    let observed = parts.clone();
    let work = WorkHealth::new(vitals.clone(), move || observed.is_stalled());
    let ready = health::routes(health.clone(), work, serving.0.clone(), environment.clock.clone());
    let apps = Apps::new(&settings, origins, &services, &site, ready, &recorder);
    let uncounted = [&settings.trusted_proxies[..], &settings.exempt[..]].concat();
    let limits = ServeLimits { uncounted, ..ServeLimits::default() };
    serve(listeners, apps.main, tls.clone(), limits.clone(), &serving.0, &serving.1, &vitals);
    serve(metrics_listeners, apps.metrics, None, limits, &serving.0, &serving.1, &vitals);
    let (stop, tasks) = &background;
    tasks.spawn(ticker::tick(parts.clone(), stop.clone(), vitals.clone()));
    tasks.spawn(mailer.run(stop.clone(), vitals.clone()));
    tasks.spawn(end_if_taken(database.clone(), stop.clone(), failed.clone()));
    let watch = Watch::new(&parts, health, &notes, environment.clock.clone());
    tasks.spawn(watch.run(stop.clone(), vitals.clone()));
    tasks.spawn(ticker::sweep(parts.clone(), tls, recorder, stop.clone(), vitals));
    let _abandoned = [serving.0.clone().drop_guard(), background.0.clone().drop_guard()];
    let shutdown = Shutdown { parts, database, serving, background, data };
    Ok(Running { addresses, metrics_address, setup_path, failed, shutdown, _abandoned })
}

fn origins(settings: &Settings) -> OriginPolicy {
    OriginPolicy { own: settings.public_url.clone(), allowed: settings.allowed_origins.clone() }
}

/// Says which task was lost, and cancels `failed`.
fn vitals(failed: CancellationToken) -> Vitals {
    Vitals::new(move |task| {
        tracing::error!(task, "a task that the server cannot do without has panicked");
        failed.cancel();
    })
}

/// Cancels `failed` when another server has taken the database: what this one knows of it is
/// out of date, and it can store nothing.
async fn end_if_taken(database: Database, stop: CancellationToken, failed: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = database.taken() => failed.cancel(),
    }
}

fn load_tls(settings: &Settings) -> Result<Option<Arc<Tls>>, TlsError> {
    let load = |cert: &Path, key: &Path| Tls::load(cert, key).map(Arc::new);
    settings.tls().map(|files| load(&files.cert, &files.key)).transpose()
}

fn local_addresses(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, StartError> {
    let addresses = listeners.iter().map(TcpListener::local_addr);
    addresses.collect::<Result<_, _>>().map_err(StartError::Address)
}

/// What is served on which kind of listener.
struct Apps {
    main: Router,
    metrics: Router,
}

impl Apps {
    fn new(
        settings: &Settings,
        origins: OriginPolicy,
        services: &Services,
        site: &Site,
        ready: Routes,
        recorder: &PrometheusHandle,
    ) -> Self {
        let options = EdgeOptions {
            trusted_proxies: TrustedProxies(settings.trusted_proxies.clone()),
            origins: Arc::new(origins),
            exempt: Exempt(settings.exempt.clone()),
            request_timeout: REQUEST_TIMEOUT,
            assets: site.options().assets.as_str().into(),
        };
        let token = settings.metrics_token.as_deref().map(|token| Access::Token(token.into()));
        let mut main = ready.merge(services.routes(site));
        if settings.metrics_listen.is_none() {
            let access = token.clone().unwrap_or(Access::Local);
            main = main.merge(metrics::routes(recorder.clone(), access));
        }
        let own = metrics::routes(recorder.clone(), token.unwrap_or(Access::Everyone));
        Self { main: edge(main, options.clone()), metrics: edge(own, options) }
    }
}
