//! A real nginx, with a configuration of the test's.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::PATIENCE;

/// Where Debian's packages put it.
const NGINX: &str = "/usr/sbin/nginx";

/// A running nginx. Stopped when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    _prefix: TempDir,
}

impl Nginx {
    /// Starts it with `http`, which stands in the block of that name, and waits until it
    /// listens at `address`.
    ///
    /// # Panics
    /// If it is not installed, or does not take the configuration.
    pub async fn start(http: &str, address: SocketAddr) -> Self {
        let prefix = TempDir::new().expect("a temporary folder");
        fs::write(prefix.path().join("nginx.conf"), around(http)).expect("written");
        let child = Command::new(NGINX)
            .arg("-p")
            .arg(prefix.path())
            .args(["-e", "stderr", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{NGINX}: {error}; install Debian's package nginx"));
        let mut nginx = Self { child, _prefix: prefix };
        let patience = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            let ended = nginx.child.try_wait().expect("a process of ours");
            assert_eq!(ended, None, "nginx does not take the configuration; it said why above");
            assert!(Instant::now() < patience, "nginx listens");
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What surrounds sites in `nginx.conf`; one process, all files below the prefix.
fn around(http: &str) -> String {
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n\
         events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n{folders}{http}}}\n"
    )
}
