//! A browser at the site: asks, follows nothing, and finds the seal in a page.

use std::sync::Arc;

use admin::{AuditLog, GateFuture, Refused, Site, SiteOptions, Staff, StaffGate};
use axum::Router;
use axum::body::Body;
use base::{AccountId, ManualClock, SessionRef, Timestamp};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use http_kit::Client;
use serde_json::Value as Json;
use storage::Database;
use tower::ServiceExt;

use crate::boats::Boats;

/// The name of the one who may.
pub(crate) const STAFF: &str = "sam@example.org";

/// Knows people by a header.
struct Doorman;

impl StaffGate for Doorman {
    fn staff<'a>(&'a self, headers: &'a HeaderMap, _client: &'a Client) -> GateFuture<'a> {
        Box::pin(async move {
            let staff = |session| Staff {
                account: AccountId(session),
                name: STAFF.to_owned(),
                session: SessionRef(session),
                renewed: None,
            };
            match headers["who"].to_str().unwrap() {
                STAFF => Ok(staff(1)),
                "other staff" => Ok(staff(2)),
                "stranger" => Err(Refused::Stranger),
                _ => Err(Refused::NotStaff),
            }
        })
    }
}

#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    boats: Boats,
    who: &'static str,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) media_type: String,
    pub(crate) text: String,
}

pub(crate) async fn open() -> Browser {
    let clock = Arc::new(ManualClock::new(Timestamp(1_795_171_635_000)));
    let db = Database::connect("sqlite::memory:").await.unwrap();
    db.migrate(&admin::migrations(), clock.as_ref()).await.unwrap();
    let audit = AuditLog::open(db, clock).await.unwrap();
    let boats = Boats::new();
    let options = SiteOptions { key: [9; 32], assets: "/assets/x".into(), sign_in: "/login/" };
    let site = Site::new(options, Arc::new(Doorman), audit, vec![Arc::new(boats.clone())]);
    Browser { app: site.routes(), boats, who: STAFF }
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
