//! TLS from a certificate file and a key file, picked up again when they change.
//!
//! TLS 1.2 and 1.3 with aws-lc-rs; ALPN offers `http/1.1` only. A new pair that
//! cannot be used (half written, not matching) is logged once and the old one
//! stays in force until the files change again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why a certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read, or is not PEM with what it should hold.
    #[error("{}: {problem}", file.display())]
    File {
        /// The certificate or the key file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The two files do not make an identity.
    #[error("{} and {}: {source}", cert.display(), key.display())]
    Pair {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// A server's TLS identity.
#[derive(Debug)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
    /// What the files looked like when they were last read, usable or not.
    seen: Mutex<[Stamp; 2]>,
}

/// Enough of a file's metadata to notice that it was replaced.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// Reads `cert` (a PEM chain, the server's own certificate first) and `key`
    /// (PEM: PKCS #8, PKCS #1 or SEC1).
    ///
    /// # Errors
    /// When either cannot be read or they do not belong together.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let seen = [stamp(cert), stamp(key)];
        let current = RwLock::new(Arc::new(read_pair(cert, key)?));
        Ok(Self { cert: cert.into(), key: key.into(), current, seen: Mutex::new(seen) })
    }

    /// Reads the files again if they changed since they were last read; new
    /// connections use the new pair. Reads files: call it off the async threads,
    /// every few seconds.
    pub fn reload_if_changed(&self) {
        let now = [stamp(&self.cert), stamp(&self.key)];
        if std::mem::replace(&mut *self.seen.lock(), now) == now {
            return;
        }
        match read_pair(&self.cert, &self.key) {
            Ok(config) => {
                *self.current.write() = Arc::new(config);
                tracing::info!(cert = %self.cert.display(), "certificate reloaded");
            }
            Err(error) => tracing::warn!(%error, "new certificate unusable, keeping the old"),
        }
    }

    /// What the next connection is accepted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read()))
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read_pair(cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| in_file(cert, &error))?;
    if chain.is_empty() {
        return Err(in_file(cert, &pem::Error::NoItemsFound));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, &error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pair = |source| TlsError::Pair { cert: cert.into(), key: key.into(), source };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn in_file(file: &Path, error: &pem::Error) -> TlsError {
    let problem = match error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => "no such file".into(),
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "holds no PEM section of the expected kind".into(),
        other => format!("not valid PEM: {other}"),
    };
    TlsError::File { file: file.into(), problem }
}
