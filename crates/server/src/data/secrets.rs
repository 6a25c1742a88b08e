//! Keys made at first start and kept: what is signed and sealed with them must
//! still verify and open after a restart, so they are never made anew.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base::Random;
use toml::de::DeTable;

use super::DataError;

/// Bytes a key.
const KEY: usize = 32;
const FILE: &str = "secrets.toml";
const TOKEN_SIGNING: &str = "token_signing";
const MASTER: &str = "master";

/// The server's own keys.
#[derive(Clone)]
pub struct Secrets {
    /// Signs what the server hands out and takes back.
    pub token_signing: [u8; KEY],
    /// Seals what is stored and must be readable again.
    pub master: [u8; KEY],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(hidden)")
    }
}

/// The secrets of `folder`, whose lock the caller holds.
pub(super) fn load_or_make(folder: &Path, random: &dyn Random) -> Result<Secrets, DataError> {
    let path = folder.join(FILE);
    let in_use = |source| DataError::Use { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) => {
            parse(&text).map_err(|problem| DataError::Secrets { path: path.clone(), problem })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secrets = make(random);
            write(folder, &path, &secrets).map_err(in_use)?;
            Ok(secrets)
        }
        Err(error) => Err(in_use(error)),
    }
}

fn make(random: &dyn Random) -> Secrets {
    let mut secrets = Secrets { token_signing: [0; KEY], master: [0; KEY] };
    random.fill(&mut secrets.token_signing);
    random.fill(&mut secrets.master);
    secrets
}

/// Complete or not at all: a crash in between leaves no half file to trip over.
fn write(folder: &Path, path: &Path, secrets: &Secrets) -> io::Result<()> {
    let draft = folder.join("secrets.toml.new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "# Made at first start. Keep it with your backups, and keep it secret.")?;
    writeln!(file, "{TOKEN_SIGNING} = \"{}\"", base::to_hex(&secrets.token_signing))?;
    writeln!(file, "{MASTER} = \"{}\"", base::to_hex(&secrets.master))?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

fn parse(text: &str) -> Result<Secrets, String> {
    let table = DeTable::parse(text).map_err(|_| "is not valid TOML".to_owned())?;
    let key = |name: &str| {
        let value = table.get_ref().get(name).and_then(|value| value.get_ref().as_str());
        value.and_then(from_hex).ok_or_else(|| format!("{name} is not {} hex digits", 2 * KEY))
    };
    Ok(Secrets { token_signing: key(TOKEN_SIGNING)?, master: key(MASTER)? })
}

fn from_hex(text: &str) -> Option<[u8; KEY]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let made = load_or_make(folder.path(), &OsRandom).unwrap();
        let kept = load_or_make(folder.path(), &OsRandom).unwrap();
        assert_eq!(made.master, kept.master);
        assert_eq!(made.token_signing, kept.token_signing);
        assert_ne!(made.master, made.token_signing);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{made:?}"), "Secrets(hidden)");
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for damaged in ["", "master = 1", "token_signing = \"ab\"\nmaster = \"cd\"", "= ="] {
            fs::write(&path, damaged).unwrap();
            assert!(load_or_make(folder.path(), &OsRandom).is_err(), "{damaged}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
