//! A receiver by server-sent events: one request, and its events as they come.

use serde_json::Value;
use testkit::{Answer, Sse, SseEvent, SseItem};

use crate::kit::{KEY_B, Member};

/// An open stream of a file.
pub(crate) struct Stream {
    sse: Sse,
}

/// The path of a file's stream, for the receiver whose key is [`KEY_B`].
pub(crate) fn path(member: &Member, filename: &str) -> String {
    let key = KEY_B.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("/session/{}/{filename}?public_key={key}", member.session)
}

impl Stream {
    /// Asks for a file with the token in the header.
    pub(crate) async fn open(member: &Member, filename: &str) -> Result<Self, Answer> {
        let authorization = [("authorization", format!("Bearer {}", member.jwt))];
        Self::ask(member, &path(member, filename), &authorization).await
    }

    /// Sends a request with these headers; the refusal if it is none of 200.
    pub(crate) async fn ask(
        member: &Member,
        path: &str,
        headers: &[(&str, String)],
    ) -> Result<Self, Answer> {
        Ok(Self { sse: Sse::open(&member.dial, path, headers).await? })
    }

    /// The answer's head.
    pub(crate) fn head(&self) -> &Answer {
        self.sse.head()
    }

    /// The next event, comments aside; `None` when the stream has ended in order.
    pub(crate) async fn event(&mut self) -> Option<SseEvent> {
        loop {
            match self.sse.next().await {
                SseItem::Event(event) => return Some(event),
                SseItem::Comment(_) => {}
                SseItem::End => return None,
                SseItem::Broken => panic!("the stream broke off"),
            }
        }
    }

    /// The next event, which has this name; its id and data.
    pub(crate) async fn told(&mut self, name: &str) -> (Option<String>, Value) {
        let event = self.event().await.expect("an event");
        assert_eq!(event.event, name, "{event:?}");
        (event.id.clone(), event.json())
    }

    /// What comes next is a comment, which keeps the connection open.
    pub(crate) async fn is_kept_alive(&mut self) {
        let item = self.sse.next().await;
        assert!(matches!(item, SseItem::Comment(_)), "{item:?}");
    }
}
