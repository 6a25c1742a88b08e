//! Settings: what the operator may decide, and how it is read.
//!
//! Four layers, each over the one before: defaults, a TOML file (only if one is
//! named), the environment, flags. Each value remembers where it came from, so
//! that an error and `packetboat config` can say so. A setting is one row: of the server's
//! here, of a capability in the capability.
//!
//! Relative paths are relative to the working directory, wherever they stand.

mod error;
mod file;
mod layers;
mod print;
mod rows;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use capability::settings::{Computed, Secrecy, Values, list, optional, parsed, with_default};
use http_kit::{NamedOrigin, Origin};
use ipnet::IpNet;
use mail::{Sender, SmtpUrl};

use crate::capabilities;

pub use error::ConfigError;
pub use layers::{Flags, Layers};

capability::settings! {
    /// Everything that can be set, read and checked.
    #[derive(Clone, Debug)]
    pub struct Settings {
        /// addresses to serve on, each an IP address and a port; flag `--listen`
        pub listen: Vec<SocketAddr> =
            list("listen", "0.0.0.0:7777", ADDRESS, parsed).not_empty(),
        /// the data folder; flag `--data`
        pub data: PathBuf =
            with_default("data", "./packetboat-data", FOLDER, parsed).not_empty(),
        /// the origin under which people reach the server, such as `https://chat.example.org`: printed at start, and its pages are let in
        pub public_url: Option<Origin> = optional("public_url", ORIGIN, parsed),
        /// networks or addresses whose `X-Forwarded-For`, `-Proto` and `-Host` are believed
        pub trusted_proxies: Vec<IpNet> = list("trusted_proxies", "", NETWORK, network),
        /// other sites whose pages may act here with a visitor's cookie, and use the token API and Socket.IO. `null`, `file://`, `capacitor://…` and `ionic://…` may be named too: for the token API and Socket.IO only, without cookies
        pub allowed_origins: Vec<NamedOrigin> =
            list("allowed_origins", "", NAMED_ORIGIN, parsed),
        /// certificate chain, PEM, the server's own first; with `tls.key` every `listen` address speaks TLS
        pub tls_cert: Option<PathBuf> = optional("tls.cert", FILE, parsed),
        /// its private key, PEM (PKCS #8, PKCS #1 or SEC1)
        pub tls_key: Option<PathBuf> = optional("tls.key", FILE, parsed),
        /// `sqlite://PATH?mode=rwc`, `postgres://USER:PASSWORD@HOST/NAME` or `mariadb://USER:PASSWORD@HOST/NAME`, see [Databases](#databases)
        pub database_url: Option<String> = optional("database.url", DATABASE, database_url)
            .secret(Secrecy::Url)
            .otherwise("`packetboat.db` in the data folder"),
        /// connections to a PostgreSQL or MariaDB server, 2 or more, besides one that says that the database is in use
        pub database_connections: u32 =
            with_default("database.connections", "16", CONNECTIONS, connections),
        /// networks to which rate limits do not apply; limits on memory always do
        pub exempt: Vec<IpNet> = list("limits.exempt", "", NETWORK, network),
        /// the SMTP server that mails are handed in at; without it they become files, see [Mail](#mail)
        pub mail_smtp: Option<SmtpUrl> =
            optional("mail.smtp_url", SMTP, parsed).secret(Secrecy::Url),
        /// the sender of mails, such as `Packetboat <boat@example.org>`
        pub mail_from: Option<Sender> = optional("mail.from", SENDER, parsed)
            .otherwise("the SMTP user if it is an address, else `packetboat@` the host of `public_url`"),
        /// a folder with your own texts in place of the built-in ones
        pub mail_templates: Option<PathBuf> = optional("mail.templates", FOLDER, parsed),
        /// `text` or `json`
        pub log_format: LogFormat =
            with_default("log.format", "text", "text or json", log_format),
        /// `error`, `warn`, `info`, `debug`, `trace`, `off`, or directives such as `info,accounts=debug`
        pub log_level: String = with_default("log.level", "info", LEVEL, log_level),
        /// an address of its own for `/metrics`, without TLS
        pub metrics_listen: Option<SocketAddr> = optional("metrics.listen", ADDRESS, parsed),
        /// who sends `Authorization: Bearer <token>` may read `/metrics`; 16 characters or more
        pub metrics_token: Option<String> =
            optional("metrics.token", TOKEN, token).secret(Secrecy::Hidden),
        /// Whether the database may be another one than the data folder notes. No setting
        /// that is kept anywhere, only the flag `--new-database` of one start.
        pub new_database: bool = Computed(|_| false),
        /// What was set, for the capabilities to read their own settings from.
        pub values: Values = Computed(Values::clone),
    }
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
        let defaults = Self::read(&Values::default()).expect("the defaults are valid");
        Self { data, ..defaults }
    }

    /// Checks the values in force, those of the capabilities too.
    ///
    /// # Errors
    /// The first value that is not what its setting expects: which, where from,
    /// what was expected.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let settings = Self::read(layers.values())?;
        match (&settings.tls_cert, &settings.tls_key) {
            (Some(_), None) => return Err(ConfigError::half("tls.cert", "tls.key")),
            (None, Some(_)) => return Err(ConfigError::half("tls.key", "tls.cert")),
            (Some(_), Some(_)) | (None, None) => {}
        }
        for group in capabilities::settings() {
            (group.check)(layers.values())?;
        }
        Ok(settings)
    }

    /// The files of the TLS identity, if the server speaks TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }
}

const FILE: &str = "a path";
const FOLDER: &str = "a path";
const ADDRESS: &str = "an IP address and a port, such as 0.0.0.0:7777";
const ORIGIN: &str = "http://host[:port] or https://host[:port]";
const NAMED_ORIGIN: &str =
    "http://host[:port], https://host[:port], null, file://, capacitor://… or ionic://…";
const NETWORK: &str = "a network such as 10.0.0.0/8, or an IP address";
const DATABASE: &str = "a database URL such as sqlite:///var/lib/packetboat/packetboat.db or postgres://user:password@host/name";
const SMTP: &str = "smtp://[user:password@]host[:port][?tls=required] or smtps://…, with what is \
    special in user and password percent-encoded";
const SENDER: &str = "an address such as Packetboat <boat@example.org>";
const CONNECTIONS: &str = "a number from 2 to 1000";
const LEVEL: &str =
    "error, warn, info, debug, trace, off or directives such as info,accounts=debug";
const TOKEN: &str = "16 characters or more";

/// The shortest `metrics.token` that is worth guarding something with.
const MIN_TOKEN: usize = 16;

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn database_url(text: &str) -> Option<String> {
    text.contains(':').then(|| text.to_owned())
}

fn connections(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| (2..=1_000).contains(count))
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
        assert!(settings.tls().is_none() && settings.database_url.is_none());
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
        assert!(settings.public_url.is_none() && settings.tls().is_none());
        assert_eq!(with(&[("PACKETBOAT_DATA", "")]).unwrap_err(), "data is empty");
    }

    #[test]
    fn no_address_at_all_is_an_error() {
        assert_eq!(with(&[("PACKETBOAT_LISTEN", "")]).unwrap_err(), "listen is empty");
    }
}
