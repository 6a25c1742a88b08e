//! A case: what is sent, what must come back and in which order, how the connection ends.

use std::net::SocketAddr;

use tokio::time::timeout;

use crate::echo::{PATIENCE, Server};
use crate::peer::{BINARY, CLOSE, Chop, FIN, PONG, Peer, TEXT, close};

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<Vec<u8>>),
    Hear(u8, Vec<u8>),
}

/// How the connection ends after the steps.
#[derive(Clone, Debug)]
enum End {
    /// By the client's close frame (1000), which is answered in kind.
    ByClient,
    /// By the server's close frame with this payload's start, and nothing after it.
    ByServer(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    id: String,
    chop: Chop,
    steps: Vec<Step>,
    end: End,
}

/// A case in which all goes well, until more is said of it.
pub(crate) fn case(id: impl Into<String>) -> Case {
    Case { id: id.into(), chop: Chop::Whole, steps: Vec::new(), end: End::ByClient }
}

impl Case {
    pub(crate) fn chopped(mut self, chop: Chop) -> Self {
        self.id = format!("{} ({chop:?})", self.id);
        self.chop = chop;
        self
    }

    pub(crate) fn send(mut self, frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.steps.push(Step::Send(frames.into_iter().collect()));
        self
    }

    pub(crate) fn hear(mut self, opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Hear(FIN | opcode, payload.as_ref().to_vec()));
        self
    }

    pub(crate) fn hear_text(self, payload: impl AsRef<[u8]>) -> Self {
        self.hear(TEXT, payload)
    }

    pub(crate) fn hear_binary(self, payload: impl AsRef<[u8]>) -> Self {
        self.hear(BINARY, payload)
    }

    pub(crate) fn hear_pong(self, payload: impl AsRef<[u8]>) -> Self {
        self.hear(PONG, payload)
    }

    /// The server closes with this code.
    pub(crate) fn closed(mut self, code: u16) -> Self {
        self.end = End::ByServer(code.to_be_bytes().to_vec());
        self
    }

    /// The server closes without a code.
    pub(crate) fn closed_without_code(mut self) -> Self {
        self.end = End::ByServer(Vec::new());
        self
    }

    /// What is wrong, if anything.
    async fn run(self, address: SocketAddr) -> Result<(), String> {
        let mut peer = Peer::open(address, "").await;
        for step in self.steps {
            match step {
                Step::Send(frames) => peer.send(&frames, self.chop).await,
                Step::Hear(first, payload) => {
                    let expected = Some((first, payload));
                    same(&self.id, &peer.next().await, &expected)?;
                }
            }
        }
        if let End::ByClient = self.end {
            peer.send(&[close(1000, "")], Chop::Whole).await;
        }
        let start = match self.end {
            End::ByClient => 1000_u16.to_be_bytes().to_vec(),
            End::ByServer(start) => start,
        };
        // A code of the server's own comes with a reason in words.
        let goodbye = peer.next().await.map(|(first, mut payload)| {
            if !start.is_empty() {
                payload.truncate(start.len());
            }
            (first, payload)
        });
        same(&self.id, &goodbye, &Some((FIN | CLOSE, start)))?;
        same(&self.id, &peer.next().await, &None)
    }
}

fn same(
    id: &str,
    got: &Option<(u8, Vec<u8>)>,
    wanted: &Option<(u8, Vec<u8>)>,
) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    let shown = |frame: &Option<(u8, Vec<u8>)>| match frame {
        None => "the end".to_owned(),
        Some((first, payload)) => {
            let start = String::from_utf8_lossy(&payload[..payload.len().min(40)]).into_owned();
            format!("{first:#04x} with {} bytes {start:?}", payload.len())
        }
    };
    Err(format!("{id}: {} instead of {}", shown(got), shown(wanted)))
}

/// Runs every case on a connection of its own, and says of all that fail how.
pub(crate) async fn run(cases: Vec<Case>) {
    run_on(Server::start().await, cases).await;
}

pub(crate) async fn run_on(server: Server, cases: Vec<Case>) {
    let mut failures = Vec::new();
    for case in cases {
        let id = case.id.clone();
        let result = timeout(PATIENCE, case.run(server.address)).await;
        failures.extend(result.unwrap_or_else(|_| Err(format!("{id}: nothing comes"))).err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    server.stop().await;
}
