//! Ids of sessions, members and requests: random UUIDs (RFC 9562, version 4), so that no
//! client can guess one.

use std::fmt;

use base::Random;
use uuid::{Builder, Uuid};

macro_rules! ids {
    ($( $(#[doc = $doc:literal])+ $Id:ident, )+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $Id(Uuid);

        impl $Id {
            pub(crate) fn random(random: &dyn Random) -> Self {
                let mut bytes = [0; 16];
                random.fill(&mut bytes);
                Self(Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The id that `text` is, in the one form in which ids are given out.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
                hyphenated.then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
            }
        }

        impl fmt::Display for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    )+};
}

ids! {
    /// A sharing session's.
    SessionId,
    /// A member's, within a session.
    MemberId,
    /// Of a request for a file, and of the transfer that it becomes.
    RequestId,
}
