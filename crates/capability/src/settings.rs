//! Settings as rows: what each is called, what it is without being set, what it accepts,
//! what of it may be shown, and one sentence about it.
//!
//! [`settings!`](crate::settings!) makes a struct of typed fields from rows; the server
//! and each capability have one. `packetboat config` prints from the rows, errors quote
//! them, and the table in OPERATING.md is compared with them.
//!
//! Deliberately absent: files, environment and flags. The server reads them into
//! [`Values`].

mod field;
mod row;

use std::collections::BTreeMap;

pub use field::{
    Computed, Field, List, Optional, Parse, WithDefault, list, optional, parsed, row_of,
    with_default,
};
pub use row::{Row, Secrecy};

/// What was set, by the names of the settings. A name that is absent has its default.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<&'static str, Value>);

/// What one setting was set to.
#[derive(Clone, Debug)]
pub struct Value {
    /// The parts of a list, or at most one; none if it was set to nothing.
    pub parts: Vec<String>,
    /// Where it was set, for messages: `environment PACKETBOAT_DATA`, `boat.toml:7`.
    pub source: String,
}

impl Values {
    /// What `name` was set to, if it was set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Sets `name`, in place of what was set before.
    pub fn insert(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }

    /// The same in a program: a test, or a server embedded in another.
    pub fn set(&mut self, name: &'static str, text: &str) {
        self.insert(name, Value { parts: vec![text.to_owned()], source: "the program".into() });
    }
}

/// A value that its setting does not take. One line, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// It is not what the setting expects.
    #[error("{place}: {name} is {shown}, expected {expected}")]
    BadValue {
        /// Where the value came from.
        place: String,
        /// The setting.
        name: &'static str,
        /// The value, unless it is a secret.
        shown: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A setting that must have a value was set to nothing.
    #[error("{name} is empty")]
    Empty {
        /// The setting.
        name: &'static str,
    },
}

/// A group of settings, where its struct is not known.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its rows, in the order in which they are shown.
    pub rows: fn() -> Vec<Row>,
    /// Whether all values are such as its rows expect.
    pub check: fn(&Values) -> Result<(), SettingError>,
}

/// Makes a struct from rows, one row a setting:
///
/// ```
/// use capability::settings::{parsed, with_default};
///
/// capability::settings! {
///     /// What can be set about the fog horn.
///     #[derive(Clone, Debug)]
///     pub struct Horn {
///         /// How often it is blown.
///         pub times: u32 = with_default("horn.times", "3", "a number", parsed),
///     }
/// }
///
/// let mut values = capability::settings::Values::default();
/// assert_eq!(Horn::read(&values)?.times, 3);
/// values.set("horn.times", "often");
/// let problem = Horn::read(&values).unwrap_err().to_string();
/// assert!(problem.ends_with("horn.times is \"often\", expected a number"));
/// # Ok::<(), capability::settings::SettingError>(())
/// ```
///
/// The struct has `rows()`, `read(&Values)` and `GROUP`. The comment on a field is the
/// setting's description, word for word, in OPERATING.md.
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        $vis:vis struct $Settings:ident {
            $( $(#[doc = $doc:literal])+ $field_vis:vis $field:ident: $type:ty = $setting:expr, )+
        }
    ) => {
        $(#[$about])*
        $vis struct $Settings {
            $( $(#[doc = $doc])+ $field_vis $field: $type, )+
        }

        impl $Settings {
            /// The group of these settings.
            $vis const GROUP: $crate::settings::Group = $crate::settings::Group {
                rows: Self::rows,
                check: |values| Self::read(values).map(drop),
            };

            /// The rows, in the order in which they are shown.
            #[must_use]
            $vis fn rows() -> ::std::vec::Vec<$crate::settings::Row> {
                let rows = [$(
                    $crate::settings::row_of::<$type, _>(&$setting).map(|row| {
                        let description = ::std::concat!($($doc),+).trim();
                        $crate::settings::Row { description, ..row }
                    }),
                )+];
                rows.into_iter().flatten().collect()
            }

            /// The values in force.
            ///
            /// # Errors
            /// The first that is not what its setting expects.
            $vis fn read(
                values: &$crate::settings::Values,
            ) -> ::std::result::Result<Self, $crate::settings::SettingError> {
                ::std::result::Result::Ok(Self {
                    $( $field: $crate::settings::Field::read(&$setting, values)?, )+
                })
            }
        }
    };
}
