//! The embedded files: hashed, compressed and typed once at start.
//!
//! Files under `/assets/<version>/` may be kept by browsers for ever, because
//! `<version>` is a hash over the whole bundle: any change is a new address.
//! Pages are served by name and asked for again each time; in them (and in the
//! web manifest) `{{assets}}` stands for `/assets/<version>`.
//!
//! Absent: ranges (the largest file is small), falling back to a page for an
//! unknown path, anything read from disk after start.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256, digest};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::ApiError;

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// What stands for `/assets/<version>` in pages.
const PLACEHOLDER: &str = "{{assets}}";

/// All embedded files; cheap to clone.
#[derive(Clone, Debug)]
pub struct Assets {
    bundle: Arc<Bundle>,
}

#[derive(Debug)]
struct Bundle {
    version: String,
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
struct File {
    media_type: HeaderValue,
    plain: Representation,
    /// Present when it is smaller.
    gzip: Option<Representation>,
}

/// One representation; each has a validator of its own (RFC 9110, 8.8.3.3).
#[derive(Debug)]
struct Representation {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Assets {
    /// Takes `(path, bytes)` pairs, the paths relative and with `/` between
    /// levels (`styles/base.css`).
    pub fn new(files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let sources: BTreeMap<_, _> = files.into_iter().collect();
        let version = version(&sources);
        let base = format!("/assets/{version}");
        let files = sources.into_iter().map(|(path, source)| {
            let file = File::new(&path, source, &base);
            (path, file)
        });
        Self { bundle: Arc::new(Bundle { files: files.collect(), version }) }
    }

    /// The hash over all files that their addresses carry.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.bundle.version
    }

    /// Whether there is a file at `path`.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.bundle.files.contains_key(path)
    }

    /// `GET` and `HEAD` of `/assets/{version}/{*path}`. Another version than
    /// this bundle's (a page from before an update) is answered with this
    /// bundle's file, not to be kept.
    pub fn routes(&self) -> Router {
        Router::new().route("/assets/{version}/{*path}", get(versioned)).with_state(self.clone())
    }

    /// The file at `path` under a name that stays the same across versions: a
    /// page, an icon. Browsers ask again each time. `404` if there is none.
    #[must_use]
    pub fn named(&self, path: &str, headers: &HeaderMap) -> Response {
        self.answer(path, headers, REVALIDATE)
    }

    fn answer(&self, path: &str, headers: &HeaderMap, caching: HeaderValue) -> Response {
        let Some(file) = self.bundle.files.get(path) else {
            return not_found();
        };
        let compressed = file.gzip.as_ref().filter(|_| accepts_gzip(headers));
        let representation = compressed.unwrap_or(&file.plain);
        let unchanged = has_current(headers, &representation.etag);
        let body = if unchanged { Body::empty() } else { Body::from(representation.bytes.clone()) };
        let mut response = Response::new(body);
        let answer = response.headers_mut();
        answer.insert(ETAG, representation.etag.clone());
        answer.insert(CACHE_CONTROL, caching);
        answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        answer.insert(CONTENT_TYPE, file.media_type.clone());
        if compressed.is_some() {
            answer.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

impl File {
    fn new(path: &str, source: Cow<'static, [u8]>, base: &str) -> Self {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let bytes = match (extension, std::str::from_utf8(&source)) {
            ("html" | "webmanifest", Ok(text)) => Bytes::from(text.replace(PLACEHOLDER, base)),
            _ => match source {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            },
        };
        let gzip = gzip(&bytes).filter(|compressed| compressed.len() < bytes.len());
        let hash = base::to_hex(digest(&SHA256, &bytes).as_ref());
        Self {
            media_type: HeaderValue::from_static(media_type(extension)),
            gzip: gzip
                .map(|compressed| Representation::new(compressed.into(), &format!("{hash}-gzip"))),
            plain: Representation::new(bytes, &hash),
        }
    }
}

impl Representation {
    fn new(bytes: Bytes, tag: &str) -> Self {
        let etag = HeaderValue::try_from(format!("\"{tag}\"")).expect("hex is a header value");
        Self { bytes, etag }
    }
}

async fn versioned(
    State(assets): State<Assets>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    // A path that is not UTF-8 names no file.
    let Ok(Path((version, path))) = path else { return not_found() };
    let caching = if version == assets.version() { IMMUTABLE } else { REVALIDATE };
    assets.answer(&path, &headers, caching)
}

fn not_found() -> Response {
    ApiError::new(StatusCode::NOT_FOUND, "There is no such file.").into_response()
}

fn version(files: &BTreeMap<String, Cow<'static, [u8]>>) -> String {
    let mut context = Context::new(&SHA256);
    for (path, bytes) in files {
        // Lengths in front, so that no two bundles run into the same bytes.
        for part in [path.as_bytes(), bytes] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
    }
    base::to_hex(&context.finish().as_ref()[..8])
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to a Vec cannot fail; without a compressed representation the plain one serves.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
}

fn media_type(extension: &str) -> &'static str {
    match extension {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether `gzip` (or `*`) is accepted with a weight above zero (RFC 9110, 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut wildcard = false;
    for choice in lines.flat_map(|line| line.split(',')) {
        let mut parts = choice.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map(str::parse::<f32>);
        let accepted = !matches!(weight, Some(Ok(0.0) | Err(_)));
        if coding.eq_ignore_ascii_case("gzip") {
            return accepted;
        }
        wildcard |= coding == "*" && accepted;
    }
    wildcard
}

/// Whether `If-None-Match` names `etag`, compared weakly (RFC 9110, 13.1.2).
fn has_current(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    })
}

#[cfg(test)]
mod tests;
