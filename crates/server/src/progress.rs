//! How far a command has come, on standard error: a line that is written over on a terminal,
//! a line a table otherwise.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line on a terminal is written anew.
const INTERVAL: Duration = Duration::from_millis(200);

/// Rows, rows a second, and the time that is left.
pub(crate) struct Shown {
    on_terminal: bool,
    table: &'static str,
    rows: u64,
    done: u64,
    since: Instant,
    written: Instant,
}

impl Shown {
    pub(crate) fn new() -> Self {
        let (on_terminal, now) = (io::stderr().is_terminal(), Instant::now());
        Self { on_terminal, table: "", rows: 0, done: 0, since: now, written: now }
    }

    fn line(&self) -> String {
        let seconds = self.since.elapsed().as_secs_f64();
        line(self.table, self.done, self.rows, seconds)
    }

    fn write(text: &str) {
        // What cannot be told does not stop the work.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl storage::Progress for Shown {
    fn begin(&mut self, table: &'static str, rows: u64) {
        let now = Instant::now();
        *self = Self { table, rows, done: 0, since: now, written: now, ..*self };
    }

    fn done(&mut self, rows: u64) {
        self.done += rows;
        if self.on_terminal && self.written.elapsed() >= INTERVAL {
            self.written = Instant::now();
            // From the start of the line, and to its end what another one has left.
            Self::write(&format!("\r{}\x1b[K", self.line()));
        }
    }

    fn end(&mut self) {
        let unit = if self.done == 1 { "row" } else { "rows" };
        let line = format!("{}: {} {unit}", self.table, self.done);
        Self::write(&if self.on_terminal { format!("\r{line}\x1b[K\n") } else { line + "\n" });
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, in whole rows and seconds"
)]
fn line(table: &str, done: u64, rows: u64, seconds: f64) -> String {
    let speed = done as f64 / seconds.max(0.001);
    let left = rows.saturating_sub(done) as f64 / speed.max(0.001);
    format!("{table}: {done} of {rows} rows, {} a second, {} s left", speed as u64, left as u64)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn rows_speed_and_time_left_are_told() {
        assert_eq!(line("a", 50, 200, 5.0), "a: 50 of 200 rows, 10 a second, 15 s left");
        // A table that has grown since it was counted.
        assert_eq!(line("a", 300, 200, 5.0), "a: 300 of 200 rows, 60 a second, 0 s left");
    }
}
