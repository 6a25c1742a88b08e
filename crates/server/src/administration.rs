//! The admin site of this server: who may come in, and what there is to see.

mod connections;
mod mails;

use std::sync::Arc;

use accounts::{Accounts, PageOptions};
use admin::{AuditLog, GateFuture, Refused, Site, SiteOptions, Staff, StaffGate};
use chat::Chat;
use http::{HeaderMap, StatusCode};
use http_kit::{ApiError, Client};
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
    let (key, assets) = (page.secret, page.assets.clone());
    let options = SiteOptions { key, assets, sign_in: "/login/" };
    let mut models = accounts.models();
    models.extend(chat.models());
    models.push(Arc::new(connections::Connections::new(sockets.clone(), accounts.clone())));
    models.push(Arc::new(mails::Mails::new(mailer.clone())));
    Site::new(options, Arc::new(Door(accounts.clone())), audit, models)
}

/// Accounts, as the site sees them.
struct Door(Accounts);

impl StaffGate for Door {
    fn staff<'a>(&'a self, headers: &'a HeaderMap, client: &'a Client) -> GateFuture<'a> {
        Box::pin(async move {
            let admitted = self.0.admit(headers, client).await.map_err(refused)?;
            let principal = admitted.principal;
            let profile = self.0.profile(principal.account).await;
            let profile =
                profile.map_err(|error| Refused::Failed(ApiError::storage_failed(error)))?;
            match profile.filter(|profile| profile.is_staff && profile.is_active) {
                None => Err(Refused::NotStaff),
                Some(profile) => Ok(Staff {
                    account: principal.account,
                    name: profile.email.unwrap_or(profile.username),
                    session: principal.session,
                    renewed: Some(admitted.renewed),
                }),
            }
        })
    }
}

/// Without a session, or with one that is over, one is a stranger; anything else is a
/// failure.
fn refused(error: ApiError) -> Refused {
    match error.status() {
        StatusCode::UNAUTHORIZED | StatusCode::UNPROCESSABLE_ENTITY => Refused::Stranger,
        _ => Refused::Failed(error),
    }
}
