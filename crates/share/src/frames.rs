//! What the server says in the old dialect: frames of a WebSocket, and server-sent events.

use bytes::Bytes;
use serde::Serialize;
use transport::{events, frame};

use crate::files::FileName;
use crate::id::RequestId;
use crate::refusal::Refusal;

/// How a receiver hears of its transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Frames of a WebSocket.
    Socket,
    /// Server-sent events.
    Events,
}

/// What an owner answers a request with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) public_key: String,
    pub(crate) amount_of_chunks: u32,
}

/// A chunk as its owner gave it: ciphertext in hex.
#[derive(Debug, Serialize)]
pub(crate) struct AddChunk<'a> {
    pub(crate) is_last_chunk: bool,
    pub(crate) chunk_nr: u32,
    pub(crate) chunk: &'a str,
    pub(crate) iv: &'a str,
}

#[derive(Serialize)]
struct Frame<'a, D> {
    request_id: String,
    command: &'a str,
    data: D,
}

/// A frame that says that something failed, or is over.
#[derive(Default, Serialize)]
struct Failure<'a> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    response: &'a str,
    #[serde(rename = "accessCode", skip_serializing_if = "Option::is_none")]
    access_code: Option<&'a str>,
}

#[derive(Serialize)]
struct Preparation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    public_key: &'a str,
    filename: &'a str,
    amount_of_chunks: u32,
}

/// JSON. Cannot fail for what is said here: structs of strings and numbers.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn text(value: &impl Serialize) -> Bytes {
    frame::text(&json(value))
}

fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    events::event(name, id, &String::from_utf8_lossy(&json(data)))
}

fn framed(request: RequestId, command: &str, data: impl Serialize) -> Bytes {
    text(&Frame { request_id: request.to_string(), command, data })
}

/// To an owner: another member's request for the file.
pub(crate) fn file_requested(request: RequestId, public_key: &str, file: &FileName) -> Bytes {
    #[derive(Serialize)]
    struct Data<'a> {
        public_key: &'a str,
        filename: &'a str,
    }
    let data = Data { public_key, filename: file.as_str() };
    framed(request, "acknowledge-file-request", data)
}

/// To an owner: chunk `number` is wanted.
pub(crate) fn send_next_chunk(request: RequestId, number: u32) -> Bytes {
    #[derive(Serialize)]
    struct Data {
        chunk_nr: u32,
    }
    framed(request, "send-next-chunk", Data { chunk_nr: number })
}

/// To members: the session is over.
pub(crate) fn session_ended(sentence: &str) -> Bytes {
    let failure =
        Failure { command: Some("session-ended"), response: sentence, ..Failure::default() };
    text(&failure)
}

/// To the host: the access code was tried too often, and is another one now.
pub(crate) fn access_code_replaced(code: &str) -> Bytes {
    let failure = Failure {
        command: Some("access-code-replaced"),
        response: "Wrong access codes were tried 20 times, so the code was replaced.",
        access_code: Some(code),
        ..Failure::default()
    };
    text(&failure)
}

/// To a client whose command was refused. Never with a `command`: old pages look at it first.
pub(crate) fn refusal(refusal: &Refusal, command: Option<&str>, request: Option<&str>) -> Bytes {
    let failure = Failure {
        refused: command,
        request_id: request.map(str::to_owned),
        response: &refusal.sentence,
        ..Failure::default()
    };
    text(&failure)
}

impl Format {
    /// To a receiver: what the owner answered.
    pub(crate) fn prepare(self, request: RequestId, file: &FileName, answer: &Answer) -> Bytes {
        const COMMAND: &str = "prepare-for-file-transfer";
        let Answer { public_key, amount_of_chunks } = answer;
        let (public_key, amount_of_chunks) = (public_key.as_str(), *amount_of_chunks);
        let request_id = (self == Self::Events).then(|| request.to_string());
        let filename = file.as_str();
        let data = Preparation { request_id, public_key, filename, amount_of_chunks };
        match self {
            Self::Socket => framed(request, COMMAND, data),
            Self::Events => event(COMMAND, None, &data),
        }
    }

    /// To a receiver: a chunk.
    pub(crate) fn add_chunk(self, request: RequestId, chunk: &AddChunk<'_>) -> Bytes {
        const COMMAND: &str = "add-chunk";
        match self {
            Self::Socket => framed(request, COMMAND, chunk),
            Self::Events => event(COMMAND, Some(&chunk.chunk_nr.to_string()), chunk),
        }
    }

    /// To either side: the transfer came to no good end.
    pub(crate) fn aborted(self, request: RequestId, sentence: &str) -> Bytes {
        const COMMAND: &str = "transfer-aborted";
        let failure = Failure {
            command: Some(COMMAND),
            request_id: Some(request.to_string()),
            response: sentence,
            ..Failure::default()
        };
        match self {
            Self::Socket => text(&failure),
            Self::Events => event(COMMAND, None, &failure),
        }
    }
}

/// To a reader of events: it has all of the file.
pub(crate) fn done() -> Bytes {
    Bytes::from_static(b"event: done\ndata: {}\n\n")
}
