//! What clients say over a WebSocket: `{"jwt", "command", "data"}`, where `data` is a string
//! of JSON.

use std::borrow::Cow;

use serde::Deserialize;

use crate::frames::Answer;
use crate::id::RequestId;
use crate::refusal::Refusal;

/// Chunks a receiver may have sent ahead of its confirmations at most.
pub(crate) const MAX_WINDOW: u32 = 64;

/// Characters of a chunk at most: hex of 32,768 bytes and what encrypting adds, with room.
const MAX_CHUNK: usize = 70_000;

/// Bytes of a public key at most; a raw P-256 point in base64 has 88.
const MAX_PUBLIC_KEY: usize = 512;

/// Bytes of an initialisation vector at most; 12 bytes in base64 have 16.
const MAX_IV: usize = 64;

/// What every frame has.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) jwt: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) command: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Cow<'a, str>,
}

/// A command, read.
#[derive(Debug)]
pub(crate) enum Command<'a> {
    Register { window: Option<u32> },
    RequestFile { public_key: String, filename: String },
    AcknowledgeFileRequest { request: RequestId, answer: Answer, filename: String },
    ReadyForFileTransfer { request: RequestId },
    AddChunk { request: RequestId, chunk: Chunk<'a> },
    ReceivedChunk { request: RequestId, number: u32 },
}

/// A chunk, its form checked.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    pub(crate) is_last_chunk: bool,
    pub(crate) chunk_nr: u32,
    #[serde(borrow)]
    pub(crate) chunk: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) iv: Cow<'a, str>,
}

impl<'a> Envelope<'a> {
    /// # Errors
    /// A refusal, when the text is not such a frame.
    pub(crate) fn read(text: &'a str) -> Result<Self, Refusal> {
        serde_json::from_str(text).map_err(|_| {
            Refusal::invalid(r#"A frame is {"jwt", "command", "data"}: three strings of JSON."#)
        })
    }

    /// The command, with what its `data` says.
    ///
    /// # Errors
    /// A refusal, when there is no such command, or its data are not what it has.
    pub(crate) fn command(&self) -> Result<Command<'_>, Refusal> {
        match &*self.command {
            "register" => self.register(),
            "request-file" => self.request_file(),
            "acknowledge-file-request" => self.acknowledge(),
            "ready-for-file-transfer" => {
                let Of { request_id } = self.data()?;
                Ok(Command::ReadyForFileTransfer { request: request(&request_id)? })
            }
            "add-chunk" => self.add_chunk(),
            "received-chunk" | "receive-chunk" => self.received_chunk(),
            _ => Err(Refusal::invalid("There is no such command.")),
        }
    }

    /// The request that the data name, for an answer that refuses the command.
    pub(crate) fn request_id(&self) -> Option<String> {
        let Of { request_id } = self.data().ok()?;
        RequestId::parse(&request_id).map(|request| request.to_string())
    }

    fn register(&self) -> Result<Command<'_>, Refusal> {
        #[derive(Deserialize)]
        struct Data {
            window: Option<u32>,
        }
        if self.data.trim().is_empty() {
            return Ok(Command::Register { window: None });
        }
        let Data { window } = self.data()?;
        if window.is_some_and(|window| !(1..=MAX_WINDOW).contains(&window)) {
            return Err(Refusal::invalid("A window is a number from 1 to 64."));
        }
        Ok(Command::Register { window })
    }

    fn request_file(&self) -> Result<Command<'_>, Refusal> {
        #[derive(Deserialize)]
        struct Data {
            public_key: String,
            filename: String,
        }
        let Data { public_key, filename } = self.data()?;
        check_public_key(&public_key)?;
        Ok(Command::RequestFile { public_key, filename })
    }

    fn acknowledge(&self) -> Result<Command<'_>, Refusal> {
        #[derive(Deserialize)]
        struct Data<'a> {
            #[serde(borrow)]
            request_id: Cow<'a, str>,
            public_key: String,
            amount_of_chunks: u32,
            filename: String,
        }
        let Data { request_id, public_key, amount_of_chunks, filename } = self.data()?;
        check_public_key(&public_key)?;
        let answer = Answer { public_key, amount_of_chunks };
        Ok(Command::AcknowledgeFileRequest { request: request(&request_id)?, answer, filename })
    }

    fn add_chunk(&self) -> Result<Command<'_>, Refusal> {
        let chunk: Chunk<'_> = self.data()?;
        if chunk.chunk.len() > MAX_CHUNK {
            return Err(Refusal::invalid("A chunk has at most 70000 characters of hex."));
        }
        if !chunk.chunk.len().is_multiple_of(2)
            || !chunk.chunk.bytes().all(|it| it.is_ascii_hexdigit())
        {
            return Err(Refusal::invalid("A chunk is bytes in hex."));
        }
        if chunk.iv.len() > MAX_IV {
            return Err(Refusal::invalid("An iv has at most 64 characters."));
        }
        Ok(Command::AddChunk { request: request(&chunk.request_id)?, chunk })
    }

    fn received_chunk(&self) -> Result<Command<'_>, Refusal> {
        #[derive(Deserialize)]
        struct Data<'a> {
            #[serde(borrow)]
            request_id: Cow<'a, str>,
            chunk_nr: u32,
        }
        let Data { request_id, chunk_nr } = self.data()?;
        Ok(Command::ReceivedChunk { request: request(&request_id)?, number: chunk_nr })
    }

    fn data<'b, D: Deserialize<'b>>(&'b self) -> Result<D, Refusal> {
        serde_json::from_str(&self.data).map_err(|_| {
            Refusal::invalid("The data are not what this command has, as a string of JSON.")
        })
    }
}

