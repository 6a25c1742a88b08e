//! The page that a server's first administrator comes by. The other pages are tested
//! over TCP, in the server's `account_pages`.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use std::sync::Arc;

use accounts::{PageOptions, pages};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use http_kit::{EdgeOptions, Peer, TokenSigner, authenticated, edge};
use tower::ServiceExt;

use support::{PASSWORD, World};

fn app(world: &World) -> Router {
    let signer = TokenSigner::new(&[7; 32]);
    let options = PageOptions { assets: "/assets/0".to_owned(), signer };
    let pages = pages(world.accounts.clone(), &options);
    edge(authenticated(pages, Arc::new(world.accounts.clone())), EdgeOptions::default())
}

async fn send(app: &Router, method: Method, path: &str, cookie: &str, form: String) -> Response {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .extension(Peer { address: (support::HOME, 4000).into(), secure: false })
        .body(Body::from(form));
    app.clone().oneshot(request.unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_set_up_link_makes_one_administrator() {
    let world = World::new().await;
    let app = app(&world);
    let token = world.accounts.setup_token().await.unwrap().unwrap();
    let path = format!("/setup/{token}");
    let cookie = format!("visitor={}", "v".repeat(32));
    let page = send(&app, Method::GET, &path, &cookie, String::new()).await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = text(page).await;
    let csrf = page.split("name=\"csrf_token\" value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap();

    let form =
        |password: &str| format!("csrf_token={csrf}&email=root%40example.org&password={password}");
    let weak = send(&app, Method::POST, &path, &cookie, form("1")).await;
    assert_eq!(weak.status(), StatusCode::OK);
    let weak = text(weak).await;
    assert!(weak.contains("id=\"setup-password-error\"") && weak.contains("root@example.org"));
    assert!(!world.accounts.has_staff().await.unwrap());
    let forged = send(&app, Method::POST, &path, "", form(PASSWORD)).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);

    let made = send(&app, Method::POST, &path, &cookie, form(PASSWORD)).await;
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    assert_eq!(made.headers()["location"], "/setup/done/");
    assert!(world.accounts.has_staff().await.unwrap());

    for method in [Method::GET, Method::POST] {
        let again = send(&app, method, &path, &cookie, form(PASSWORD)).await;
        assert_eq!(again.status(), StatusCode::NOT_FOUND);
    }
}
