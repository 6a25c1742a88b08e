//! A request's body in frames of their own memory.
//!
//! hyper's frames are slices of its read buffer, and after each it reads into a new one
//! of 8 KiB: an extractor that collects frames would hold 8 KiB for every segment the
//! client cared to send, up to 128 MiB for a body of 16 KiB sent by single bytes. So
//! bytes are copied out, and passed on once there are [`FRAME`] of them, or all.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};

/// The least bytes of a frame that is not the last.
const FRAME: usize = 256;

/// `B`, gathered into larger frames.
#[derive(Debug)]
pub(crate) struct Gathered<B> {
    inner: B,
    kept: BytesMut,
    /// What ended the gathering and comes after it.
    after: Option<Frame<Bytes>>,
    ended: bool,
}

impl<B> Gathered<B> {
    pub(crate) fn new(inner: B) -> Self {
        Self { inner, kept: BytesMut::new(), after: None, ended: false }
    }

    fn take_kept(&mut self) -> Option<Frame<Bytes>> {
        let kept = std::mem::take(&mut self.kept);
        (!kept.is_empty()).then(|| Frame::data(kept.freeze()))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Gathered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        while self.after.is_none() && !self.ended && self.kept.len() < FRAME {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.kept.extend_from_slice(&data),
                    Err(trailers) => self.after = Some(trailers),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.ended = true,
            }
        }
        let next = self.take_kept().or_else(|| self.after.take());
        Poll::Ready(next.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.kept.is_empty() && self.after.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let kept = self.kept.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint.set_lower(inner.lower().saturating_add(kept));
        hint
    }
}

/// `body`, with `held` kept until it ends or is dropped.
pub(crate) fn holding<B, H>(body: B, held: H) -> axum::body::Body
where
    B: Body<Data = Bytes, Error = axum::Error> + Send + 'static,
    H: Send + 'static,
{
    let held = Some(held);
    axum::body::Body::new(body.map_frame(move |frame| {
        let _until_then = &held;
        frame
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::StreamBody;

    /// The data frames of a body that came in `pieces`.
    async fn frames(pieces: Vec<Vec<u8>>) -> Vec<Bytes> {
        let frames = pieces.into_iter().map(|piece| Ok::<_, ()>(Frame::data(piece.into())));
        let body = Gathered::new(StreamBody::new(stream::iter(frames)));
        let frames = body.into_data_stream().map(Result::unwrap);
        frames.collect().await
    }

    #[tokio::test]
    async fn single_bytes_become_one_frame() {
        let gathered = frames(vec![vec![b'x']; 100]).await;
        assert_eq!(gathered, [Bytes::from(vec![b'x'; 100])]);
        assert!(frames(vec![]).await.is_empty());
    }

    #[tokio::test]
    async fn long_bodies_come_in_frames_in_their_order() {
        let pieces: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; 100]).collect();
        let gathered = frames(pieces.clone()).await;
        assert!(gathered.len() >= 4);
        assert!(gathered[..gathered.len() - 1].iter().all(|frame| frame.len() >= FRAME));
        assert_eq!(gathered.concat(), pieces.concat());
    }

    #[tokio::test]
    async fn trailers_come_after_the_data() {
        let trailers = http::HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
        let parts = [Frame::data(Bytes::from_static(b"ab")), Frame::trailers(trailers.clone())];
        let body = StreamBody::new(stream::iter(parts.map(Ok::<_, ()>)));
        let collected = Gathered::new(body).collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "ab");
    }
}
