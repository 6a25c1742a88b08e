//! All WebSockets, as a part of the server.

mod screen;

use std::sync::Arc;
use std::time::Duration;

use ::accounts::Accounts;
use admin::Model;
use capability::{BoxFuture, Left, Part};
use transport::Sockets;

use screen::Connections;

pub(crate) struct SocketsPart {
    /// What they are about.
    pub(crate) sockets: Sockets,
    /// Whose they are.
    pub(crate) accounts: Accounts,
}

impl Part for SocketsPart {
    fn name(&self) -> &'static str {
        "sockets"
    }

    fn models(&self) -> Vec<Arc<dyn Model>> {
        vec![Arc::new(Connections::new(self.sockets.clone(), self.accounts.clone()))]
    }

    fn tick(&self) -> BoxFuture<'_> {
        Box::pin(self.sockets.sweep())
    }

    fn close(&self, within: Duration) -> BoxFuture<'_> {
        Box::pin(async move {
            let drained = self.sockets.drain(within).await;
            tracing::info!(told = drained.told, cut = drained.cut, "sockets drained");
        })
    }

    fn left(&self) -> Vec<Left> {
        vec![("sockets", self.sockets.open()), ("bytes for peers", self.sockets.queued())]
    }
}
