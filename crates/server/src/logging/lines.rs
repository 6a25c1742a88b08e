//! Log lines on their way out, so that nothing but one thread ever waits for the reader.
//!
//! The reader of standard error may have stopped (a stopped journald, a terminal at Ctrl-S),
//! be gone (a killed `tee`), or have no room (a full disk). A program that writes there
//! itself then blocks or fails in the middle of whatever it wanted to say something about.
//! Here a line is put into a queue of [`MAX_QUEUED`] bytes, and a thread writes what is in
//! it, one line a system call. What does not fit, or cannot be written, is lost and counted;
//! once a line can be written again, a line says how many were lost.
//!
//! Invariants: [`Lines::push`] neither waits nor fails; lines leave in the order of their
//! pushes; a line that was cut off in the middle is ended before the next one.
//!
//! `tracing-appender` does the same with these differences: it bounds lines and not bytes,
//! does not count a line whose writing failed, and prints to standard output (which panics
//! if that is broken) when its thread is stuck at the end.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Bytes of lines that wait to be written: some 5,000 lines. Further lines are lost.
pub const MAX_QUEUED: usize = 1024 * 1024;

/// How soon a write is tried again that would have blocked. Another program that has the
/// same file open may have made it non-blocking.
const RETRY: Duration = Duration::from_millis(20);

/// The queue of lines. Cloning is cheap; all clones are the same.
#[derive(Clone, Debug)]
pub struct Lines(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    queue: Mutex<Queue>,
    /// Something arrived in the queue, or it was closed.
    arrived: Condvar,
    /// The thread has ended.
    ended: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    closed: bool,
    ended: bool,
}

impl Lines {
    /// Starts the thread that writes to `out`, and that calls `tell` with the number of
    /// lines lost since the last call once a line could be written again.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn start(
        out: impl Write + Send + 'static,
        tell: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let writer = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(out, tell))?;
        Ok(lines)
    }

    /// Appends a line, which brings its own line feed.
    pub fn push(&self, line: &[u8]) {
        let mut queue = self.0.queue.lock();
        if queue.ended || queue.bytes + line.len() > MAX_QUEUED {
            drop(queue);
            return self.lose();
        }
        queue.bytes += line.len();
        queue.lines.push_back(line.into());
        drop(queue);
        self.0.arrived.notify_one();
    }

    /// Lines lost since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends; gives up after `within`. Whether all was written or
    /// lost by then.
    pub fn close(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        self.0.arrived.notify_one();
        while !queue.ended {
            if self.0.ended.wait_until(&mut queue, until).timed_out() {
                return queue.ended;
            }
        }
        true
    }

    fn lose(&self) {
        let lost = self.0.lost.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::counter!("packetboat_log_lines_lost_total").absolute(lost);
    }

    fn run(&self, out: impl Write, tell: impl Fn(u64)) {
        let mut out = Out { out, torn: false };
        let mut told = 0;
        while let Some(line) = self.next() {
            if out.write(&line).is_err() {
                self.lose();
                continue;
            }
            let lost = self.lost();
            if lost > told {
                tell(lost - told);
                told = lost;
            }
        }
        self.0.queue.lock().ended = true;
        self.0.ended.notify_all();
    }

    /// The next line; `None` once closed and empty.
    fn next(&self) -> Option<Box<[u8]>> {
        let mut queue = self.0.queue.lock();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                queue.bytes -= line.len();
                return Some(line);
            }
            if queue.closed {
                return None;
            }
            self.0.arrived.wait(&mut queue);
        }
    }
}

/// What a formatter writes one line to, in one call. Never fails.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Out<W> {
    out: W,
    /// The last line was cut off in the middle.
    torn: bool,
}

impl<W: Write> Out<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_all(b"\n")?;
            self.torn = false;
        }
        self.write_all(line)
    }

    fn write_all(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const SOON: Duration = Duration::from_secs(20);

    /// A reader that answers each write as the test says, and keeps what it read.
    struct Reader {
        answers: Receiver<Result<usize, ErrorKind>>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without an answer it takes everything; with the test gone, too.
            let taken = self.answers.recv().unwrap_or(Ok(bytes.len()))?.min(bytes.len());
            self.read.lock().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Answers = Sender<Result<usize, ErrorKind>>;

    fn lines() -> (Lines, Answers, Arc<Mutex<Vec<u8>>>) {
        let (answer, answers) = channel();
        let read = Arc::new(Mutex::default());
        let lines = Lines::start(Reader { answers, read: read.clone() }, |_| {}).unwrap();
        (lines, answer, read)
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (lines, answer, read) = lines();
        for part in [Ok(2), Err(ErrorKind::Interrupted), Err(ErrorKind::WouldBlock), Ok(99)] {
            answer.send(part).unwrap();
        }
        drop(answer);
        lines.push(b"first\n");
        lines.push(b"second\n");
        assert!(lines.close(SOON));
        assert_eq!(*read.lock(), b"first\nsecond\n");
        assert_eq!(lines.lost(), 0);
    }

    #[test]
    fn a_reader_that_stopped_holds_nobody_up_and_the_rest_is_lost_and_counted() {
        let (lines, answer, read) = lines();
        let line = [b'x'; 1024];
        // One is with the thread, or still in the queue.
        for _ in 0..=MAX_QUEUED / line.len() + 10 {
            lines.push(&line);
        }
        assert!((10..=11).contains(&lines.lost()), "{}", lines.lost());
        assert!(!lines.close(Duration::from_millis(10)), "and it ends nevertheless");
        drop(answer); // It reads again.
        assert!(lines.close(SOON));
        assert!(read.lock().len() >= MAX_QUEUED);
        lines.push(&line);
        assert!(lines.lost() >= 11, "what comes too late is counted too");
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_alone_and_a_torn_one_is_ended() {
        let (lines, answer, read) = lines();
        answer.send(Err(ErrorKind::BrokenPipe)).unwrap();
        answer.send(Ok(3)).unwrap();
        answer.send(Err(ErrorKind::StorageFull)).unwrap();
        drop(answer);
        for line in [b"first\n", b"other\n", b"third\n"] {
            lines.push(line);
        }
        assert!(lines.close(SOON));
        assert_eq!(*read.lock(), b"oth\nthird\n");
        assert_eq!(lines.lost(), 2);
    }

    #[test]
    fn when_lines_can_be_written_again_it_is_told_how_many_were_lost() {
        let (answer, answers) = channel();
        let (tell, told) = channel();
        let reader = Reader { answers, read: Arc::default() };
        let lines = Lines::start(reader, move |lost| tell.send(lost).unwrap()).unwrap();
        let (taken, full) = (Ok(99), Err(ErrorKind::StorageFull));
        for part in [full, full, taken, taken, full, taken] {
            answer.send(part).unwrap();
            lines.push(b"a line\n");
        }
        assert!(lines.close(SOON));
        assert_eq!(told.iter().collect::<Vec<_>>(), [2, 1]);
    }
}
