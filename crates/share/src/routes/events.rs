//! `GET /session/{id}/{filename}`: a receiver without a WebSocket, by server-sent events.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use http_kit::{ApiError, Client};
use transport::EVENTS;

use super::names::PathNames;
use super::token::bearer;
use crate::command::check_public_key;
use crate::exchange::Wanted;
use crate::refusal::Refusal;
use crate::share::Share;
use crate::stream::EventReader;
use crate::transfer::Route;

/// The parts of the query.
#[derive(Default)]
struct Query {
    public_key: Option<String>,
    jwt: Option<String>,
}

impl Query {
    fn of(uri: &Uri) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match &*name {
                // Base64 has no blanks: this is a `+` that was not encoded.
                "public_key" => query.public_key = Some(value.replace(' ', "+")),
                "jwt" => query.jwt = Some(value.into_owned()),
                _ => {}
            }
        }
        query
    }
}

pub(super) async fn open(
    State(share): State<Share>,
    path: PathNames,
    client: Client,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let token = bearer(&headers).or(query.jwt.as_deref());
    let claims = token.and_then(|token| share.verify(token)).ok_or_else(Refusal::unauthorized)?;
    // `EventSource` comes back by itself, also after the end: any status but 200 stops it.
    if headers.contains_key("last-event-id") {
        return Err(Refusal::not_resumable().into());
    }
    let public_key = query.public_key.unwrap_or_default();
    check_public_key(&public_key)?;
    let id = path.session()?;
    let place = share.services().caps.stream(client.address)?;
    let outbox = share.sockets().outbox(&EVENTS, None).ok_or_else(Refusal::unavailable)?;
    let session = share.session(id).ok_or_else(Refusal::no_such_session)?;
    let request = share.as_member(id, claims, |session, services| {
        let route = Route::Stream(outbox.clone());
        let (by, from, names) = (claims.member, client.address, &*path.last());
        session.request(Wanted { by, from, names, public_key, route }, services)
    })?;
    let reader = EventReader { share: share.clone(), session, request, _place: place };
    Ok(share.sockets().event_stream(outbox, client.address, reader).map(Body::new))
}
