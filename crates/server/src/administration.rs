//! The admin site of this server: how it is put together.

use std::sync::Arc;

use accounts::PageOptions;
use admin::{AuditLog, Model, Site, SiteOptions};

/// The site, with the screens of all parts.
pub(crate) fn site(page: &PageOptions, audit: AuditLog, models: Vec<Arc<dyn Model>>) -> Site {
    let (signer, assets) = (page.signer.clone(), page.assets.clone());
    let options = SiteOptions { signer, assets, sign_in: "/login/" };
    Site::new(options, audit, models)
}
