//! The kinds of fields that a struct of settings has: what each is when it was not set, and
//! how it is read.

use super::{Row, Secrecy, SettingError, Values};

/// What makes a field of a struct of settings.
pub trait Field {
    /// The field's type.
    type Value;

    /// Its row; `None` if it cannot be set.
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

/// A field that cannot be set: made from all values.
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
