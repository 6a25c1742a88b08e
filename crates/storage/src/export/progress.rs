//! Telling how far it has come.

/// Told how far an export or an import has come.
pub trait Progress: Send {
    /// A table begins, of this many rows.
    fn begin(&mut self, table: &'static str, rows: u64);
    /// So many of its rows are done.
    fn done(&mut self, rows: u64);
    /// All of them are.
    fn end(&mut self);
}

/// Progress that is not shown.
#[derive(Debug)]
pub struct Unseen;

impl Progress for Unseen {
    fn begin(&mut self, _: &'static str, _: u64) {}
    fn done(&mut self, _: u64) {}
    fn end(&mut self) {}
}
