//! A self-signed certificate and its key as files, and a client that trusts it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_kit::Tls;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;

pub(crate) struct Identity {
    folder: tempfile::TempDir,
    pub(crate) certificate: CertificateDer<'static>,
    written: u32,
}

impl Identity {
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut identity = Self { folder, certificate: Vec::new().into(), written: 0 };
        identity.renew(name);
        identity
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    pub(crate) fn load(&self) -> Arc<Tls> {
        Arc::new(Tls::load(&self.cert(), &self.key()).unwrap())
    }

    /// Replaces both files by ones for `name`.
    pub(crate) fn renew(&mut self, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::write(self.cert(), made.cert.pem()).unwrap();
        fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self.certificate = made.cert.der().clone();
        self.touch();
    }

    pub(crate) fn break_key(&mut self) {
        fs::write(self.key(), "half a key").unwrap();
        self.touch();
    }

    /// Moves the files' times on, as the clock would between two renewals.
    fn touch(&mut self) {
        self.written += 1;
        for path in [self.cert(), self.key()] {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(1) * self.written).unwrap();
        }
    }
}

/// `GET /` over TLS, trusting only `trusted` for `name`.
pub(crate) async fn over_tls(
    stream: TcpStream,
    name: &'static str,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from(name).unwrap(), stream).await?;
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    Ok(super::exchange(stream, request).await)
}
