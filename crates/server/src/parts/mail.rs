//! The mail queue, as a part of the server.

mod screen;

use std::sync::Arc;

use ::mail::Mailer;
use admin::Model;
use capability::{BoxFuture, Part};

use screen::Mails;

pub(crate) struct MailPart(pub(crate) Mailer);

impl Part for MailPart {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn models(&self) -> Vec<Arc<dyn Model>> {
        vec![Arc::new(Mails::new(self.0.clone()))]
    }

    fn flush(&self) -> BoxFuture<'_> {
        Box::pin(self.0.flush())
    }
}
