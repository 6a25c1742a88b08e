//! The chat as a part of the server.

use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, SessionRef};
use capability::{BoxFuture, Capability, Context, Declaration, Left, Noted, OpenError, Part};
use http_kit::{Authenticate, Routes};

use crate::settings::OperatorSettings;
use crate::store::EXPORTED;
use crate::{Chat, LastKnownHead, Settings, migrations};

/// The chat, for the server's list.
pub const CAPABILITY: Capability = Capability {
    declaration: Declaration {
        migrations,
        tables: EXPORTED,
        settings: Some(OperatorSettings::GROUP),
        mails: &[],
    },
    open: |context| Box::pin(open(context)),
};

/// The label under which the newest message's id is noted.
const HEAD: &str = "head";

async fn open(context: &Context) -> Result<Arc<dyn Part>, OpenError> {
    let settings = Settings {
        exempt: context.exempt.clone(),
        origins: context.origins.clone(),
        partitions: std::thread::available_parallelism().map_or(1, usize::from),
        auth_timeout: OperatorSettings::read(&context.values)?.auth_timeout,
        last_known_head: match context.notes.read(HEAD) {
            Noted::Nothing => LastKnownHead::NotNoted,
            Noted::Number(head) => LastKnownHead::Id(head),
            Noted::OtherDatabase => LastKnownHead::OtherDatabase,
        },
        vitals: context.vitals.clone(),
        ..Settings::default()
    };
    let (database, sockets) = (context.database.clone(), context.sockets.clone());
    let (clock, random) = (context.clock.clone(), context.random.clone());
    let chat = Chat::open(database, sockets, clock, random, settings).await?;
    Ok(Arc::new(ChatPart { chat, authenticate: context.authenticate.clone() }))
}

struct ChatPart {
    chat: Chat,
    authenticate: Arc<dyn Authenticate>,
}

impl Part for ChatPart {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn routes(&self) -> Routes {
        self.chat.routes(self.authenticate.clone())
    }

    fn models(&self) -> Vec<Arc<dyn admin::Model>> {
        self.chat.models()
    }

    fn tick(&self) -> BoxFuture<'_> {
        Box::pin(async { self.chat.upkeep() })
    }

    fn is_stalled(&self) -> bool {
        self.chat.stands_still()
    }

    fn noted(&self) -> Option<(&'static str, i64)> {
        Some((HEAD, self.chat.head()))
    }

    fn online(&self) -> Vec<String> {
        self.chat.online()
    }

    fn is_online(&self, account: AccountId) -> bool {
        self.chat.is_online(account)
    }

    fn session_ended(&self, account: AccountId, session: SessionRef) {
        self.chat.session_ended(account, session);
    }

    fn finish(&self) -> BoxFuture<'_> {
        Box::pin(self.chat.drain())
    }

    fn close(&self, within: Duration) -> BoxFuture<'_> {
        Box::pin(self.chat.close_socketio(within))
    }

    fn left(&self) -> Vec<Left> {
        vec![
            ("postings", self.chat.waiting()),
            ("people in the room", self.chat.online().len()),
            ("Socket.IO connections", self.chat.socketio_connections()),
        ]
    }
}
