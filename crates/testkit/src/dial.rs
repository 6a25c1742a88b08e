//! How a client reaches a server: at which address, under which name, from where,
//! and whether through TLS.

use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// A connection's bytes, plain or decrypted.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for S {}

/// A way to a server.
#[derive(Clone, Debug)]
pub struct Dial {
    to: SocketAddr,
    host: String,
    from: Option<IpAddr>,
    receive_buffer: Option<u32>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Dial {
    /// Plain TCP to `address`, which is also the host asked for.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self { to: address, host: address.to_string(), from: None, receive_buffer: None, tls: None }
    }

    /// Asking for another host (`name` or `name:port`).
    #[must_use]
    pub fn host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// From another address of this machine.
    #[must_use]
    pub fn from(self, address: IpAddr) -> Self {
        Self { from: Some(address), ..self }
    }

    /// With a receive buffer of `bytes`, so that the kernel holds little of what is not read.
    #[must_use]
    pub fn narrow(self, bytes: u32) -> Self {
        Self { receive_buffer: Some(bytes), ..self }
    }

    /// Through TLS, to a server that has `certificate` for `name`.
    ///
    /// # Panics
    /// If either is none.
    #[must_use]
    pub fn tls(self, name: &'static str, certificate: &CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name).expect("a name");
        Self { tls: Some((Arc::new(config), name)), ..self }
    }

    /// The host asked for.
    pub(crate) fn asked(&self) -> &str {
        &self.host
    }

    /// Connects.
    ///
    /// # Errors
    /// When no server listens, or TLS does not come about (another certificate).
    pub async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let socket = if self.to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(self.to).await?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                Ok(Box::new(connector.connect(name.clone(), stream).await?))
            }
        }
    }
}
