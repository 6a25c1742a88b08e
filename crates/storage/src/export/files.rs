//! The folder and the files of an export: made for the owner alone, on the disk before they
//! are called done, and taken away again if the export fails.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::ExportError;
use super::manifest;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 * 1024;

/// The folder that an export goes to.
#[derive(Debug)]
pub(super) struct ExportFolder {
    path: PathBuf,
    is_ours: bool,
    made: Vec<PathBuf>,
}

impl ExportFolder {
    /// Makes the folder at `path`, or takes it if it is there and empty.
    pub(super) fn make(path: &Path) -> Result<Self, ExportError> {
        let is_ours = match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let mut entries = fs::read_dir(path).map_err(ExportError::write(path))?;
                if entries.next().is_some() {
                    return Err(ExportError::FolderNotEmpty(path.into()));
                }
                false
            }
            Err(error) => return Err(ExportError::write(path)(error)),
        };
        Ok(Self { path: path.into(), is_ours, made: Vec::new() })
    }

    /// A new file in it.
    pub(super) fn file(&mut self, name: &str) -> Result<TableFile, ExportError> {
        let path = self.path.join(name);
        let file = create(&path).map_err(ExportError::write(&path))?;
        self.made.push(path.clone());
        let out = BufWriter::with_capacity(BUFFER, file);
        Ok(TableFile { path, out, digest: Context::new(&SHA256), bytes: 0 })
    }

    /// Writes the manifest, with which the export is whole: on the disk, under its name, and
    /// so is everything before it.
    pub(super) fn finish(&mut self, text: &str) -> Result<(), ExportError> {
        let draft = self.path.join("manifest.json.new");
        let write = || {
            let mut file = create(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, self.path.join(manifest::FILE))?;
            File::open(&self.path)?.sync_all()?;
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        };
        let result = write().map_err(ExportError::write(&draft));
        self.made.push(draft);
        result
    }

    /// Takes away what there is of an export that failed: half an export is of no use, and
    /// the disk may be full.
    pub(super) fn discard(self) {
        for path in &self.made {
            // It is a courtesy: the manifest is missing, so what stays is not taken for whole.
            let _ = fs::remove_file(path);
        }
        if self.is_ours {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// A file that is being written.
pub(super) struct TableFile {
    path: PathBuf,
    out: BufWriter<File>,
    digest: Context,
    bytes: u64,
}

impl TableFile {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.out.write_all(bytes).map_err(ExportError::write(&self.path))?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Once it is on the disk: its size, and its SHA-256 in hexadecimal.
    pub(super) fn finish(self) -> Result<(u64, String), ExportError> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(ExportError::write(&self.path))?;
        Ok((self.bytes, base::to_hex(self.digest.finish().as_ref())))
    }
}
