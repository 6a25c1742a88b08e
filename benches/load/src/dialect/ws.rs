//! The broadcast loop over Node's `ws`: a text goes to everyone as it came.

use std::net::SocketAddrV4;

use super::{Dialect, Meaning};

pub(crate) struct Ws;

impl Dialect for Ws {
    fn name(&self) -> &'static str {
        "ws"
    }

    fn path(&self) -> &'static str {
        "/"
    }

    fn identities(&self, _: SocketAddrV4, count: usize) -> anyhow::Result<Vec<String>> {
        Ok(vec![String::new(); count])
    }

    fn announces_ready(&self) -> bool {
        false
    }

    fn acknowledges(&self) -> bool {
        false
    }

    fn meaning(&self, _: &[u8]) -> Meaning {
        Meaning::Message
    }

    fn post(&self, text: &str) -> String {
        text.to_owned()
    }
}
