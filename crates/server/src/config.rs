//! Settings: what the operator may decide, and how it is read.
//!
//! Four layers, each over the one before: defaults, a TOML file (only if one is
//! named), the environment, flags. Each value remembers where it came from, so
//! that an error and `packetboat config` can say so. A setting is one row in
//! `config/known.rs` and one line in [`Settings::from_layers`].
//!
//! Relative paths are relative to the working directory, wherever they stand.

mod error;
mod file;
mod known;
mod layers;
mod print;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http_kit::{NamedOrigin, Origin};
use ipnet::IpNet;
use mail::{Sender, SmtpUrl};

pub use error::ConfigError;
pub use layers::{Flags, Layers};

/// Everything that can be set, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `listen`: addresses to serve on. Port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// `data`: the data folder.
    pub data: PathBuf,
    /// `public_url`: the origin under which people reach this server.
    pub public_url: Option<Origin>,
    /// `trusted_proxies`: networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `allowed_origins`: other sites whose pages may act here.
    pub allowed_origins: Vec<NamedOrigin>,
    /// `tls.cert` and `tls.key`: both or neither.
    pub tls: Option<TlsFiles>,
    /// `database.url`; a file in the data folder if not set.
    pub database_url: Option<String>,
    /// Whether the database may be another one than the data folder notes. No setting
    /// that is kept anywhere, only the flag `--new-database` of one start.
    pub new_database: bool,
    /// `limits.exempt`: networks to which rate limits do not apply.
    pub exempt: Vec<IpNet>,
    /// `chat.auth_timeout_ms`: how long a Socket.IO client may take to authenticate.
    pub chat_auth_timeout: Duration,
    /// `mail.smtp_url`: where mails are handed in; an outbox folder if not set.
    pub mail_smtp: Option<SmtpUrl>,
    /// `mail.from`: whom mails come from.
    pub mail_from: Option<Sender>,
    /// `mail.templates`: a folder with the operator's own texts.
    pub mail_templates: Option<PathBuf>,
    /// `log.format`.
    pub log_format: LogFormat,
    /// `log.level`: a level, or directives of tracing's filter.
    pub log_level: String,
    /// `metrics.listen`: an address of its own for `/metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// `metrics.token`: who has it may read `/metrics`.
    pub metrics_token: Option<String>,
}

/// Where the TLS identity is.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// The defaults with another data folder, for tests and embedding.
    ///
    /// # Panics
    /// Never: the defaults are valid, which a test holds.
    #[must_use]
    pub fn in_folder(data: PathBuf) -> Self {
        let defaults = Self::from_layers(&Layers::defaults()).expect("the defaults are valid");
        Self { data, ..defaults }
    }

    /// Checks the values in force.
    ///
    /// # Errors
    /// The first value that is not what its setting expects: which, where from,
    /// what was expected.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let tls = match (layers.path("tls.cert"), layers.path("tls.key")) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(ConfigError::half("tls.cert", "tls.key")),
            (None, Some(_)) => return Err(ConfigError::half("tls.key", "tls.cert")),
        };
        let data = layers.path("data").ok_or(ConfigError::Missing { name: "data" })?;
        let listen = layers.many("listen", ADDRESS, |text| text.parse().ok())?;
        if listen.is_empty() {
            return Err(ConfigError::Missing { name: "listen" });
        }
        Ok(Self {
            listen,
            data,
            tls,
            public_url: layers.one("public_url", ORIGIN, |text| text.parse().ok())?,
            trusted_proxies: layers.many("trusted_proxies", NETWORK, network)?,
            allowed_origins: layers
                .many("allowed_origins", NAMED_ORIGIN, |text| text.parse().ok())?,
            database_url: layers.one("database.url", DATABASE, database_url)?,
            new_database: false,
            exempt: layers.many("limits.exempt", NETWORK, network)?,
            chat_auth_timeout: layers
                .one("chat.auth_timeout_ms", AUTH_TIMEOUT, auth_timeout)?
                .unwrap_or(Duration::from_secs(1)),
            mail_smtp: layers.one("mail.smtp_url", SMTP, |text| text.parse().ok())?,
            mail_from: layers.one("mail.from", SENDER, |text| text.parse().ok())?,
            mail_templates: layers.path("mail.templates"),
            log_format: layers
                .one("log.format", "text or json", log_format)?
                .unwrap_or(LogFormat::Text),
            log_level: layers
                .one("log.level", LEVEL, log_level)?
                .unwrap_or_else(|| "info".to_owned()),
            metrics_listen: layers.one("metrics.listen", ADDRESS, |text| text.parse().ok())?,
            metrics_token: layers.one("metrics.token", TOKEN, token)?,
        })
    }
}

