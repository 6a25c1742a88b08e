//! Accounts as a part of the server.

use capability::{BoxFuture, Declaration, Part};

use crate::{Accounts, mails, store};

/// What accounts bring with them.
pub const DECLARATION: Declaration = Declaration {
    migrations: Accounts::migrations,
    tables: store::tables::EXPORTED,
    settings: None,
    mails: mails::ALL,
};

/// Its routes and pages are the server's to serve: they need to know who is online.
impl Part for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn models(&self) -> Vec<std::sync::Arc<dyn admin::Model>> {
        self.models()
    }

    fn sweep(&self) -> BoxFuture<'_> {
        Box::pin(async {
            match self.sweep().await {
                Ok(0) => {}
                Ok(ended) => tracing::info!(ended, "sessions expired"),
                Err(error) => tracing::error!(%error, "cannot clean up sessions"),
            }
        })
    }

    fn flush(&self) -> BoxFuture<'_> {
        Box::pin(async {
            if let Err(error) = self.flush().await {
                tracing::error!(%error, "cannot write back sessions");
            }
        })
    }
}
