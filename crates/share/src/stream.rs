//! A receiver that reads server-sent events: as it takes them, its sender is asked for more.

use std::sync::Arc;

use transport::Reader;

use crate::caps::Place;
use crate::id::RequestId;
use crate::session::SessionCell;
use crate::share::Share;

/// Lives as long as the answer. Dropped, the receiver is gone.
pub(crate) struct EventReader {
    pub(crate) share: Share,
    pub(crate) session: Arc<SessionCell>,
    pub(crate) request: RequestId,
    pub(crate) _place: Place,
}

impl Reader for EventReader {
    const FLOW_CONTROLLED: bool = true;

    fn drained(&mut self) {
        self.session.lock().stream_drained(self.request, self.share.services());
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.session.lock().reader_left(self.request, self.share.services());
    }
}
