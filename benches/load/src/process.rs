//! What the operating system accounts to the server: CPU time and memory, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Pid;

/// A process that is looked at, not touched.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    /// The process with this id; it is looked up on each reading.
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// This process.
    pub(crate) fn own() -> Self {
        Self::new(std::process::id())
    }

    /// User and system time of all its threads, ended ones included, in steps of a clock
    /// tick (10 ms as a rule).
    pub(crate) fn cpu(self) -> anyhow::Result<Duration> {
        let ticks = cpu_ticks(&self.read("stat")?).context("/proc/PID/stat has another form")?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
    }

    /// Its id, as system calls want it.
    pub(crate) fn id(self) -> anyhow::Result<Pid> {
        i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("no process id")
    }

    /// Resident set size in bytes.
    pub(crate) fn rss(self) -> anyhow::Result<u64> {
        kilobytes(&self.read("status")?, "VmRSS:").context("/proc/PID/status has no VmRSS")
    }

    /// Resident set with shared pages divided among their users, in bytes.
    pub(crate) fn pss(self) -> anyhow::Result<u64> {
        kilobytes(&self.read("smaps_rollup")?, "Pss:").context("smaps_rollup has no Pss")
    }

    /// What of the resident set is no file's: heap and stacks, in bytes.
    pub(crate) fn anonymous(self) -> anyhow::Result<u64> {
        kilobytes(&self.read("status")?, "RssAnon:").context("/proc/PID/status has no RssAnon")
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path).with_context(|| format!("could not read {path}"))
    }
}

/// `utime + stime` of a `stat` line. The name before them may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Process, cpu_ticks, kilobytes};

    #[test]
    fn times_are_found_behind_an_awkward_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 99";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn memory_fields_are_in_kilobytes() {
        assert_eq!(kilobytes("VmHWM:\t 9 kB\nVmRSS:\t    12 kB\n", "VmRSS:"), Some(12 * 1024));
        assert_eq!(kilobytes("VmHWM:\t 9 kB\n", "VmRSS:"), None);
    }

    #[test]
    fn a_living_process_has_figures() {
        assert!(Process::own().rss().unwrap() > 100_000);
        assert!(Process::own().cpu().is_ok());
    }
}
