//! What a capability and the server agree on.
//!
//! Deliberately absent: which capabilities there are, and where settings come from. Both
//! are the server's.

pub mod settings;
