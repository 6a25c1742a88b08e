//! The pages, embedded in the binary (read from the source folder in debug
//! builds, once, at start).

use accounts::{Accounts, PageOptions};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{LOCATION, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Assets, Client};
use rust_embed::RustEmbed;

use crate::data::Secrets;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web"]
#[exclude = "tests/*"]
#[exclude = "tools/*"]
#[exclude = "types/*"]
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

/// Where `/` leads who is not signed in.
const DOOR: &str = "/login/?next=/";

/// What every page of this server stands on, embedded or rendered.
pub(crate) struct Site {
    assets: Assets,
    options: PageOptions,
}

impl Site {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let files = Web::iter().filter_map(|path| Some((path.to_string(), Web::get(&path)?.data)));
        let assets = Assets::new(files);
        let base = format!("/assets/{}", assets.version());
        Self { assets, options: PageOptions { assets: base, secret: secrets.token_signing } }
    }

    /// What rendered pages need to know.
    pub(crate) fn options(&self) -> &PageOptions {
        &self.options
    }

    /// The page at `/`, what belongs at the root, and everything under `/assets/`.
    pub(crate) fn routes(&self, accounts: Accounts) -> Router {
        let assets = &self.assets;
        let present = AT_ROOT.iter().filter(|(_, file)| assets.contains(file));
        let files = present.fold(assets.routes(), |router, &(path, file)| {
            let assets = assets.clone();
            let serve = async move |headers: HeaderMap| assets.named(file, &headers);
            router.route(path, get(serve))
        });
        let described = crate::api::routes(&self.options.assets);
        files
            .merge(described)
            .merge(Router::new().route("/", get(room)).with_state((assets.clone(), accounts)))
    }
}

/// The room for who is signed in, the door for everybody else.
async fn room(
    State((assets, accounts)): State<(Assets, Accounts)>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut response = match accounts.admit(&headers, &client).await {
        Ok(admitted) => {
            let mut page = assets.named("index.html", &headers);
            page.headers_mut().append(SET_COOKIE, admitted.renewed);
            page
        }
        Err(error) if error.status().is_server_error() => return Err(error),
        Err(_) => (StatusCode::FOUND, [(LOCATION, DOOR)]).into_response(),
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
                || path.ends_with(".json")
                || path.starts_with("tests/")
                || path.starts_with("tools/")
                || path.starts_with("node_modules/");
            assert!(!tooling, "{path}");
        }
        assert!(embedded.iter().any(|path| path == "app.js"));
    }
}
