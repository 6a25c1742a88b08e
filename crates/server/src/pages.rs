//! The pages, embedded in the binary (read from the source folder in debug
//! builds, once, at start).

mod documents;
mod front;
mod hand_off;

use std::sync::Arc;

use accounts::PageOptions;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::Clock;
use capability::Secrets;
use http::header::{LOCATION, VARY};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use http_kit::{ApiError, Assets, CrossOrigin, Routes, SignedIn, TokenSigner, log_in_address};
use rust_embed::RustEmbed;

use crate::data::TOKEN_SIGNING;
pub use documents::PagesError;
use documents::{Files, PageEntry};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web"]
#[exclude = "tests/*"]
#[exclude = "tools/*"]
#[exclude = "node_modules/*"]
#[exclude = "*.d.ts"]
#[exclude = "tsconfig.json"]
#[exclude = "package*.json"]
#[exclude = "*.md"]
struct Web;

/// Files that browsers and crawlers look for at the root.
const AT_ROOT: [(&str, &str); 4] = [
    ("/favicon.ico", "favicon.ico"),
    ("/favicon.svg", "favicon.svg"),
    ("/manifest.webmanifest", "manifest.webmanifest"),
    ("/robots.txt", "robots.txt"),
];

/// The page that is a sign of life besides ([`front`]).
const FRONT: &str = "/";

/// Where those who are not signed in are led.
const LOG_IN: &str = "/login/";

/// What every page of this server stands on, embedded or rendered.
pub(crate) struct Site {
    assets: Assets,
    pages: Vec<PageEntry>,
    options: PageOptions,
    clock: Arc<dyn Clock>,
}

impl Site {
    /// Fails if the list of pages and their folders do not agree.
    pub(crate) fn new(secrets: &Secrets, clock: Arc<dyn Clock>) -> Result<Self, PagesError> {
        let mut files = embedded();
        let pages = documents::add(&mut files)?;
        let assets = Assets::new(files);
        let base = format!("/assets/{}", assets.version());
        let signer = TokenSigner::new(&secrets.key(TOKEN_SIGNING));
        let options = PageOptions { assets: base, signer };
        Ok(Self { assets, pages, options, clock })
    }

    /// What rendered pages need to know.
    pub(crate) fn options(&self) -> &PageOptions {
        &self.options
    }

    /// The pages of `web/pages`, what belongs at the root, and everything under `/assets/`.
    pub(crate) fn routes(&self) -> Routes {
        let assets = &self.assets;
        let present = AT_ROOT.iter().filter(|(_, file)| assets.contains(file));
        let files = present.fold(assets.routes(), |router, &(path, file)| {
            let assets = assets.clone();
            let serve = async move |headers: HeaderMap| assets.named(file, &headers);
            router.route(path, get(serve))
        });
        let base = &self.options.assets;
        let fenced = files.merge(crate::api::routes(base)).merge(hand_off::routes(base));
        self.pages.iter().fold(Routes::from(fenced), |routes, entry| {
            let page =
                Page { assets: assets.clone(), document: entry.document(), sign_in: entry.sign_in };
            let (page, path) = (get(show).with_state(page), &entry.path);
            if path != FRONT {
                return routes.merge(Router::new().route(path, page));
            }
            let front = front::route(page, Arc::clone(&self.clock));
            routes.with(CrossOrigin::Readable, Router::new().route(path, front))
        })
    }
}

fn embedded() -> Files {
    Web::iter().filter_map(|path| Some((path.to_string(), Web::get(&path)?.data))).collect()
}

#[derive(Clone)]
struct Page {
    assets: Assets,
    document: String,
    sign_in: bool,
}

/// The page's document; the log-in page for those who must be signed in and are not. A page
/// for everybody is shown although the database fails.
async fn show(
    State(page): State<Page>,
    uri: Uri,
    signed_in: Result<Option<SignedIn>, ApiError>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut response = if !page.sign_in || signed_in?.is_some() {
        page.assets.named(&page.document, &headers)
    } else {
        let here = uri.path_and_query().map_or("/", |here| here.as_str());
        (StatusCode::FOUND, [(LOCATION, log_in_address(LOG_IN, here))]).into_response()
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("cookie"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_load_is_embedded() {
        let embedded: Vec<_> = Web::iter().collect();
        for path in &embedded {
            let tooling = path.ends_with(".d.ts")
                || (path.ends_with(".json") && path != "pages/pages.json")
                || path.starts_with("tests/")
                || path.starts_with("tools/")
                || path.starts_with("node_modules/");
            assert!(!tooling, "{path}");
        }
        assert!(embedded.iter().any(|path| path == "app.js"));
    }

    #[test]
    fn nothing_in_a_document_is_stopped_by_the_content_security_policy() {
        let mut files = embedded();
        for entry in documents::add(&mut files).unwrap() {
            let html = String::from_utf8(files[&entry.document()].to_vec()).unwrap();
            for script in html.split("<script").skip(1) {
                let tag = script.split('>').next().unwrap();
                assert!(tag.contains(" src=\"") || tag.contains("application/json"), "{tag}");
            }
            for forbidden in [" style=", "<style", " onclick=", "http://", "https://"] {
                assert!(!html.contains(forbidden), "{forbidden} in {}", entry.path);
            }
        }
    }
}
