//! The hand-shake of an upgrade (Engine.IO protocol, "Upgrade"): the client's probe and
//! its answer cross the new WebSocket before either side relies on it.
//!
//! It is ours, because the library gives polling up as soon as the WebSocket is there:
//! should nothing come through it (a proxy lets the 101 pass and swallows the frames),
//! every poll is answered at once, with nothing, for ever. Here the connection goes on
//! polling until the client has said that it upgrades. Only then does the library hear
//! of the WebSocket, by a stream on which it finds the hand-shake [done](ReplayedHandshake).
//!
//! Nothing that the client sends behind the hand-shake is read here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The client's probe, a ping.
const PROBE: &str = "2probe";

/// The answer, a pong.
const ANSWER: &str = "3probe";

/// The client upgrades.
const UPGRADE: &str = "5";

/// The client's part as the library reads it, in frames masked with zeros.
const CLIENT_HANDSHAKE: &[u8] = b"\x81\x86\0\0\0\x002probe\x81\x81\0\0\0\x005";

/// Bytes of the frame with the answer, as the library writes it.
const ANSWER_FRAME: usize = 2 + ANSWER.len();

/// Bytes of a message, and of a buffer, until the hand-shake is done.
const MAX_PACKET: usize = 128;

/// Does the hand-shake on `stream`, a WebSocket's. `None` if anything but an upgrade comes of
/// it. The probe answered, `release` runs until the client upgrades: it waits for the
/// end of its last poll before that.
pub(super) async fn handshake<S>(
    stream: S,
    release: impl Future<Output = ()>,
) -> Option<ReplayedHandshake<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(MAX_PACKET)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_PACKET)
        .max_message_size(Some(MAX_PACKET))
        .max_frame_size(Some(MAX_PACKET));
    let mut socket =
        WebSocketStream::from_raw_socket(ByteByByte(stream), Role::Server, Some(config)).await;
    if !receives(&mut socket, PROBE).await {
        return None;
    }
    socket.send(Message::text(ANSWER)).await.ok()?;
    let upgrades = tokio::select! {
        biased;
        upgrades = receives(&mut socket, UPGRADE) => upgrades,
        () = release => false,
    };
    upgrades.then(|| ReplayedHandshake::new(socket.into_inner().0))
}

/// Whether the client's next packet is `expected`.
async fn receives<S>(socket: &mut WebSocketStream<S>, expected: &str) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(packet))) => return packet.as_str() == expected,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_) | Err(_)) | None => return false,
        }
    }
}

/// A stream that is read byte by byte, so that a reader takes no more than it needs and
/// leaves the rest to the next one. Twenty reads for each upgrade cost little.
struct ByteByByte<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for ByteByByte<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte[..buffer.remaining().min(1)]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut one))?;
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ByteByByte<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A stream whose hand-shake is done, for the library, which does it once more: it reads
/// the client's part as replayed here, and its answer is discarded. Whatever has become
/// of the stream meanwhile shows only afterwards, for a hand-shake that fails is what
/// the library cannot cope with.
pub(super) struct ReplayedHandshake<S> {
    stream: S,
    replay: &'static [u8],
    to_discard: usize,
    unwritten: bool,
}

impl<S> ReplayedHandshake<S> {
    fn new(stream: S) -> Self {
        Self { stream, replay: CLIENT_HANDSHAKE, to_discard: ANSWER_FRAME, unwritten: true }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplayedHandshake<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.replay.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let (now, later) = self.replay.split_at(self.replay.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.replay = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplayedHandshake<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.to_discard > 0 {
            let discarded = bytes.len().min(self.to_discard);
            self.to_discard -= discarded;
            return Poll::Ready(Ok(discarded));
        }
        self.unwritten = false;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unwritten {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A text frame as a client sends it, masked with zeros.
    fn frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    #[tokio::test]
    async fn the_library_finds_the_hand_shake_done_and_what_came_behind_it() {
        let (near, mut far) = duplex(1024);
        let mut sent = frame("2probe");
        sent.extend(b"\x89\x80\0\0\0\0"); // A ping in between.
        sent.extend([frame("5"), frame("42[]")].concat());
        far.write_all(&sent).await.unwrap();
        let mut probed = handshake(near, pending()).await.expect("an upgrade");
        let mut answer = [0; 8];
        far.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\x81\x063probe");

        let expected = [frame("2probe"), frame("5"), frame("42[]")].concat();
        let mut read = vec![0; expected.len()];
        probed.read_exact(&mut read).await.unwrap();
        assert_eq!(read, expected);
        probed.write_all(b"\x81\x063probe\x81\x012").await.unwrap();
        drop(probed);
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\x8a\0\x81\x012", "the pong, then what is new to the client");
    }

    #[tokio::test]
    async fn anything_but_an_upgrade_comes_to_nothing() {
        let wrong = [
            vec![],
            frame("5"),
            frame("2"),
            frame("42[]"),
            frame(&"2probe".repeat(20)),
            [frame("2probe"), frame("2probe")].concat(),
            frame("2probe"),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        ];
        for sent in wrong {
            let (near, mut far) = duplex(1024);
            far.write_all(&sent).await.unwrap();
            far.shutdown().await.unwrap();
            assert!(handshake(near, pending()).await.is_none(), "{sent:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_broke_meanwhile_fails_after_the_hand_shake() {
        let (near, far) = duplex(64);
        drop(far);
        let mut probed = ReplayedHandshake::new(near);
        let mut replayed = vec![0; CLIENT_HANDSHAKE.len()];
        probed.read_exact(&mut replayed).await.unwrap();
        probed.write_all(b"\x81\x063probe").await.unwrap();
        probed.flush().await.unwrap();
        assert_eq!(probed.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(probed.write_all(b"more").await.is_err());
    }
}