#[derive(Deserialize)]
struct Of<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
}

fn request(id: &str) -> Result<RequestId, Refusal> {
    RequestId::parse(id).ok_or_else(Refusal::no_such_request)
}

/// # Errors
/// A refusal, when `key` cannot be one. What it is of, clients agree on among themselves.
pub(crate) fn check_public_key(key: &str) -> Result<(), Refusal> {
    if key.is_empty() || key.len() > MAX_PUBLIC_KEY || key.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            "A public key has 1 to 512 characters, none of them a control character.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base::OsRandom;
    use serde_json::json;

    use super::*;

    fn frame(command: &str, data: serde_json::Value) -> String {
        json!({"jwt": "x", "command": command, "data": data.to_string()}).to_string()
    }

    fn refusal(command: &str, data: serde_json::Value) -> String {
        let text = frame(command, data);
        let envelope = Envelope::read(&text).unwrap();
        envelope.command().unwrap_err().sentence.into_owned()
    }

    #[test]
    fn a_chunk_is_read_and_checked() {
        let request = RequestId::random(&OsRandom);
        let chunk = |hex: &str| {
            json!({"request_id": request.to_string(), "is_last_chunk": true, "chunk_nr": 3,
                   "chunk": hex, "iv": "AAAAAAAAAAAAAAAA"})
        };
        let text = frame("add-chunk", chunk("00Ff"));
        let envelope = Envelope::read(&text).unwrap();
        let Ok(Command::AddChunk { request: of, chunk: read }) = envelope.command() else {
            panic!("a chunk")
        };
        assert_eq!((of, read.chunk_nr, read.is_last_chunk), (request, 3, true));
        assert_eq!((&*read.chunk, &*read.iv), ("00Ff", "AAAAAAAAAAAAAAAA"));
        assert_eq!(envelope.request_id(), Some(request.to_string()));
        for hex in ["0", "zz", "0x", "éé"] {
            assert_eq!(refusal("add-chunk", chunk(hex)), "A chunk is bytes in hex.");
        }
        let long = "0".repeat(MAX_CHUNK + 2);
        assert!(refusal("add-chunk", chunk(&long)).contains("70000"));
        assert!(Envelope::read(&frame("add-chunk", chunk(""))).unwrap().command().is_ok());
    }

    #[test]
    fn what_is_no_frame_or_no_command_is_refused() {
        for text in ["", "[]", "{}", "null", r#"{"jwt": 1, "command": "x", "data": ""}"#] {
            assert!(Envelope::read(text).is_err(), "{text}");
        }
        let object = r#"{"jwt": "x", "command": "register", "data": {}}"#;
        assert!(Envelope::read(object).is_err(), "data is a string");
        assert_eq!(refusal("leave", json!({})), "There is no such command.");
        assert!(refusal("register", json!({"window": 65})).contains("1 to 64"));
        assert!(refusal("received-chunk", json!({"chunk_nr": 1})).contains("data"));
        let unknown = json!({"request_id": "x", "chunk_nr": 1});
        assert!(refusal("receive-chunk", unknown).contains("no such request"));
    }
}
