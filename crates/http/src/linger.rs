//! Closing a connection so that the last answer arrives.
//!
//! A socket closed while the peer is still sending resets the connection, and
//! the reset can overtake the answer (a 413, a 408) that explains it. So the rest
//! is read and thrown away for a moment, until the peer stops.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most that is thrown away, in bytes.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;

/// Ends our side, then reads until the peer ends its own, at most for `limit`
/// and [`MAX_DISCARDED`] bytes.
pub(crate) async fn close(io: &mut (impl AsyncRead + AsyncWrite + Unpin), limit: Duration) {
    // Out of time, or the peer is gone: either way the connection is over.
    let _ = tokio::time::timeout(limit, end_and_discard(io)).await;
}

async fn end_and_discard(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    io.shutdown().await?;
    let mut buffer = [0_u8; 4096];
    let mut left = MAX_DISCARDED;
    while left > 0 {
        match io.read(&mut buffer).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
