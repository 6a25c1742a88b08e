//! What `serve` prints when it is ready: the address to open.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::thread;

use server::Settings;
use server::url::url_of;

/// What is needed to say where the server is.
pub(crate) struct Greeting {
    public_url: Option<String>,
    secure: bool,
}

impl Greeting {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            public_url: settings.public_url.as_ref().map(ToString::to_string),
            secure: settings.tls().is_some(),
        }
    }

    /// Prints it on standard output; if that has no reader, nothing is lost. On a thread
    /// of its own, because a reader that has stopped would hold up the server.
    pub(crate) fn print(&self, addresses: &[SocketAddr], setup_path: Option<&str>) {
        let mut lines = self.lines(addresses, own_network_address());
        if let (Some(path), Some(first)) = (setup_path, addresses.first()) {
            lines.push_str(&self.set_up(*first, path));
        }
        lines.push('\n');
        // Past the standard library's lock, which is taken once more at the end of the
        // process; and all of it in one write, so that it arrives together.
        let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned() else { return };
        let print = move || File::from(stdout).write_all(lines.as_bytes());
        let _ = thread::Builder::new().name("greeting".to_owned()).spawn(print);
    }

    /// Printed for the operator who started the server; never written to a log.
    fn set_up(&self, first: SocketAddr, path: &str) -> String {
        let site = match &self.public_url {
            Some(url) => url.clone(),
            None => self.url(first).trim_end_matches('/').to_owned(),
        };
        format!(
            "\nThere is no administrator yet. Become one at {site}{path}\n\
             (the link works once, within a week, until another is printed; or: packetboat admin create EMAIL)"
        )
    }

    fn lines(&self, addresses: &[SocketAddr], network: Option<IpAddr>) -> String {
        let Some(first) = addresses.first() else { return String::new() };
        let open = match &self.public_url {
            Some(url) => format!("{url}/"),
            None => self.url(*first),
        };
        let mut text = format!("Packetboat is ready: open {open}");
        if let (Some(network), None, true) =
            (network, &self.public_url, first.ip().is_unspecified())
        {
            let there = self.url(SocketAddr::new(network, first.port()));
            text.push_str(&format!("\nOthers on your network open {there}"));
        }
        text
    }

    fn url(&self, address: SocketAddr) -> String {
        format!("{}/", url_of(self.secure, address))
    }
}

/// The address this machine has on the way out. Connecting a datagram socket
/// sends nothing; it only looks up the route.
fn own_network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(public_url: Option<&str>, scheme: &str, address: &str) -> String {
        let greeting =
            Greeting { public_url: public_url.map(str::to_owned), secure: scheme == "https" };
        greeting.lines(&[address.parse().unwrap()], Some([192, 168, 1, 5].into()))
    }

    #[test]
    fn it_says_what_to_type() {
        assert_eq!(
            lines(None, "http", "0.0.0.0:7777"),
            "Packetboat is ready: open http://localhost:7777/\n\
             Others on your network open http://192.168.1.5:7777/"
        );
        assert_eq!(
            lines(None, "https", "127.0.0.1:443"),
            "Packetboat is ready: open https://localhost:443/"
        );
        assert_eq!(
            lines(None, "http", "[2001:db8::1]:80"),
            "Packetboat is ready: open http://[2001:db8::1]:80/"
        );
        assert_eq!(
            lines(Some("https://chat.example.org"), "http", "0.0.0.0:7777"),
            "Packetboat is ready: open https://chat.example.org/"
        );
    }
}
