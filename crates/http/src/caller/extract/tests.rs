use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::body::Body;
use axum::routing::{get, post};
use base::{AccountId, Activity, Principal, SessionRef, Timestamp};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::super::{AuthFuture, Credential};
use super::*;
use crate::cookie;

/// Knows the session `ann` (of staff) and `bob`, and the token `key`.
#[derive(Default)]
struct People {
    lookups: AtomicUsize,
    ended: AtomicBool,
    under_way: Arc<AtomicUsize>,
}

struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl People {
    fn known(&self, name: &str, by: Credential) -> Caller {
        let principal = Principal {
            account: AccountId(1),
            username: name.into(),
            display_name: name.into(),
            session: SessionRef(1),
            activity: Arc::new(Activity::new(Timestamp(0))),
        };
        let renewal = HeaderValue::try_from(format!("session={name}; renewed")).unwrap();
        let renewal = (by == Credential::Cookie).then_some(renewal);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        Caller::new(principal, by, renewal, Permit(self.under_way.clone()))
    }
}

impl Authenticate for People {
    fn caller<'a>(
        &'a self,
        headers: &'a HeaderMap,
        _client: &'a Client,
        accepts: Accepts,
    ) -> AuthFuture<'a, Caller> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let token = headers.get("authorization").is_some() && accepts == Accepts::TokenOrCookie;
        Box::pin(async move {
            match (token, cookie(headers, "session")) {
                (true, _) => Ok(self.known("ann", Credential::Token)),
                (false, None) => Err(AuthError::Missing),
                (false, Some("broken")) => Err(AuthError::Storage("disk".into())),
                (false, Some(name @ ("ann" | "bob"))) => Ok(self.known(name, Credential::Cookie)),
                (false, Some(_)) => Err(AuthError::Invalid(Credential::Cookie)),
            }
        })
    }

    fn by_token<'a>(&'a self, _token: &'a str) -> AuthFuture<'a, Option<Principal>> {
        Box::pin(async { Ok(None) })
    }

    fn is_current(&self, _principal: &Principal) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }

    fn staff<'a>(&'a self, caller: &'a Caller) -> AuthFuture<'a, Option<Staff>> {
        let Principal { account, session, username, .. } = &caller.principal;
        let staff = Staff { account: *account, name: username.to_string(), session: *session };
        Box::pin(async move { Ok((&*staff.name == "ann").then_some(staff)) })
    }
}

async fn optional(signed_in: Option<SignedIn>) -> String {
    signed_in.map_or("a visitor".to_owned(), |it| it.0.principal.username.to_string())
}

fn routes() -> Router {
    let own = [(SET_COOKIE, "session=own")];
    Router::new()
        .route("/any", get(async |caller: Caller| format!("{:?}", caller.by)))
        .route("/browser", get(async |SignedIn(caller): SignedIn| format!("{:?}", caller.by)))
        .route("/twice", get(async |_: SignedIn, _: Option<SignedIn>, _: Staff| "asked"))
        .route("/optional", get(optional))
        .route("/staff", get(async |staff: Staff| staff.name))
        .route("/out", post(async move |_: SignedIn| own))
        .route("/failing", get(async |_: SignedIn| StatusCode::CONFLICT))
        .route("/free", get("free"))
}

async fn ask(
    people: &Arc<People>,
    method: &str,
    path: &str,
    header: &str,
) -> (u16, Vec<String>, String) {
    let app = authenticated(routes(), people.clone());
    let mut request = Request::builder().method(method).uri(path);
    if let Some((name, value)) = header.split_once(": ") {
        request = request.header(name, value);
    }
    let address = [127, 0, 0, 1].into();
    let client = Client { address, peer: (address, 1).into(), secure: false, host: None };
    let request = request.extension(client).body(Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    let set = answer.headers().get_all(SET_COOKIE).iter();
    let set = set.map(|value| value.to_str().unwrap().to_owned()).collect();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, set, String::from_utf8(body.to_vec()).unwrap())
}

const ANN: &str = "cookie: session=ann";

#[tokio::test]
async fn a_session_that_was_used_is_renewed_whatever_the_answer() {
    let people = Arc::new(People::default());
    for path in ["/any", "/browser", "/twice", "/optional", "/staff", "/failing"] {
        let (_, set, _) = ask(&people, "GET", path, ANN).await;
        assert_eq!(set, ["session=ann; renewed"], "{path}");
    }
    assert_eq!(ask(&people, "POST", "/out", ANN).await.1, ["session=own"], "it keeps its own");
    assert!(ask(&people, "GET", "/free", ANN).await.1.is_empty(), "nothing asked");
    assert!(ask(&people, "GET", "/any", "authorization: Token key").await.1.is_empty());
    people.ended.store(true, Ordering::SeqCst);
    assert!(ask(&people, "GET", "/any", ANN).await.1.is_empty(), "it ended meanwhile");
}

#[tokio::test]
async fn a_request_is_looked_up_once_and_under_way_until_it_is_answered() {
    let people = Arc::new(People::default());
    assert_eq!(ask(&people, "GET", "/twice", ANN).await.2, "asked");
    assert_eq!(people.lookups.load(Ordering::SeqCst), 1);
    assert_eq!(people.under_way.load(Ordering::SeqCst), 0);
    ask(&people, "GET", "/free", ANN).await;
    ask(&people, "GET", "/out", ANN).await; // 405 comes before any look-up.
    assert_eq!(people.lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_failure_has_its_answer() {
    let people = Arc::new(People::default());
    let token = "authorization: Token key";
    for (path, header, status) in [
        ("/any", "", 422),
        ("/any", "cookie: session=over", 401),
        ("/any", token, 200),
        ("/browser", token, 422),
        ("/browser", "cookie: session=broken", 503),
        ("/optional", "", 200),
        ("/optional", "cookie: session=over", 200),
        ("/optional", "cookie: session=broken", 503),
        ("/staff", "", 401),
        ("/staff", "cookie: session=bob", 403),
        ("/staff", "cookie: session=broken", 503),
        ("/out", "", 405),
    ] {
        assert_eq!(ask(&people, "GET", path, header).await.0, status, "{path} {header}");
    }
    let outside = routes().oneshot(Request::get("/any").body(Body::empty()).unwrap());
    assert_eq!(outside.await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
}
