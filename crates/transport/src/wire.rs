//! The byte stream under a connection: a plain TCP socket, which others may write to
//! directly, or a TLS session, which belongs to the connection's task alone.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hub::Sink;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustix::net::{Shutdown, shutdown, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What the kernel may hold for a peer (it keeps about as much again for its own
/// accounts). Left to itself it would take megabytes in before the outbox saw that a
/// peer does not read; a slow peer would then look silent first.
const SEND_BUFFER: usize = 128 * 1024;

/// Sets the socket up for what it is from now on. None of it can fail on a socket that
/// is open, and nothing depends on it but how soon a slow peer is noticed.
fn tune(stream: &TcpStream) {
    let _ = sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER);
    // The listener's limit for HTTP: here the sweep decides, and says good-bye.
    #[cfg(target_os = "linux")]
    let _ = sockopt::set_tcp_user_timeout(stream, 0);
}

/// A plain socket, shared between its task and the hub.
#[derive(Debug)]
pub(crate) struct Plain(TcpStream);

impl Sink for Plain {
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match buffers {
            [buffer] => self.0.try_write(buffer),
            buffers => self.0.try_write_vectored(buffers),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Wire {
    Plain(Arc<Plain>),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Takes the stream back from hyper, with what hyper has read beyond the
    /// hand-shake. `None` if it is of neither kind, which the listener rules out.
    pub(crate) fn from_upgraded(upgraded: Upgraded) -> Option<(Self, Bytes)> {
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => Some((Self::plain(parts.io.into_inner()), parts.read_buf)),
            Err(upgraded) => {
                let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
                Some((Self::tls(parts.io.into_inner()), parts.read_buf))
            }
        }
    }

    pub(crate) fn plain(stream: TcpStream) -> Self {
        tune(&stream);
        Self::Plain(Arc::new(Plain(stream)))
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        tune(stream.get_ref().0);
        Self::Tls(Box::new(stream))
    }

    /// Where the hub may write without the task; `None` where it may not.
    pub(crate) fn sink(&self) -> Option<Arc<dyn Sink>> {
        match self {
            Self::Plain(plain) => Some(plain.clone()),
            Self::Tls(_) => None,
        }
    }

    /// Reads what is there, up to `buffer`'s length; zero is the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(plain) => loop {
                ready!(plain.0.poll_read_ready(cx))?;
                match plain.0.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Tls(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Writes some of `buffers`.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(plain) => loop {
                ready!(plain.0.poll_write_ready(cx))?;
                match plain.try_write(buffers) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
        }
    }

    /// Tells the peer that nothing more comes (TLS close_notify, TCP FIN), while still
    /// reading from it. If the peer is gone already, reading tells.
    pub(crate) fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Plain(plain) => {
                let _ = shutdown(&plain.0, Shutdown::Write);
                Poll::Ready(())
            }
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx).map(|_| ()),
        }
    }

    /// Pushes out what the stream itself holds back (TLS records).
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
}
