//! A byte stream that can be ended from outside, by neither of its two users.
//!
//! The library's writer waits for a peer that takes nothing for as long as that peer
//! likes; and a client that is asked to go may stay. Broken, the stream reads as ended
//! and fails to write, and both let go of it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

type Broken = Pin<Box<WaitForCancellationFutureOwned>>;

/// See the module's documentation.
pub(super) struct Breakable<S> {
    stream: S,
    // One for each of the two tasks that may wait: a future wakes one task alone.
    reading: Broken,
    writing: Broken,
}

impl<S> Breakable<S> {
    /// `stream`, until `broken`.
    pub(super) fn new(stream: S, broken: CancellationToken) -> Self {
        let reading = Box::pin(broken.clone().cancelled_owned());
        Self { stream, reading, writing: Box::pin(broken.cancelled_owned()) }
    }
}

impl<S: AsyncWrite + Unpin> Breakable<S> {
    /// Writes by `write` unless broken.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.writing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        write(Pin::new(&mut self.stream), cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Breakable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reading.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(())); // Nothing read: the end.
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Breakable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    use super::*;

    #[tokio::test]
    async fn breaking_ends_a_read_and_a_write_that_both_wait() {
        let (near, _far) = duplex(4);
        let broken = CancellationToken::new();
        let (mut reader, mut writer) = split(Breakable::new(near, broken.clone()));
        let reading = tokio::spawn(async move { reader.read(&mut [0; 8]).await });
        let writing = tokio::spawn(async move { writer.write_all(b"more than fits").await });
        tokio::task::yield_now().await;
        broken.cancel();
        assert_eq!(reading.await.unwrap().unwrap(), 0);
        let failed = writing.await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    }
}
