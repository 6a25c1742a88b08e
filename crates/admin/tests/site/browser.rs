//! A browser at the site: asks, follows nothing, and finds the seal in a page.

use std::sync::Arc;

use admin::{AuditLog, Site, SiteOptions, Staff};
use axum::Router;
use axum::body::Body;
use base::{AccountId, Activity, ManualClock, Principal, SessionRef, Timestamp};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use http_kit::{
    Accepts, AuthError, AuthFuture, Authenticate, Caller, Client, Credential, TokenSigner,
    authenticated,
};
use serde_json::Value as Json;
use storage::Database;
use testdb::TestDatabase;
use tower::ServiceExt;

use crate::boats::Boats;

/// The name of the one who may.
pub(crate) const STAFF: &str = "sam@example.org";

/// Knows people by a header.
struct ByHeader;

impl Authenticate for ByHeader {
    fn caller<'a>(
        &'a self,
        headers: &'a HeaderMap,
        _client: &'a Client,
        _accepts: Accepts,
    ) -> AuthFuture<'a, Caller> {
        let who = headers["who"].to_str().unwrap();
        let number = if who == STAFF { 1 } else { 2 };
        let principal = Principal {
            account: AccountId(number),
            username: who.into(),
            display_name: who.into(),
            session: SessionRef(number),
            activity: Arc::new(Activity::new(Timestamp(0))),
        };
        Box::pin(async move {
            if who == "stranger" {
                return Err(AuthError::Missing);
            }
            Ok(Caller::new(principal, Credential::Cookie, None, ()))
        })
    }

    fn by_token<'a>(&'a self, _token: &'a str) -> AuthFuture<'a, Option<Principal>> {
        Box::pin(async { Ok(None) })
    }

    fn is_current(&self, _principal: &Principal) -> bool {
        true
    }

    fn staff<'a>(&'a self, caller: &'a Caller) -> AuthFuture<'a, Option<Staff>> {
        let Principal { account, session, username, .. } = &caller.principal;
        let is_staff = [STAFF, "other staff"].contains(&&**username);
        let staff = Staff { account: *account, name: STAFF.to_owned(), session: *session };
        Box::pin(async move { Ok(is_staff.then_some(staff)) })
    }
}

#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    boats: Boats,
    who: &'static str,
    _database: Arc<TestDatabase>,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) media_type: String,
    pub(crate) text: String,
}

pub(crate) async fn open() -> Browser {
    let clock = Arc::new(ManualClock::new(Timestamp(1_795_171_635_000)));
    let database = TestDatabase::in_memory();
    let db = Database::connect(database.url()).await.unwrap();
    db.migrate(&admin::migrations(), clock.as_ref()).await.unwrap();
    let audit = AuditLog::new(db, clock);
    let boats = Boats::new();
    let signer = TokenSigner::new(&[9; 32]);
    let options = SiteOptions { signer, assets: "/assets/x".into(), sign_in: "/login/" };
    let site = Site::new(options, audit, vec![Arc::new(boats.clone())]);
    let app = authenticated(site.routes(), Arc::new(ByHeader));
    Browser { app, boats, who: STAFF, _database: Arc::new(database) }
}

impl Browser {
    pub(crate) fn who(&self, who: &'static str) -> Self {
        Self { who, ..self.clone() }
    }

    pub(crate) fn boats(&self) -> &Boats {
        &self.boats
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Posts `form` with the seal of this visitor's pages.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answered {
        let seal = self.seal().await;
        let mut sealed = vec![("seal", seal.as_str())];
        sealed.extend_from_slice(form);
        self.post_raw(path, &sealed).await
    }

    pub(crate) async fn post_raw(&self, path: &str, form: &[(&str, &str)]) -> Answered {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Request::post(path).body(Body::from(body)).unwrap()).await
    }

    /// The seal in this visitor's pages; empty if they see none.
    pub(crate) async fn seal(&self) -> String {
        let page = self.get("/admin/boats/1").await.text;
        let after = page.split("name=\"seal\" value=\"").nth(1).unwrap_or_default();
        after.chars().take_while(|c| c.is_ascii_hexdigit()).collect()
    }

    /// The audit log, the newest first.
    pub(crate) async fn audit(&self) -> Vec<Json> {
        let lines = self.get("/admin/audit/export.jsonl").await.text;
        lines.lines().rev().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn send(&self, mut request: Request<Body>) -> Answered {
        request.headers_mut().insert("who", self.who.parse().unwrap());
        request.extensions_mut().insert(Client {
            address: [127, 0, 0, 1].into(),
            peer: ([127, 0, 0, 1], 1).into(),
            secure: false,
            host: None,
        });
        let response = self.app.clone().oneshot(request).await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (location, media_type) = (header("location"), header("content-type"));
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answered { status, location, media_type, text: String::from_utf8(bytes.into()).unwrap() }
    }
}
