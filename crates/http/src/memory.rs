//! The memory of connections in the HTTP phase: how much all of them may take together, what
//! one is reckoned to take, and who waits when there is none left.
//!
//! A connection takes its part when it begins to speak, before anything of it is read. That
//! covers a head of any length as long as it is unfinished, because hyper does not say how
//! much of it there is; and whole requests whose head is [ordinary](ORDINARY_HEAD). A request
//! with a larger head needs more, for the head stays where it is while the body comes in
//! beside it. So its connection takes more, once, and keeps it: hyper keeps the buffer, too.
//!
//! What a part is was measured over 1,000 connections to the release build (plain ones over
//! 3,000, too), as the growth of its resident memory, with what was sent coming in one piece
//! (by small pieces it is less):
//!
//! | | plain | TLS |
//! |---|---|---|
//! | 64 KiB of unfinished head | 131 to 137 KiB | 164 KiB |
//! | 16 KiB of head and a body of 16 KiB but for its last byte | 118 KiB | 136 KiB |
//! | 64 KiB of head and a body of 16 KiB but for its last byte | 240 KiB | 262 KiB |
//!
//! hyper's buffer doubles when it is full, so it has 112 KiB for a head of 64.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::ApiError;
use crate::connections::ConnectionSlots;

const KIB: usize = 1024;

/// Bytes that all connections in the HTTP phase that have begun to speak may take
/// together.
pub const HTTP_MEMORY: usize = 256 * 1024 * KIB;

/// Bytes that one of them is reckoned to take: buffers, headers, a body of
/// [`MAX_BODY`](crate::MAX_BODY) on its way in, and the task.
pub const CONNECTION_MEMORY: usize = 136 * KIB;

/// Bytes that TLS takes besides.
pub const TLS_MEMORY: usize = 28 * KIB;

/// Bytes that a connection takes besides, once it has sent a large head.
pub const LARGE_HEAD_MEMORY: usize = 104 * KIB;

/// The longest head, in bytes, that is no large one.
const ORDINARY_HEAD: usize = 16 * KIB;

/// When to try again what there was no memory for.
const RETRY: Duration = Duration::from_secs(1);

/// How often a connection that waits for memory has idle ones asked to make room.
const ROOM_INTERVAL: Duration = Duration::from_millis(100);

/// The memory of all connections. Clones are the same.
#[derive(Clone)]
pub(crate) struct Memory {
    /// In KiB.
    free: Arc<Semaphore>,
    networks: ConnectionSlots,
}

/// What one connection has taken, until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Taken {
    memory: Memory,
    _part: Arc<OwnedSemaphorePermit>,
    for_large_head: Arc<OnceLock<OwnedSemaphorePermit>>,
}

impl Memory {
    /// `bytes` of it; where there is none left, idle connections of `networks` make room.
    pub(crate) fn new(bytes: usize, networks: ConnectionSlots) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes / KIB)), networks }
    }

    /// Waits for the part of a connection, over TLS if it is `secure`.
    pub(crate) async fn take(&self, secure: bool) -> Option<Taken> {
        let bytes = CONNECTION_MEMORY + if secure { TLS_MEMORY } else { 0 };
        let part = Arc::new(self.wait(bytes).await?);
        Some(Taken { memory: self.clone(), _part: part, for_large_head: Arc::default() })
    }

    async fn wait(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / KIB).ok()?;
        let mut part = pin!(Arc::clone(&self.free).acquire_many_owned(kib));
        loop {
            match timeout(ROOM_INTERVAL, &mut part).await {
                // The semaphore is never closed.
                Ok(part) => return part.ok(),
                Err(_) => self.networks.make_room(),
            }
        }
    }
}

impl Taken {
    /// Takes what a request with a head of so many bytes needs besides.
    ///
    /// # Errors
    /// `503` if there is no memory for a large one within `patience`.
    pub(crate) async fn admit(&self, head: usize, patience: Duration) -> Result<(), ApiError> {
        if self.for_large_head.get().is_some() || head <= ORDINARY_HEAD {
            return Ok(());
        }
        let more = timeout(patience, self.memory.wait(LARGE_HEAD_MEMORY)).await;
        let more = more.ok().flatten().ok_or_else(|| ApiError::unavailable(RETRY))?;
        // The requests of a connection come one after another: nothing else has set it.
        let _ = self.for_large_head.set(more);
        Ok(())
    }
}

/// The bytes of a request's head, but for what separates its parts.
pub(crate) fn head_size<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    target + headers.map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use limits::Exempt;

    use super::*;

    fn memory(bytes: usize) -> Memory {
        Memory::new(bytes, ConnectionSlots::new(1, Duration::ZERO, Exempt::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_head_takes_more_once_and_until_its_connection_ends() {
        let memory = memory(2 * CONNECTION_MEMORY + LARGE_HEAD_MEMORY);
        let patience = Duration::from_secs(1);
        let (one, other) = (memory.take(false).await.unwrap(), memory.take(false).await.unwrap());
        for _ in 0..3 {
            assert_eq!(one.admit(40_000, patience).await, Ok(()));
        }
        assert_eq!(other.admit(16_000, patience).await, Ok(()));
        let refused = other.admit(40_000, patience).await.unwrap_err();
        assert_eq!(refused.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        drop(one);
        assert_eq!(other.admit(40_000, patience).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_for_its_part() {
        let memory = memory(CONNECTION_MEMORY + TLS_MEMORY);
        let one = memory.take(true).await.unwrap();
        let mut waiting = pin!(memory.take(false));
        assert!(timeout(Duration::from_secs(60), &mut waiting).await.is_err());
        drop(one);
        assert!(waiting.await.is_some());
    }
}