const ADDRESS: &str = "an IP address and a port, such as 0.0.0.0:7777";
const ORIGIN: &str = "http://host[:port] or https://host[:port]";
const NAMED_ORIGIN: &str =
    "http://host[:port], https://host[:port], null, file://, capacitor://… or ionic://…";
const NETWORK: &str = "a network such as 10.0.0.0/8, or an IP address";
const DATABASE: &str = "a database URL such as sqlite:///var/lib/packetboat/packetboat.db";
const SMTP: &str = "smtp://[user:password@]host[:port][?tls=required] or smtps://…, with what is \
    special in user and password percent-encoded";
const SENDER: &str = "an address such as Packetboat <boat@example.org>";
const LEVEL: &str =
    "error, warn, info, debug, trace, off or directives such as info,accounts=debug";
const AUTH_TIMEOUT: &str = "milliseconds, from 100 to 60000";
const TOKEN: &str = "16 characters or more";

/// The shortest `metrics.token` that is worth guarding something with.
const MIN_TOKEN: usize = 16;

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn database_url(text: &str) -> Option<String> {
    text.contains(':').then(|| text.to_owned())
}

fn auth_timeout(text: &str) -> Option<Duration> {
    let millis = text.parse().ok().filter(|millis| (100..=60_000).contains(millis))?;
    Some(Duration::from_millis(millis))
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

fn log_level(text: &str) -> Option<String> {
    // The filter takes a misspelled level for the name of a module.
    let directive = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        let level = level.trim();
        !level.is_empty() && level.parse::<tracing_subscriber::filter::LevelFilter>().is_ok()
    };
    text.split(',').all(directive).then(|| text.to_owned())
}

fn token(text: &str) -> Option<String> {
    (text.len() >= MIN_TOKEN).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        let settings = Settings::in_folder(PathBuf::from("/somewhere"));
        assert_eq!(settings.listen, ["0.0.0.0:7777".parse().unwrap()]);
        assert_eq!(settings.data, PathBuf::from("/somewhere"));
        assert!(settings.tls.is_none() && settings.database_url.is_none());
    }

    fn with(environment: &[(&str, &str)]) -> Result<Settings, String> {
        let variables = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let layers = Layers::read(None, variables, &Flags::default());
        layers.and_then(|layers| Settings::from_layers(&layers)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_value_says_which_where_from_and_what_was_expected() {
        assert_eq!(
            with(&[("PACKETBOAT_LISTEN", "7777")]).unwrap_err(),
            "environment PACKETBOAT_LISTEN: listen is \"7777\", expected an IP address and a \
             port, such as 0.0.0.0:7777"
        );
        let hidden = with(&[("PACKETBOAT_METRICS__TOKEN", "hunter2")]).unwrap_err();
        assert!(hidden.ends_with("expected 16 characters or more"), "{hidden}");
        assert!(!hidden.contains("hunter2"), "{hidden}");
        for level in ["inof", "info,accounts=loud", "info,"] {
            assert!(with(&[("PACKETBOAT_LOG__LEVEL", level)]).is_err(), "{level}");
        }
        for time in ["0", "99", "60001", "1s", "-1"] {
            assert!(with(&[("PACKETBOAT_CHAT__AUTH_TIMEOUT_MS", time)]).is_err(), "{time}");
        }
        assert!(with(&[("PACKETBOAT_LOG__LEVEL", "info,accounts=debug")]).is_ok());
    }

    #[test]
    fn a_bad_smtp_url_does_not_show_its_password() {
        for bad in ["smtp://boat:hunter2@h:x", "smtp://boat:hunter2?@h", "smtp://boat:hunter2@"] {
            let refused = with(&[("PACKETBOAT_MAIL__SMTP_URL", bad)]).unwrap_err();
            assert!(refused.contains("mail.smtp_url is \"smtp://boat:(hidden)@"), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        assert!(with(&[("PACKETBOAT_MAIL__FROM", "Packetboat")]).is_err());
    }

    #[test]
    fn half_a_tls_identity_is_none() {
        assert_eq!(
            with(&[("PACKETBOAT_TLS__CERT", "cert.pem")]).unwrap_err(),
            "tls.cert is set and tls.key is not: set both or neither"
        );
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        let settings = with(&[("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8, ::1")]).unwrap();
        assert_eq!(settings.exempt, ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    }

    #[test]
    fn an_empty_variable_sets_nothing() {
        let settings = with(&[("PACKETBOAT_PUBLIC_URL", ""), ("PACKETBOAT_TLS__KEY", "")]).unwrap();
        assert!(settings.public_url.is_none() && settings.tls.is_none());
        assert_eq!(with(&[("PACKETBOAT_DATA", "")]).unwrap_err(), "data is empty");
    }

    #[test]
    fn no_address_at_all_is_an_error() {
        assert_eq!(with(&[("PACKETBOAT_LISTEN", "")]).unwrap_err(), "listen is empty");
    }
}
