//! The other end of `shim.c`: tells a server's disk when to fail.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A way in which a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No space left.
    Full,
    /// Remounted read-only.
    ReadOnly,
    /// Writing answers EIO.
    Write,
    /// Writing works, syncing answers EIO.
    Sync,
}

/// How many calls fail until the disk works again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Exactly(i32),
    UntilHealed,
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// Numbers in the control file; see `struct control` in `shim.c`.
const FIELDS: usize = 5;
const LEFT: usize = 3;
const FAILED: usize = 4;
const INT: usize = size_of::<i32>();

/// The disk below a server.
pub(crate) struct Disk {
    control: PathBuf,
    file: File,
}

impl Disk {
    /// A disk that works, told by a file in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let control = folder.join("disk.control");
        fs::write(&control, [0; FIELDS * INT]).expect("a control file");
        let file = OpenOptions::new().read(true).write(true).open(&control).expect("to open it");
        Self { control, file }
    }

    /// What a server must have in its environment to stand on this disk.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", shim().display().to_string()),
            ("FAILING_DISK_CONTROL", self.control.display().to_string()),
            ("FAILING_DISK_NAME", "/packetboat.db".to_owned()),
        ]
    }

    /// From now on it fails.
    pub(crate) fn fail(&self, fault: Fault, times: Times) {
        let [write, sync, open] = match fault {
            Fault::Full => [ENOSPC, 0, 0],
            Fault::ReadOnly => [EROFS, 0, EROFS],
            Fault::Write => [EIO, 0, 0],
            Fault::Sync => [0, EIO, 0],
        };
        let left = match times {
            Times::Exactly(times) => times,
            Times::UntilHealed => -1,
        };
        // `left` comes last: until it is there, nothing fails.
        for (field, value) in [write, sync, open].into_iter().enumerate() {
            self.set(field, value);
        }
        self.set(LEFT, left);
    }

    /// From now on it works.
    pub(crate) fn heal(&self) {
        self.set(LEFT, 0);
    }

    /// Whether it works again, or was never told to fail.
    pub(crate) fn is_healed(&self) -> bool {
        self.get(LEFT) == 0
    }

    /// How many calls have failed so far.
    pub(crate) fn failed(&self) -> i32 {
        self.get(FAILED)
    }

    fn set(&self, field: usize, value: i32) {
        let at = (field * INT) as u64;
        self.file.write_all_at(&value.to_ne_bytes(), at).expect("to write the control file");
    }

    fn get(&self, field: usize) -> i32 {
        let mut bytes = [0; INT];
        let at = (field * INT) as u64;
        self.file.read_exact_at(&mut bytes, at).expect("to read the control file");
        i32::from_ne_bytes(bytes)
    }
}

/// The shim, compiled once a run.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failing_disk/shim.c");
        // In place at once and whole, should several test runs build it.
        let (built, draft) = (folder.join("failing_disk.so"), std::process::id().to_string());
        let draft = folder.join(draft);
        let status = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&draft, &source])
            .arg("-ldl")
            .status()
            .expect("a C compiler (Debian: gcc)");
        assert!(status.success(), "{} does not compile", source.display());
        fs::rename(&draft, &built).expect("to put it in place");
        built
    })
}
