//! What strace says a process did, in the order in which it did it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The calls that are watched: those that write, send, sync and rename.
const CALLS: &str =
    "write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync,rename,renameat,renameat2";

/// The longest text of a call that is kept: a page of the database with its header.
const TEXT: usize = 5_000;

/// A system call. Times are places in the trace: what ended at a lower one than another
/// began was over before it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Its arguments; descriptors are followed by their path, `<socket:[…]>` for sockets.
    pub(crate) arguments: String,
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

impl Call {
    /// Whether its first argument is a descriptor of a file whose path ends like this.
    pub(crate) fn is_on(&self, path_end: &str) -> bool {
        self.descriptor().is_some_and(|path| path.ends_with(path_end))
    }

    /// Whether it sends to a client.
    pub(crate) fn is_sent(&self) -> bool {
        self.descriptor().is_some_and(|path| path.starts_with("socket:"))
    }

    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    /// What its first argument stands for, if that is a descriptor: `14</a/path>`.
    fn descriptor(&self) -> Option<&str> {
        let (number, rest) = self.arguments.split_once('<')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(rest.split_once('>')?.0)
    }
}

/// A shell script in `folder` that runs `executable` under strace, with a trace in
/// `folder`. strace is its grandchild, so that a signal meant for the program reaches it.
///
/// # Panics
/// If there is no strace here or it may not trace: this test cannot pass unseen.
pub(crate) fn traced(executable: &str, folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let trial = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let trial = trial.expect("strace is installed (Debian: strace)");
    let complaint = String::from_utf8_lossy(&trial.stderr);
    assert!(
        trial.status.success(),
        "strace may not trace here (is ptrace forbidden?): {complaint}"
    );
    let (script, log) = (folder.join("traced"), folder.join("trace"));
    let text = format!(
        "#!/bin/sh\nexec strace -D -f --seccomp-bpf -y -s {TEXT} -e trace={CALLS} -o '{}' '{executable}' \"$@\"\n",
        log.display()
    );
    // By a shell: a file that this process has open for writing while another of its
    // threads forks cannot be run before that child is through ("text file busy").
    let write = r#"printf '%s' "$1" > "$2" && chmod 700 "$2""#;
    let written = Command::new("sh").args(["-c", write, "sh", &text]).arg(&script).status();
    assert!(written.expect("a shell").success(), "a script that runs");
    (script, log)
}

/// Reads a trace that is complete.
pub(crate) fn read(log: &Path) -> Vec<Call> {
    let text = fs::read(log).expect("a trace");
    let text = String::from_utf8_lossy(&text);
    let mut calls: Vec<Call> = Vec::new();
    // By thread, the call that it has begun.
    let mut pending: HashMap<&str, usize> = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(call) = pending.remove(thread) {
                calls[call].ended = at;
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        if arguments.ends_with("<unfinished ...>") {
            pending.insert(thread, calls.len());
        }
        let (name, arguments) = (name.to_owned(), arguments.to_owned());
        calls.push(Call { name, arguments, begun: at, ended: at });
    }
    assert!(!calls.is_empty(), "nothing was traced");
    calls
}
