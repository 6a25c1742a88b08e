//! The composition: which parts a server has, and what one needs of another.
//!
//! Capabilities do not know each other. What accounts need of the others
//! ([`accounts::Presence`], [`accounts::SessionEnded`]) all [`Parts`] answer together; who is
//! calling they are told by [`Authenticate`], which accounts implement.

use std::sync::Arc;

use accounts::Accounts;
use admin::AuditLog;
use capability::{Context, OpenError, Part};
use http_kit::{Authenticate, Routes, authenticated};
use mail::Mailer;
use storage::StorageError;

use crate::administration;
use crate::capabilities::CAPABILITIES;
use crate::pages::Site;
use crate::parts::{MailPart, Parts, SocketsPart};

/// What one server consists of; cheap to clone.
#[derive(Clone)]
pub(crate) struct Services {
    accounts: Accounts,
    audit: AuditLog,
    /// Accounts, the capabilities, and the infrastructure that they stand on.
    pub(crate) parts: Parts,
}

impl Services {
    /// On a database with all migrations applied; `accounts` say who is calling, and
    /// `mailer` is what sends the mails of `context`.
    ///
    /// # Errors
    /// [`OpenError`] of the first that cannot be opened.
    pub(crate) async fn open(
        context: &Context,
        accounts: Accounts,
        mailer: Mailer,
    ) -> Result<Self, OpenError> {
        let mut parts: Vec<Arc<dyn Part>> = vec![Arc::new(accounts.clone())];
        for capability in CAPABILITIES {
            parts.push((capability.open)(context).await?);
        }
        let sockets = context.sockets.clone();
        parts.push(Arc::new(SocketsPart { sockets, accounts: accounts.clone() }));
        parts.push(Arc::new(MailPart(mailer)));
        let parts = Parts::new(parts);
        accounts.on_session_end(parts.session_listener());
        let audit = AuditLog::new(context.database.clone(), context.clock.clone());
        Ok(Self { accounts, audit, parts })
    }

    /// All routes, and the pages of `site`.
    pub(crate) fn routes(&self, site: &Site) -> Routes {
        let Self { accounts, audit, parts } = self;
        let options = site.options();
        let models = parts.iter().flat_map(|part| part.models()).collect();
        let admin = administration::site(options, audit.clone(), models);
        let presence = Arc::new(parts.clone());
        let own = accounts::routes(accounts.clone(), presence, options.signer.clone())
            .merge(accounts::pages(accounts.clone(), options))
            .merge(site.routes())
            .merge(admin.routes());
        let authenticate: Arc<dyn Authenticate> = Arc::new(accounts.clone());
        let all = parts.iter().fold(own, |routes, part| routes.merge(part.routes()));
        all.map(|router| authenticated(router, Arc::clone(&authenticate)))
    }

    /// Where the first administrator can be made, if there is none.
    pub(crate) async fn setup_path(&self) -> Result<Option<String>, StorageError> {
        Ok(self.accounts.setup_token().await?.map(|token| format!("/setup/{token}/")))
    }
}
