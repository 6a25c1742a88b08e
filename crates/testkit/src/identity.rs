//! A self-signed certificate and its key, as files.

use std::fs;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// A TLS identity in a folder of its own.
#[derive(Debug)]
pub struct Identity {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    /// A fresh one for `name`.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut identity = Self { folder, certificate: Vec::new().into() };
        identity.renew(name);
        identity
    }

    /// Replaces both files by ones for `name`, as a renewal does.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn renew(&mut self, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        fs::write(self.cert(), made.cert.pem()).expect("written");
        fs::write(self.key(), made.signing_key.serialize_pem()).expect("written");
        self.certificate = made.cert.der().clone();
    }

    /// The certificate, for clients that shall trust it.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// The certificate's file.
    #[must_use]
    pub fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The key's file.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}
