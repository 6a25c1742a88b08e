//! The list of capabilities.

use capability::settings::Group;

/// The settings of all capabilities.
pub(crate) fn settings() -> impl Iterator<Item = Group> {
    [chat::SETTINGS].into_iter()
}
