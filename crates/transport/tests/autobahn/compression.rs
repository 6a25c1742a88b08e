//! 12 and 13: permessage-deflate. It is not spoken here, so every offer is passed over
//! (RFC 7692 section 5 has the server decline by leaving the extension out), what follows
//! is not compressed, and the bit that would mark it is a violation. The suite calls this
//! "unimplemented", which is no failure.

use std::net::SocketAddr;

use tokio::time::timeout;

use crate::echo::{PATIENCE, Server};
use crate::peer::{CLOSE, Chop, FIN, Peer, TEXT, frame, text};

/// What the suite offers: 12.* and 13.1 to 13.7.
const OFFERS: [&str; 8] = [
    "permessage-deflate",
    "permessage-deflate; client_no_context_takeover; client_max_window_bits",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=15",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, \
     permessage-deflate; server_no_context_takeover, permessage-deflate",
];

/// "Hello", deflated (RFC 7692 section 7.2.3.1).
const DEFLATED: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

async fn is_declined(address: SocketAddr, offer: &str) {
    let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
    let mut peer = Peer::open(address, &header).await;
    assert!(!peer.head.contains("sec-websocket-extensions"), "{offer}: {}", peer.head);
    peer.send(&[text("Hello")], Chop::Whole).await;
    assert_eq!(peer.next().await, Some((FIN | TEXT, b"Hello".to_vec())), "{offer}");
    peer.send(&[frame(FIN | 0x40 | TEXT, &DEFLATED)], Chop::Whole).await;
    let (first, payload) = peer.next().await.expect("a close frame");
    assert_eq!((first, &payload[..2]), (FIN | CLOSE, &1002_u16.to_be_bytes()[..]), "{offer}");
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn sections_12_and_13_compression_is_declined() {
    let server = Server::start().await;
    for offer in OFFERS {
        timeout(PATIENCE, is_declined(server.address, offer)).await.expect(offer);
    }
    server.stop().await;
}
