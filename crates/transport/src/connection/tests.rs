//! A connection over real TCP, plain and through TLS: when its handler is asked for more.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base::SystemClock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::{Limits, Sockets, WEBSOCKET};

const PATIENCE: Duration = Duration::from_secs(20);

/// More than the sockets' buffers hold, and the outbox must not: 4 MiB.
const ALL: Range<u32> = 0..256;

/// Sends its frames as long as none has to wait, and goes on when it is asked for more.
struct Source {
    outbox: Arc<Outbox>,
    left: Range<u32>,
    asked: Arc<AtomicU32>,
}

impl Source {
    fn go_on(&mut self) {
        for number in self.left.by_ref() {
            if self.outbox.send(&[numbered(number)]) != hub::Sent::Written {
                return;
            }
        }
    }
}

impl Handler for Source {
    fn on_message(&mut self, _: Message<'_>) {
        self.go_on();
    }

    fn ready(&self) -> bool {
        true
    }

    fn drained(&mut self) {
        assert_eq!(self.outbox.queued(), 0);
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.go_on();
    }
}

fn numbered(number: u32) -> Bytes {
    frame::text(number.to_string().repeat(16 * 1024).as_bytes().split_at(16 * 1024).0)
}

/// The client's end of a connection of a [`Source`].
struct Scene<S> {
    stream: S,
    outbox: Arc<Outbox>,
    asked: Arc<AtomicU32>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Debug> Scene<S> {
    fn new(wire: Wire, stream: S, left: Range<u32>) -> Self {
        let clock = Arc::new(SystemClock::new());
        let sockets = Sockets::new(clock.clone(), Limits::default());
        let outbox = sockets.outbox(&WEBSOCKET, None).expect("room for one more");
        let asked = Arc::new(AtomicU32::new(0));
        let source = Source { outbox: outbox.clone(), left, asked: asked.clone() };
        let heartbeat = Arc::new(Heartbeat::new(outbox.clone(), clock, false));
        tokio::spawn(Connection::new(wire, heartbeat, source, 1024, &Bytes::new()));
        Self { stream, outbox, asked }
    }

    /// Sends a message.
    async fn start(&mut self) {
        let go = [0x81, 0x82, 0, 0, 0, 0, b'g', b'o'];
        self.stream.write_all(&go).await.expect("sent");
        self.stream.flush().await.expect("sent");
    }

    /// Reads all frames of `numbers`, in order.
    async fn read(&mut self, numbers: Range<u32>) {
        for number in numbers {
            let expected = numbered(number);
            let mut frame = vec![0; expected.len()];
            let read = timeout(PATIENCE, self.stream.read_exact(&mut frame)).await;
            read.expect("in time").expect("the connection goes on");
            assert!(frame == expected, "frame {number}");
        }
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    (client.expect("connected"), server.expect("accepted").0)
}

async fn plain(left: Range<u32>) -> Scene<TcpStream> {
    let (client, server) = pair().await;
    Scene::new(Wire::plain(server), client, left)
}

#[tokio::test]
async fn a_handler_goes_on_when_all_that_waited_has_left() {
    let mut scene = plain(ALL).await;
    scene.start().await;
    let blocked = async {
        while scene.outbox.queued() == 0 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, blocked).await.expect("a client that does not read blocks it");
    scene.read(ALL).await;
    assert!(scene.asked.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_handler_is_not_asked_for_more_where_nothing_had_to_wait() {
    let mut scene = plain(0..2).await;
    for _ in 0..3 {
        scene.start().await; // The second and the third have nothing to send.
    }
    scene.read(0..2).await;
    scene.outbox.close(frame::CloseCode::GoingAway.because(""));
    scene.stream.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.expect("sent");
    let mut rest = Vec::new();
    timeout(PATIENCE, scene.stream.read_to_end(&mut rest))
        .await
        .expect("in time")
        .expect("the end");
    assert_eq!(scene.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn through_tls_a_handler_goes_on_too() {
    let made = rcgen::generate_simple_self_signed(["here".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let certificates = vec![made.cert.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(certificates, key).expect("an identity");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let trusting = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let (client, server) = pair().await;
    let connector = TlsConnector::from(Arc::new(trusting));
    let name = ServerName::try_from("here").expect("a name");
    let (client, server) = tokio::join!(
        connector.connect(name, client),
        TlsAcceptor::from(Arc::new(config)).accept(server)
    );
    let wire = Wire::tls(server.expect("a hand-shake"));
    let mut scene = Scene::new(wire, client.expect("a hand-shake"), ALL);
    scene.start().await;
    scene.read(ALL).await;
    // Here everything waits for the connection's task.
    assert!(scene.asked.load(Ordering::SeqCst) >= ALL.end);
}
