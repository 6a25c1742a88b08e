//! What the operator may set about the chat.

use std::time::Duration;

use capability::settings::{Values, with_default};

capability::settings! {
    /// The settings of the section `chat`.
    #[derive(Clone, Debug)]
    pub(crate) struct OperatorSettings {
        /// how long a Socket.IO client may take to authenticate, from 100 to 60000 milliseconds
        pub(crate) auth_timeout: Duration = with_default(
            "chat.auth_timeout_ms",
            "1000",
            "milliseconds, from 100 to 60000",
            auth_timeout,
        ),
    }
}

impl Default for OperatorSettings {
    fn default() -> Self {
        Self::read(&Values::default()).expect("the default is valid")
    }
}

fn auth_timeout(text: &str) -> Option<Duration> {
    let millis = text.parse().ok().filter(|millis| (100..=60_000).contains(millis))?;
    Some(Duration::from_millis(millis))
}
