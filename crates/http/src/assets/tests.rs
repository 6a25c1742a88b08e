use super::*;
use axum::extract::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

fn assets() -> Assets {
    let script = "export const answer = 42;\n".repeat(50).into_bytes();
    Assets::new([
        ("index.html".to_owned(), Cow::Borrowed(b"<script src={{assets}}/app.js>".as_slice())),
        ("app.js".to_owned(), Cow::Owned(script)),
        ("dot.png".to_owned(), Cow::Borrowed(b"\x89PNG".as_slice())),
    ])
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    assets().routes().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn body(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_page_names_its_assets_by_version() {
    let assets = assets();
    let page = assets.named("index.html", &HeaderMap::new());
    assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
    let expected = format!("<script src=/assets/{}/app.js>", assets.version());
    assert_eq!(body(page).await, expected);
}

#[tokio::test]
async fn a_versioned_file_is_kept_for_ever_another_version_is_not() {
    let version = assets().version().to_owned();
    let current = get(&format!("/assets/{version}/app.js"), &[]).await;
    assert_eq!(current.headers()[CACHE_CONTROL], IMMUTABLE);
    assert_eq!(current.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
    let stale = get("/assets/0123/app.js", &[]).await;
    assert_eq!(stale.status(), StatusCode::OK);
    assert_eq!(stale.headers()[CACHE_CONTROL], REVALIDATE);
    for unknown in ["none.js", "%ff", "../index.html"] {
        let answer = get(&format!("/assets/0123/{unknown}"), &[]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn what_shrinks_is_sent_compressed_to_who_accepts_it() {
    let compressed = get("/assets/x/app.js", &[("accept-encoding", "br, gzip;q=0.5")]).await;
    assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(compressed.headers()[VARY], "accept-encoding");
    assert!(body(compressed).await.starts_with(&[0x1f, 0x8b]));
    for refused in ["", "br", "gzip;q=0", "identity", "*;q=0, br"] {
        let plain = get("/assets/x/app.js", &[("accept-encoding", refused)]).await;
        assert!(plain.headers().get(CONTENT_ENCODING).is_none(), "{refused}");
    }
    let image = get("/assets/x/dot.png", &[("accept-encoding", "gzip")]).await;
    assert!(image.headers().get(CONTENT_ENCODING).is_none());
}

#[tokio::test]
async fn a_known_file_is_not_sent_again() {
    let zip = ("accept-encoding", "gzip");
    let first = get("/assets/x/app.js", &[zip]).await;
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    let listed = format!("\"other\", W/{tag}");
    let again = get("/assets/x/app.js", &[zip, ("if-none-match", &listed)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()[ETAG], tag);
    assert!(body(again).await.is_empty());
    let plain = get("/assets/x/app.js", &[("if-none-match", &tag)]).await;
    assert_eq!(plain.status(), StatusCode::OK, "the plain representation is another one");
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let request = Request::head("/assets/x/dot.png").body(Body::empty()).unwrap();
    let response = assets().routes().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], "4");
    assert!(body(response).await.is_empty());
}
