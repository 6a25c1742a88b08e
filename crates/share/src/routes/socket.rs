//! `GET /session/{id}` with an upgrade: from an HTTP request to a socket of the session.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::ORIGIN;
use http_kit::{ApiError, Client, Deadline, Upgrade, WebSocketUpgrade};
use transport::WEBSOCKET;

use super::names::PathNames;
use crate::member::ShareConnection;
use crate::refusal::Refusal;
use crate::share::Share;
use crate::socket::ShareSocket;
use crate::timers::Over;

/// How long an upgrade is delayed at most: others have a place among the requests of their
/// address, too.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Accepts an upgrade for any id: a client of an unknown session is told on its first frame.
pub(super) async fn open(
    State(share): State<Share>,
    upgrade: WebSocketUpgrade,
    path: PathNames,
    client: Client,
    deadline: Deadline,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (upgrade, answer) = upgrade.accept()?;
    let services = share.services();
    services.caps.upgrade(client.address)?;
    let slot = services.caps.socket(client.address)?;
    let id = path.session().ok();
    let (mut waited, mut kept) = (Duration::ZERO, None);
    while let Err(wait) = services.caps.upgrade_to(id, client.address) {
        waited += wait;
        if waited > LONGEST_DELAY {
            return Err(Refusal::too_often(wait).into());
        }
        if kept.is_none() {
            kept = Some(services.caps.stream(client.address)?);
        }
        deadline.put_off(wait);
        let slept = services.timers.sleep(wait).await;
        slept.map_err(|Over| Refusal::unavailable())?;
    }
    drop(kept);
    let outbox = share.sockets().outbox(&WEBSOCKET, None).ok_or_else(Refusal::unavailable)?;
    let connection = Arc::new(ShareConnection {
        outbox: outbox.clone(),
        from: client.address,
        has_origin: headers.contains_key(ORIGIN),
        _slot: slot,
    });
    let session = id.and_then(|id| share.session(id));
    let handler = ShareSocket::new(share.clone(), session, connection);
    let Upgrade { stream, max_message } = upgrade;
    share.sockets().serve(stream, max_message, outbox, client.address, handler);
    Ok(answer)
}
