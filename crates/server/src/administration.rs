//! The admin site of this server: what there is to see.

mod connections;
mod mails;

use std::sync::Arc;

use accounts::{Accounts, PageOptions};
use admin::{AuditLog, Site, SiteOptions};
use chat::Chat;
use mail::Mailer;
use transport::Sockets;

/// What the site shows.
pub(crate) struct Shown<'a> {
    pub(crate) accounts: &'a Accounts,
    pub(crate) chat: &'a Chat,
    pub(crate) mailer: &'a Mailer,
    pub(crate) sockets: &'a Sockets,
}

/// The site.
pub(crate) fn site(page: &PageOptions, audit: AuditLog, shown: &Shown<'_>) -> Site {
    let Shown { accounts, chat, mailer, sockets } = *shown;
    let (signer, assets) = (page.signer.clone(), page.assets.clone());
    let options = SiteOptions { signer, assets, sign_in: "/login/" };
    let mut models = accounts.models();
    models.extend(chat.models());
    models.push(Arc::new(connections::Connections::new(sockets.clone(), accounts.clone())));
    models.push(Arc::new(mails::Mails::new(mailer.clone())));
    Site::new(options, audit, models)
}
