//! The pages, embedded in the binary (read from the source folder in debug
//! builds, once, at start).

use axum::Router;
use axum::routing::get;
use http::HeaderMap;
use http_kit::Assets;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web"]
#[exclude = "tests/*"]
#[exclude = "types/*"]
#[exclude = "node_modules/*"]
#[exclude = "*.d.ts"]
#[exclude = "tsconfig.json"]
#[exclude = "package*.json"]
#[exclude = "*.md"]
struct Web;

/// Files that browsers and crawlers look for at the root.
const AT_ROOT: [(&str, &str); 5] = [
    ("/", "index.html"),
    ("/favicon.ico", "favicon.ico"),
    ("/favicon.svg", "favicon.svg"),
    ("/manifest.webmanifest", "manifest.webmanifest"),
    ("/robots.txt", "robots.txt"),
];

/// The page at `/`, what belongs at the root, and everything under `/assets/`.
pub(crate) fn routes() -> Router {
    let files = Web::iter().filter_map(|path| Some((path.to_string(), Web::get(&path)?.data)));
    let assets = Assets::new(files);
    let present = AT_ROOT.iter().filter(|(_, file)| assets.contains(file));
    present.fold(assets.routes(), |router, &(path, file)| {
        let assets = assets.clone();
        let serve = async move |headers: HeaderMap| assets.named(file, &headers);
        router.route(path, get(serve))
    })
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
                || path.starts_with("node_modules/");
            assert!(!tooling, "{path}");
        }
        assert!(embedded.iter().any(|path| path == "app.js"));
    }
}
