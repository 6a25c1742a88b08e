//! What a capability declares about a table, so that it is exported and imported.

use base::Random;

/// A table, as it is exported. Declared beside its migrations; a test of the server compares
/// the two.
#[derive(Clone, Copy, Debug)]
pub struct ExportTable {
    /// Its name; that of the file, too.
    pub name: &'static str,
    /// The columns of its primary key, in order. None of them may be null.
    pub key: &'static [&'static str],
    /// All of its columns, in the order in which they are written. New ones go to the end.
    pub columns: &'static [ExportColumn],
    /// Whether its rows are true at the moment of the export alone; see
    /// [`of_the_moment`](Self::of_the_moment).
    pub is_of_the_moment: bool,
}

/// A column of an [`ExportTable`].
#[derive(Clone, Copy, Debug)]
pub struct ExportColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// Where its values come from in another database.
    pub source: Source,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// An integer of 64 bits.
    BigInteger,
    /// An integer of 32 bits.
    Integer,
    /// An integer of 16 bits.
    SmallInteger,
    /// Yes or no.
    Boolean,
    /// Text without U+0000, which PostgreSQL cannot hold.
    Text,
}

/// Where a column's values come from in another database, or in one that is put back.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// From the export, as they were.
    Carried,
    /// Made anew for each row, and not exported: what clients recognise a history by, for
    /// example, which is another history from then on.
    MadeAnew(fn(&dyn Random) -> String),
}

impl ExportTable {
    /// A table with this primary key and these columns.
    #[must_use]
    pub const fn new(
        name: &'static str,
        key: &'static [&'static str],
        columns: &'static [ExportColumn],
    ) -> Self {
        Self { name, key, columns, is_of_the_moment: false }
    }

    /// The same, whose rows must not come back when time has passed since they were
    /// exported: a session that has ended since would live again, a mail go out twice. They
    /// are exported, and left out of an import unless it is a move.
    #[must_use]
    pub const fn of_the_moment(self) -> Self {
        Self { is_of_the_moment: true, ..self }
    }

    /// The columns whose values are exported.
    pub(crate) fn carried(&self) -> impl Iterator<Item = &'static ExportColumn> + use<> {
        self.columns.iter().filter(|column| matches!(column.source, Source::Carried))
    }

    /// The columns of which a database that is another one from now on gets new values, and
    /// how.
    pub(crate) fn made_anew(&self) -> impl Iterator<Item = Anew> + use<> {
        self.columns.iter().filter_map(|column| match column.source {
            Source::Carried => None,
            Source::MadeAnew(make) => Some((column.name, make)),
        })
    }

    /// The column called `name`.
    pub(crate) fn column(&self, name: &str) -> Option<&'static ExportColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column, and how its values are made.
pub(crate) type Anew = (&'static str, fn(&dyn Random) -> String);

impl ExportColumn {
    const fn new(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, nullable: false, source: Source::Carried }
    }

    /// An integer of 64 bits: ids, times.
    #[must_use]
    pub const fn big_integer(name: &'static str) -> Self {
        Self::new(name, ColumnKind::BigInteger)
    }

    /// An integer of 32 bits.
    #[must_use]
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Integer)
    }

    /// An integer of 16 bits.
    #[must_use]
    pub const fn small_integer(name: &'static str) -> Self {
        Self::new(name, ColumnKind::SmallInteger)
    }

    /// Yes or no.
    #[must_use]
    pub const fn boolean(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Boolean)
    }

    /// Text of any length.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Text)
    }

    /// The same, which may hold nothing.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same, whose values are not exported but made anew by `make` for each row. For text
    /// only.
    #[must_use]
    pub const fn made_anew(self, make: fn(&dyn Random) -> String) -> Self {
        Self { source: Source::MadeAnew(make), ..self }
    }
}
