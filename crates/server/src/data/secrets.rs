//! Keys made at first start and kept: what is signed and sealed with them must
//! still verify and open after a restart, so they are never made anew. Beside them
//! stands which database belongs to them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use base::Random;
use capability::{KEY_BYTES, Secrets};
use storage::IDENTITY_BYTES;
use toml::de::DeTable;

use super::DataError;

const FILE: &str = "secrets.toml";
/// The purpose of the one key that is stored by itself: it is older than deriving keys.
pub(crate) const TOKEN_SIGNING: &str = "token_signing";
const MASTER: &str = "master";
const DATABASE: &str = "database";

/// What the file holds.
#[derive(Debug)]
pub(super) struct Stored {
    /// The server's own keys.
    pub(super) keys: Secrets,
    /// The identity of the database that belongs to them, once there was one. No secret.
    pub(super) database: Option<String>,
}

/// The secrets of `folder`, whose lock the caller holds.
pub(super) fn load_or_make(folder: &Path, random: &dyn Random) -> Result<Stored, DataError> {
    if let Some(secrets) = load(folder)? {
        return Ok(secrets);
    }
    let path = folder.join(FILE);
    let [mut signing, mut master] = [[0; KEY_BYTES]; 2];
    random.fill(&mut signing);
    random.fill(&mut master);
    write(folder, &path, &first_text(&signing, &master))
        .map_err(|source| DataError::Use { path, source })?;
    Ok(Stored { keys: keys(signing, master), database: None })
}

/// The secrets of `folder`, if there are any. Needs no lock: they are replaced whole.
pub(super) fn load(folder: &Path) -> Result<Option<Stored>, DataError> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => match parse(&text) {
            Ok(secrets) => Ok(Some(secrets)),
            Err(problem) => Err(DataError::Secrets { path, problem }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DataError::Use { path, source }),
    }
}

/// Notes in the secrets of `folder`, whose lock the caller holds, that the database
/// `identity` belongs to them. Everything else in the file stays as it is: it may be of
/// another version, and what is lost from it is lost for good.
pub(super) fn note_database(folder: &Path, identity: &str) -> Result<(), DataError> {
    let path = folder.join(FILE);
    let noted = fs::read_to_string(&path)
        .and_then(|text| write(folder, &path, &with_database(&text, identity)));
    noted.map_err(|source| DataError::Use { path, source })
}

/// `text` with its line about the database, which stands before the first table.
fn with_database(text: &str, identity: &str) -> String {
    let is_note = |line: &&str| {
        line.trim_start()
            .strip_prefix(DATABASE)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let all: Vec<&str> = text.lines().collect();
    let table = all.iter().position(|line| line.trim_start().starts_with('['));
    let (top, tables) = all.split_at(table.unwrap_or(all.len()));
    let note = format!("{DATABASE} = \"{identity}\"");
    let kept = top.iter().filter(|line| !is_note(line)).copied();
    let lines: Vec<&str> = kept.chain([&*note]).chain(tables.iter().copied()).collect();
    lines.join("\n") + "\n"
}

fn keys(signing: [u8; KEY_BYTES], master: [u8; KEY_BYTES]) -> Secrets {
    Secrets::new(master, vec![(TOKEN_SIGNING, signing)])
}

fn first_text(signing: &[u8], master: &[u8]) -> String {
    format!(
        "# Made at first start. Keep it with your backups, and keep it secret.\n\
         {TOKEN_SIGNING} = \"{}\"\n{MASTER} = \"{}\"\n",
        base::to_hex(signing),
        base::to_hex(master)
    )
}

/// Complete or not at all: a crash in between leaves no half file to trip over.
fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let draft = folder.join("secrets.toml.new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    if let Ok(before) = fs::metadata(path) {
        // A command that root runs must not take the file away from the server's user.
        fchown(&file, Some(before.uid()), Some(before.gid()))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

fn parse(text: &str) -> Result<Stored, String> {
    let table = DeTable::parse(text).map_err(|_| "is not valid TOML".to_owned())?;
    let key = |name: &str| {
        let value = table.get_ref().get(name).and_then(|value| value.get_ref().as_str());
        value
            .and_then(from_hex)
            .ok_or_else(|| format!("{name} is not {} hex digits", 2 * KEY_BYTES))
    };
    let database = table.get_ref().get(DATABASE).map(|value| {
        let identity = value.get_ref().as_str().filter(|text| is_identity(text));
        identity.map(str::to_owned).ok_or_else(|| format!("{DATABASE} is not an identity"))
    });
    Ok(Stored { keys: keys(key(TOKEN_SIGNING)?, key(MASTER)?), database: database.transpose()? })
}

fn is_identity(text: &str) -> bool {
    text.len() == 2 * IDENTITY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
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
        for purpose in [TOKEN_SIGNING, "some other"] {
            assert_eq!(made.keys.key(purpose), kept.keys.key(purpose));
        }
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.contains(&base::to_hex(&made.keys.key(TOKEN_SIGNING))), "as it is stored");
        assert!(!text.contains(&base::to_hex(&made.keys.key(MASTER))), "derived, not shown");
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(format!("{made:?}").contains("Secrets(hidden)"), "{made:?}");
    }

    #[test]
    fn the_database_is_noted_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let made = load_or_make(folder.path(), &OsRandom).unwrap();
        assert_eq!(made.database, None);
        let path = folder.path().join(FILE);
        let later = "\n# of a later version\nother = 1\n[table]\ndatabase = \"in a table\"\n";
        fs::write(&path, fs::read_to_string(&path).unwrap() + later).unwrap();
        for identity in ["a".repeat(32), "b".repeat(32)] {
            note_database(folder.path(), &identity).unwrap();
            let kept = load(folder.path()).unwrap().unwrap();
            assert_eq!(kept.database, Some(identity));
            assert_eq!(kept.keys.key("some"), made.keys.key("some"));
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("# of a later version\nother = 1"), "{text}");
        assert_eq!(text.matches("\ndatabase = ").count(), 2, "{text}");
        assert!(text.ends_with("[table]\ndatabase = \"in a table\"\n"), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
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
