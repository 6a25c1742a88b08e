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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

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
            Ok(parts) => {
                let plain = Arc::new(Plain(parts.io.into_inner()));
                Some((Self::Plain(plain), parts.read_buf))
            }
            Err(upgraded) => {
                let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
                Some((Self::Tls(Box::new(parts.io.into_inner())), parts.read_buf))
            }
        }
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

    /// Tells the peer that nothing more comes (TCP FIN), while still reading from it.
    pub(crate) fn shut(&self) {
        let stream = match self {
            Self::Plain(plain) => &plain.0,
            Self::Tls(stream) => stream.get_ref().0,
        };
        // If the peer is gone already, reading tells.
        let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    }

    /// Pushes out what the stream itself holds back (TLS records).
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
}
