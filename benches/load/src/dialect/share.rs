//! The dialect of Drag-n-Share, as far as members who only listen need it.

use std::net::SocketAddrV4;

use anyhow::bail;
use serde_json::Value;

use super::{Dialect, Meaning};

pub(crate) struct Share;

impl Dialect for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn path(&self) -> &'static str {
        "/session/"
    }

    fn identities(&self, _: SocketAddrV4, _: usize) -> anyhow::Result<Vec<String>> {
        bail!("members say who they are after the hand-shake: take the scenario members")
    }

    fn announces_ready(&self) -> bool {
        false
    }

    fn acknowledges(&self) -> bool {
        false
    }

    fn meaning(&self, payload: &[u8]) -> Meaning {
        match serde_json::from_slice::<Value>(payload) {
            Ok(frame) if frame["success"] != false => Meaning::Other,
            _ => Meaning::Refused,
        }
    }

    fn post(&self, text: &str) -> String {
        text.to_owned()
    }
}
