//! Sharing sessions as a part of the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use admin::Model;
use capability::{BoxFuture, Capability, Context, Declaration, Left, OpenError, Part};
use http_kit::Routes;

use crate::settings::Settings;
use crate::share::Share;

/// Sharing sessions, for the server's list.
pub const CAPABILITY: Capability = Capability {
    declaration: Declaration {
        migrations: Vec::new,
        tables: &[],
        settings: Some(Settings::GROUP),
        mails: &[],
    },
    open: |context| Box::pin(async { open(context) }),
};

fn open(context: &Context) -> Result<Arc<dyn Part>, OpenError> {
    let settings = Settings::read(&context.values)?;
    Ok(Arc::new(SharePart(Share::open(settings, context))))
}

struct SharePart(Share);

impl Part for SharePart {
    fn name(&self) -> &'static str {
        "share"
    }

    fn routes(&self) -> Routes {
        crate::routes::routes(&self.0)
    }

    fn models(&self) -> Vec<Arc<dyn Model>> {
        self.0.models()
    }

    fn tick(&self) -> BoxFuture<'_> {
        Box::pin(async {
            self.0.do_what_is_due();
            self.0.show_gauges();
        })
    }

    fn finish(&self) -> BoxFuture<'_> {
        Box::pin(async { self.0.shut_down() })
    }

    fn left(&self) -> Vec<Left> {
        let (transfers, chunks) = self.0.under_way();
        let sockets = self.0.connections().load(Ordering::Relaxed);
        vec![("transfers", transfers), ("chunks", chunks), ("sharing sockets", sockets)]
    }
}
