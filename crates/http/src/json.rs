//! Reading a body, and one of JSON strictly.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// The largest JSON body that is read, in bytes.
pub const MAX_JSON_BODY: usize = 16 * 1024;

/// A body that is a JSON object of exactly the fields of `T`.
///
/// `T` is a struct with `#[serde(deny_unknown_fields)]`. `422` for anything
/// else, `413` over [`MAX_JSON_BODY`]. `Content-Type` is not looked at: scripts
/// send whatever their tool's default is; that a browser sent it from this site
/// is the edge's business, not the media type's.
#[derive(Debug)]
pub struct StrictJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let bytes = read_body(request.into_body(), MAX_JSON_BODY).await?;
        // serde also reads a struct from an array; the wire says object.
        let object = bytes.trim_ascii_start().first() == Some(&b'{');
        if object && let Ok(value) = serde_json::from_slice(&bytes) {
            return Ok(Self(value));
        }
        Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The body is not a JSON object of exactly the expected fields.",
        ))
    }
}

/// All of a body of at most `limit` bytes.
///
/// # Errors
/// `413` over the limit, before anything is read if the length is declared; `400` if the body
/// breaks off.
pub async fn read_body(body: Body, limit: usize) -> Result<bytes::Bytes, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large()),
        Err(_) => {
            Err(ApiError::new(StatusCode::BAD_REQUEST, "The body could not be read to its end."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Login {
        key: String,
    }

    async fn status(body: impl Into<Body>) -> StatusCode {
        let request = Request::new(body.into());
        match StrictJson::<Login>::from_request(request, &()).await {
            Ok(StrictJson(login)) => {
                assert_eq!(login.key, "k");
                StatusCode::OK
            }
            Err(error) => error.status(),
        }
    }

    #[tokio::test]
    async fn only_exactly_the_object_is_taken() {
        assert_eq!(status(" {\"key\": \"k\"}\n").await, StatusCode::OK);
        for wrong in [
            "",
            "null",
            "[\"k\"]",
            "\"k\"",
            "{}",
            "{\"key\": 1}",
            "{\"key\": \"k\", \"more\": 1}",
            "{\"key\": \"k\"} trailing",
            "key=k",
        ] {
            assert_eq!(status(wrong).await, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_limit_holds_with_and_without_a_declared_length() {
        let text = format!("{{\"key\": \"k\"}}{}", " ".repeat(MAX_JSON_BODY));
        assert_eq!(status(text.clone()).await, StatusCode::PAYLOAD_TOO_LARGE);

        let chunks = text.into_bytes();
        let frames = http_body_util::StreamBody::new(tokio_stream(chunks));
        assert_eq!(status(Body::new(frames)).await, StatusCode::PAYLOAD_TOO_LARGE);
    }

    /// A body of unknown length.
    fn tokio_stream(
        bytes: Vec<u8>,
    ) -> impl futures_util::Stream<Item = Result<hyper::body::Frame<bytes::Bytes>, axum::Error>>
    {
        futures_util::stream::iter(vec![Ok(hyper::body::Frame::data(bytes.into()))])
    }
}
