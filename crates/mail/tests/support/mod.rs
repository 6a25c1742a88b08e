//! An SMTP server as small as one can be, and a queue in front of it.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{ManualClock, OsRandom, Timestamp};
use mail::{DEFAULT_LIFETIME, Delivery, Mail, MailQuery, MailState, Mailer, QueuedMail};
use storage::Database;
use tempfile::TempDir;
use testdb::TestDatabase;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// A mail as the server took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
    pub(crate) encrypted: bool,
    /// What was said after `AUTH`.
    pub(crate) login: Option<String>,
}

/// What the server does.
#[derive(Default)]
pub(crate) struct Script {
    /// Answers to `RCPT` in their order; then 250.
    pub(crate) on_rcpt: Mutex<VecDeque<&'static str>>,
    /// Answers to the end of the data in their order; then 250.
    pub(crate) on_data: Mutex<VecDeque<&'static str>>,
    /// What it says first in place of 220.
    pub(crate) greeting: Option<&'static str>,
    /// The answer to `AUTH`; it is not offered without one.
    pub(crate) on_auth: Option<&'static str>,
    /// Whether it offers STARTTLS.
    pub(crate) starttls: bool,
    /// Whether it speaks TLS from the first byte.
    pub(crate) implicit: bool,
}

pub(crate) struct SmtpServer {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    folder: TempDir,
}

impl SmtpServer {
    /// With a certificate for `localhost` and 127.0.0.1 that a client trusts only if it is told
    /// so ([`SmtpServer::ca`]).
    pub(crate) async fn start(script: Script) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let (script, record) = (Arc::new(script), Arc::clone(&taken));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, record, tls) = (script.clone(), record.clone(), tls.clone());
                tokio::spawn(serve(stream, script, record, tls));
            }
        });
        Self { address, taken, folder }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// A way to it: `scheme`, `login` as `user:password@` or nothing, `query` or nothing.
    pub(crate) fn delivery(&self, scheme: &str, login: &str, query: &str) -> Delivery {
        let url = format!("{scheme}://{login}{}{query}", self.address);
        Delivery::smtp(url.parse().unwrap(), "Boat <boat@example.org>".parse().unwrap()).unwrap()
    }
}

async fn serve(
    stream: TcpStream,
    script: Arc<Script>,
    record: Arc<Mutex<Vec<Taken>>>,
    tls: TlsAcceptor,
) {
    let greeting = script.greeting.unwrap_or("220 here");
    if script.implicit {
        let Ok(stream) = tls.accept(stream).await else { return };
        talk(BufReader::new(stream), &script, &record, true, Some(greeting)).await;
        return;
    }
    let stream = BufReader::new(stream);
    if let Some(stream) = talk(stream, &script, &record, false, Some(greeting)).await {
        let Ok(stream) = tls.accept(stream.into_inner()).await else { return };
        talk(BufReader::new(stream), &script, &record, true, None).await;
    }
}

/// Talks until the client goes; hands the stream back where TLS begins.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    script: &Script,
    record: &Mutex<Vec<Taken>>,
    encrypted: bool,
    greeting: Option<&str>,
) -> Option<BufReader<S>> {
    if let Some(greeting) = greeting {
        say(&mut stream, greeting).await?;
    }
    let fresh = |login| Taken {
        from: String::new(),
        to: Vec::new(),
        data: String::new(),
        encrypted,
        login,
    };
    let mut mail = fresh(None);
    loop {
        let line = hear(&mut stream).await?;
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => {
                let tls = if script.starttls && !encrypted { "250-STARTTLS\r\n" } else { "" };
                let auth = if script.on_auth.is_some() { "250-AUTH PLAIN LOGIN\r\n" } else { "" };
                format!("250-here\r\n{tls}{auth}250 HELP")
            }
            "STAR" => {
                say(&mut stream, "220 go on").await?;
                return Some(stream);
            }
            "AUTH" => {
                mail.login = Some(line.clone());
                script.on_auth.unwrap_or("502 no").to_owned()
            }
            "MAIL" => {
                mail.from.clone_from(&line);
                "250 ok".to_owned()
            }
            "RCPT" => {
                let answer = script.on_rcpt.lock().unwrap().pop_front().unwrap_or("250 ok");
                mail.to.push(line.clone());
                answer.to_owned()
            }
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                loop {
                    let line = hear(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.data.push_str("\r\n");
                }
                let answer = script.on_data.lock().unwrap().pop_front().unwrap_or("250 taken");
                if answer.starts_with('2') {
                    let next = fresh(mail.login.clone());
                    record.lock().unwrap().push(std::mem::replace(&mut mail, next));
                }
                answer.to_owned()
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return None;
            }
            _ => "502 what?".to_owned(),
        };
        if answer == "hang up" {
            return None;
        }
        say(&mut stream, &answer).await?;
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    line: &str,
) -> Option<()> {
    let line = format!("{line}\r\n");
    stream.get_mut().write_all(line.as_bytes()).await.ok()?;
    stream.get_mut().flush().await.ok()
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = Vec::new();
    // A limit, should a test go wrong.
    let read = stream.take(1 << 20).read_until(b'\n', &mut line).await.ok()?;
    if read == 0 {
        return None;
    }
    Some(String::from_utf8(line).ok()?.trim_end_matches(['\r', '\n']).to_owned())
}

/// A queue on a database, with time moved by hand.
pub(crate) struct World {
    pub(crate) db: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) mailer: Mailer,
    pub(crate) database: TestDatabase,
}

impl World {
    pub(crate) async fn new(delivery: Delivery) -> Self {
        Self::on(TestDatabase::new(), delivery).await
    }

    pub(crate) async fn on(database: TestDatabase, delivery: Delivery) -> Self {
        let db = Database::connect(database.url()).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_790_000_000_000)));
        db.migrate(&Mailer::migrations(), &*clock).await.unwrap();
        let mailer = Mailer::new(db.clone(), clock.clone(), Arc::new(OsRandom), delivery);
        Self { db, clock, mailer, database }
    }

    /// The same queue after a restart, with another way out.
    pub(crate) async fn restarted(self, delivery: Delivery) -> Self {
        let Self { db, clock, database, .. } = self;
        db.close().await.unwrap();
        let db = Database::connect(database.url()).await.unwrap();
        let mailer = Mailer::new(db.clone(), clock.clone(), Arc::new(OsRandom), delivery);
        Self { db, clock, mailer, database }
    }

    pub(crate) async fn enqueue(&self, to: &str) -> i64 {
        self.mailer.enqueue(mail_to(to)).await.unwrap()
    }

    pub(crate) async fn get(&self, id: i64) -> QueuedMail {
        self.mailer.get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: i64) -> MailState {
        self.get(id).await.state
    }

    pub(crate) async fn all(&self) -> Vec<QueuedMail> {
        self.mailer.page(&MailQuery::default()).await.unwrap().rows
    }
}

pub(crate) fn mail_to(to: &str) -> Mail {
    Mail {
        kind: "test",
        to: to.parse().unwrap(),
        subject: "Grüße".to_owned(),
        text: "Hello\n.\nhttps://chat.example.org/secret-link\n".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        lifetime: DEFAULT_LIFETIME,
    }
}

/// A transport to a port on which no server listens.
pub(crate) fn nowhere() -> Delivery {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Delivery::smtp(format!("smtp://{free}").parse().unwrap(), "boat@example.org".parse().unwrap())
        .unwrap()
}
