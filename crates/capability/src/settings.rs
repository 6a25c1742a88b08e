//! Settings as rows: what each is called, what it is without being set, what it accepts,
//! what of it may be shown, and one sentence about it.
//!
//! [`settings!`](crate::settings!) makes a struct of typed fields from rows; the server
//! and each capability have one. `packetboat config` prints from the rows, errors quote
//! them, and the table in OPERATING.md is compared with them.
//!
//! Deliberately absent: files, environment and flags. The server reads them into
//! [`Values`].

mod row;

use std::collections::BTreeMap;

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

/// What makes a field of a struct of settings.
pub trait Field {
    /// The field's type.
    type Value;

    /// Its row; `None` if nobody can set it.
    fn row(&self) -> Option<Row>;

    /// Its value.
    ///
    /// # Errors
    /// [`SettingError`]: the first part that the setting does not take.
    fn read(&self, values: &Values) -> Result<Self::Value, SettingError>;
}

/// Reads one part; `None` if it is not what is expected.
pub type Parse<T> = fn(&str) -> Option<T>;

/// For values whose type parses itself.
#[must_use]
pub fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A setting that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Optional<T>(Row, Parse<T>);

/// A setting without a default; `expected` says what it takes.
#[must_use]
pub const fn optional<T>(
    name: &'static str,
    expected: &'static str,
    parse: Parse<T>,
) -> Optional<T> {
    Optional(Row::new(name, "", expected), parse)
}

impl<T> Optional<T> {
    /// How much of it may be shown.
    #[must_use]
    pub const fn secret(self, secrecy: Secrecy) -> Self {
        Self(Row { secrecy, ..self.0 }, self.1)
    }

    /// What holds when it is left out, in words for OPERATING.md.
    #[must_use]
    pub const fn otherwise(self, words: &'static str) -> Self {
        Self(Row { otherwise: words, ..self.0 }, self.1)
    }
}

impl<T> Field for Optional<T> {
    type Value = Option<T>;

    fn row(&self) -> Option<Row> {
        Some(self.0)
    }

    fn read(&self, values: &Values) -> Result<Option<T>, SettingError> {
        Ok(read_parts(&self.0, self.1, values)?.into_iter().next())
    }
}

/// A setting that always has a value.
#[derive(Clone, Copy, Debug)]
pub struct WithDefault<T>(Row, Parse<T>);

/// A setting that is `default` if it is left out, or set to nothing.
#[must_use]
pub const fn with_default<T>(
    name: &'static str,
    default: &'static str,
    expected: &'static str,
    parse: Parse<T>,
) -> WithDefault<T> {
    WithDefault(Row::new(name, default, expected), parse)
}

impl<T> WithDefault<T> {
    /// Setting it to nothing is an error, and not the default.
    #[must_use]
    pub const fn not_empty(self) -> Self {
        Self(Row { not_empty: true, ..self.0 }, self.1)
    }
}

impl<T> Field for WithDefault<T> {
    type Value = T;

    fn row(&self) -> Option<Row> {
        Some(self.0)
    }

    fn read(&self, values: &Values) -> Result<T, SettingError> {
        if let Some(value) = read_parts(&self.0, self.1, values)?.into_iter().next() {
            return Ok(value);
        }
        read_one(&self.0, self.1, self.0.default, "default")
    }
}

/// A setting with any number of values.
#[derive(Clone, Copy, Debug)]
pub struct List<T>(Row, Parse<T>);

/// A list that is `default`, parts separated by commas, if it is left out.
#[must_use]
pub const fn list<T>(
    name: &'static str,
    default: &'static str,
    expected: &'static str,
    parse: Parse<T>,
) -> List<T> {
    List(Row { many: true, ..Row::new(name, default, expected) }, parse)
}

impl<T> List<T> {
    /// Setting it to nothing is an error, and not an empty list.
    #[must_use]
    pub const fn not_empty(self) -> Self {
        Self(Row { not_empty: true, ..self.0 }, self.1)
    }
}

impl<T> Field for List<T> {
    type Value = Vec<T>;

    fn row(&self) -> Option<Row> {
        Some(self.0)
    }

    fn read(&self, values: &Values) -> Result<Vec<T>, SettingError> {
        read_parts(&self.0, self.1, values)
    }
}

/// A field that nobody can set: made from all values.
#[derive(Clone, Copy, Debug)]
pub struct Computed<T>(pub fn(&Values) -> T);

impl<T> Field for Computed<T> {
    type Value = T;

    fn row(&self) -> Option<Row> {
        None
    }

    fn read(&self, values: &Values) -> Result<T, SettingError> {
        Ok((self.0)(values))
    }
}

fn read_parts<T>(row: &Row, parse: Parse<T>, values: &Values) -> Result<Vec<T>, SettingError> {
    let Some(value) = values.get(row.name) else {
        let parts = row.default_parts();
        return parts.iter().map(|part| read_one(row, parse, part, "default")).collect();
    };
    if value.parts.is_empty() && row.not_empty {
        return Err(SettingError::Empty { name: row.name });
    }
    value.parts.iter().map(|part| read_one(row, parse, part, &value.source)).collect()
}

fn read_one<T>(row: &Row, parse: Parse<T>, text: &str, source: &str) -> Result<T, SettingError> {
    parse(text).ok_or_else(|| SettingError::BadValue {
        place: source.to_owned(),
        name: row.name,
        shown: format!("{:?}", row.shown(text)),
        expected: row.expected,
    })
}

/// The row of a field of type `T`.
#[doc(hidden)]
pub fn row_of<T, F: Field<Value = T>>(field: &F) -> Option<Row> {
    field.row()
}

/// A group of settings, for those who do not know its struct.
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
