//! The one mail of this crate's own.

crate::templates! {
    /// What `packetboat mail test` sends.
    TEST = "test", [], None;
}
