//! What of a connection over loopback lies in the kernel's buffers, from `/proc/net/tcp`.

use std::fs;
use std::net::{SocketAddr, SocketAddrV4};

use anyhow::Context;

/// Bytes that `server` has written and `client` has not read: not yet sent or acknowledged
/// at the one end, not yet read at the other.
pub(crate) fn between(server: SocketAddrV4, client: SocketAddr) -> anyhow::Result<u64> {
    let SocketAddr::V4(client) = client else { anyhow::bail!("{client} is not of IPv4") };
    let table = fs::read_to_string("/proc/net/tcp").context("/proc/net/tcp")?;
    let (_, received) = queues(&table, client, server).context("no such connection")?;
    let (sent, _) = queues(&table, server, client).context("the server has let it go")?;
    Ok(sent + received)
}

/// The queues of the socket with these ends: to send, and to read.
fn queues(table: &str, local: SocketAddrV4, remote: SocketAddrV4) -> Option<(u64, u64)> {
    let ends = format!(" {} {} ", end(local), end(remote));
    let line = table.lines().find(|line| line.contains(&ends))?;
    // Behind the ends: the state, then both queues in hex.
    let queues = line.split_once(&ends)?.1.split(' ').nth(1)?;
    let (to_send, to_read) = queues.split_once(':')?;
    Some((u64::from_str_radix(to_send, 16).ok()?, u64::from_str_radix(to_read, 16).ok()?))
}

/// As the table has it: the address as a number in the machine's order.
fn end(address: SocketAddrV4) -> String {
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::between;

    #[test]
    fn what_was_not_read_is_in_the_buffers() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let SocketAddr::V4(server) = listener.local_addr().unwrap() else { panic!("IPv4") };
        let client = TcpStream::connect(server).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(&[0; 1000]).unwrap();
        assert_eq!(between(server, client.local_addr().unwrap()).unwrap(), 1000);
        assert!(between(server, server.into()).is_err());
    }
}
