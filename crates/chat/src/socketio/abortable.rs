//! A byte stream that a third party can end, without either of its two users.
//!
//! The library's writer waits for a peer that takes nothing for as long as that peer
//! likes; and a client that is asked to disconnect may stay. Once aborted, the stream
//! reads as ended and fails to write, so both users drop it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

type Aborted = Pin<Box<WaitForCancellationFutureOwned>>;

/// See the module's documentation.
pub(super) struct Abortable<S> {
    stream: S,
    // One for each of the two tasks that may wait: a future wakes one task alone.
    reading: Aborted,
    writing: Aborted,
}

impl<S> Abortable<S> {
    /// `stream`, until `aborted` is cancelled.
    pub(super) fn new(stream: S, aborted: CancellationToken) -> Self {
        let reading = Box::pin(aborted.clone().cancelled_owned());
        Self { stream, reading, writing: Box::pin(aborted.cancelled_owned()) }
    }
}

impl<S: AsyncWrite + Unpin> Abortable<S> {
    /// Calls `write` unless the stream is aborted.
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

impl<S: AsyncRead + Unpin> AsyncRead for Abortable<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Abortable<S> {
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
    async fn aborting_ends_a_read_and_a_write_that_both_wait() {
        let (near, _far) = duplex(4);
        let aborted = CancellationToken::new();
        let (mut reader, mut writer) = split(Abortable::new(near, aborted.clone()));
        let reading = tokio::spawn(async move { reader.read(&mut [0; 8]).await });
        let writing = tokio::spawn(async move { writer.write_all(b"more than fits").await });
        tokio::task::yield_now().await;
        aborted.cancel();
        assert_eq!(reading.await.unwrap().unwrap(), 0);
        let failed = writing.await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    }
}
