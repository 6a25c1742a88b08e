//! Binding listeners, and saying what is in the way.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps for us until they are accepted: enough for
/// thousands of clients that reconnect at once.
const BACKLOG: u32 = 4096;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", reason(*address, source))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: io::Error,
}

/// Listeners on all of `addresses`, in their order.
pub(crate) fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let bound = addresses.iter().map(|&address| {
        // `[::]` takes IPv4 too, unless that port was asked for by itself.
        let beside = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
        let v6_only = address.is_ipv6() && address.port() != 0 && addresses.iter().any(beside);
        bind(address, v6_only).map_err(|source| BindError { address, source })
    });
    bound.collect()
}

fn bind(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the last connections' TIME_WAIT to pass.
    socket.set_reuseaddr(true)?;
    if v6_only {
        rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn reason(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program listens there already (ss -ltnp 'sport = :{port}' shows which)"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("port {port} needs a right that this user lacks (CAP_NET_BIND_SERVICE)")
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_port_is_named() {
        let first = bind_all(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = first[0].local_addr().unwrap();
        let refused = bind_all(&[address]).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("cannot listen on {address}: another")), "{refused}");
    }

    #[tokio::test]
    async fn both_families_may_share_a_port() {
        let free = bind_all(&["0.0.0.0:0".parse().unwrap()]).unwrap();
        let port = free[0].local_addr().unwrap().port();
        drop(free);
        let both = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        let both: Vec<SocketAddr> = both.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(bind_all(&both).unwrap().len(), 2);
    }
}
