//! The mails about accounts; their texts are in the folder `mails`.
//!
//! Those that may reach the mailbox of a stranger, since a form takes any address, carry no
//! word of the person who typed it: they have no `name`.

use crate::link::{CONFIRMATION_LIFE, RESET_LIFE};

mail::templates! {
    /// Its link sets a new password.
    PASSWORD_RESET = "password_reset", [name, link, valid], Some(RESET_LIFE);
    /// Its link confirms that the address is the account's.
    CONFIRM_ADDRESS = "confirm_address", [link, valid], Some(CONFIRMATION_LIFE);
    /// To the owner of an address that was to be registered once more; its link leads to
    /// the page for a forgotten password.
    ALREADY_REGISTERED = "already_registered", [link], None;
    /// The password is another one now.
    PASSWORD_CHANGED = "password_changed", [name], None;
    /// To the address that the account had; `detail` is the new one, masked.
    ADDRESS_CHANGED = "address_changed", [name, detail], None;
}
