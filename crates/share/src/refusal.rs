//! Why an operation was refused, for every face of it: HTTP makes a status of the kind, a
//! socket a frame.

use std::borrow::Cow;
use std::time::Duration;

use limits::NEVER;

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not by this client: no token, a wrong code, or a guest where only the host may.
    Unauthorized,
    /// By this member, but not to this file.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It is another's already.
    Conflict,
    /// What was sent is not what is expected.
    Invalid,
    /// Not now: a limit is reached.
    TooMany,
    /// Not now: the server is full, or going away.
    Unavailable,
}

impl Kind {
    /// For metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A refusal, with a sentence for the client.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) sentence: Cow<'static, str>,
    /// When to try again, if that is known.
    pub(crate) retry_after: Option<Duration>,
    /// The name of the file that was not accepted.
    pub(crate) file: Option<String>,
}

/// When to try again what a cap refused.
const RETRY: Duration = Duration::from_secs(60);

/// The same for a full or closing server.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

impl Refusal {
    fn new(kind: Kind, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, sentence: sentence.into(), retry_after: None, file: None }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(Kind::Unauthorized, "A valid token of this session is needed.")
    }

    pub(crate) fn wrong_code() -> Self {
        Self::new(Kind::Unauthorized, "The access code is wrong.")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(Kind::Forbidden, "Only the file's owner and the host may remove it.")
    }

    pub(crate) fn no_such_session() -> Self {
        Self::new(Kind::NotFound, "There is no such session, or it is over.")
    }

    pub(crate) fn no_such_file() -> Self {
        Self::new(Kind::NotFound, "There is no such file.")
    }

    pub(crate) fn no_such_request() -> Self {
        Self::new(Kind::NotFound, "There is no such request of yours.")
    }

    pub(crate) fn name_taken() -> Self {
        Self::new(Kind::Conflict, "Another session has this name.")
    }

    pub(crate) fn not_resumable() -> Self {
        let sentence = "A broken transfer cannot go on: ask anew, without Last-Event-ID.";
        Self::new(Kind::Conflict, sentence)
    }

    pub(crate) fn invalid(sentence: &'static str) -> Self {
        Self::new(Kind::Invalid, sentence)
    }

    pub(crate) fn invalid_file(sentence: &'static str, name: impl Into<String>) -> Self {
        Self { file: Some(name.into()), ..Self::invalid(sentence) }
    }

    /// A cap is hit: `sentence` names it.
    pub(crate) fn full(sentence: &'static str) -> Self {
        Self { retry_after: Some(RETRY), ..Self::new(Kind::TooMany, sentence) }
    }

    /// The server takes no more connections.
    pub(crate) fn unavailable() -> Self {
        let sentence = "The server is not available now.";
        Self { retry_after: Some(RETRY_WHEN_FULL), ..Self::new(Kind::Unavailable, sentence) }
    }

    /// Too often; the same may be tried again after `wait`.
    pub(crate) fn too_often(wait: Duration) -> Self {
        let retry_after = (wait != NEVER).then_some(wait);
        Self { retry_after, ..Self::new(Kind::TooMany, "Too many tries: wait a moment.") }
    }
}
