//! The list of files that a session's members offer. The server holds names and sizes, and
//! never a byte of a file.

use std::collections::HashMap;

use limits::Slot;
use unicode_normalization::UnicodeNormalization;

use crate::id::MemberId;

/// Bytes of a name at most.
const MAX_NAME: usize = 255;

/// The largest size: what JavaScript counts exactly (2^53 - 1).
const MAX_SIZE: u64 = (1 << 53) - 1;

/// A file's name: 1 to 255 bytes of UTF-8, without `/`, `\` and control characters, not `.`
/// or `..`. Kept as posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName(String);

/// By what names are compared: in Unicode's NFC. Case tells names apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileKey(String);

impl FileKey {
    pub(crate) fn of(name: &str) -> Self {
        Self(name.nfc().collect())
    }
}

impl FileName {
    /// # Errors
    /// A sentence that says what is wrong with `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("A file's name must not be empty.");
        }
        if text.len() > MAX_NAME {
            return Err("A file's name has at most 255 bytes.");
        }
        if text.chars().any(|it| it == '/' || it == '\\' || it.is_control()) {
            return Err("A file's name has no slashes and no control characters.");
        }
        if text == "." || text == ".." {
            return Err("A file's name must not be . or ..");
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` is the same, however it is composed.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.0 == name || FileKey::of(&self.0) == FileKey::of(name)
    }
}

/// A file that is offered.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: FileName,
    pub(crate) size: u64,
    pub(crate) owner: MemberId,
    /// Counts it among all files of the server.
    _slot: Slot<()>,
}

/// A file that a member wants to offer.
#[derive(Debug)]
pub(crate) struct Offer {
    name: FileName,
    size: u64,
}

impl Offer {
    /// # Errors
    /// A sentence that says what is wrong.
    pub(crate) fn new(name: &str, size: u64) -> Result<Self, &'static str> {
        if size > MAX_SIZE {
            return Err("A file's size is an integer of at most 2^53 - 1.");
        }
        Ok(Self { name: FileName::parse(name)?, size })
    }
}

/// Why files were not added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AddError {
    /// This name is taken already, or twice among those posted.
    Exists(String),
    /// The session, or the server, has as many files as it may have.
    Full,
}

/// The files of a session, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Files {
    order: Vec<FileKey>,
    by_name: HashMap<FileKey, File>,
}

impl Files {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Bytes that all of them have, as their owners said.
    pub(crate) fn bytes(&self) -> u64 {
        self.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &File> {
        self.order.iter().filter_map(|key| self.by_name.get(key))
    }

    /// The file with the first of `names` that a file has.
    pub(crate) fn find<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&File> {
        names.into_iter().find_map(|name| self.by_name.get(&FileKey::of(name)))
    }

    /// Adds all of `offers`, or none. `slot` takes a place among all files of the server.
    ///
    /// # Errors
    /// [`AddError`]; none was added then.
    pub(crate) fn add(
        &mut self,
        owner: MemberId,
        offers: Vec<Offer>,
        max: usize,
        slot: impl Fn() -> Option<Slot<()>>,
    ) -> Result<(), AddError> {
        let (mut order, mut added) = (Vec::new(), HashMap::new());
        for Offer { name, size } in offers {
            let key = FileKey::of(name.as_str());
            if self.by_name.contains_key(&key) || added.contains_key(&key) {
                return Err(AddError::Exists(name.0));
            }
            if self.len() + order.len() == max {
                return Err(AddError::Full);
            }
            let slot = slot().ok_or(AddError::Full)?;
            order.push(key.clone());
            added.insert(key, File { name, size, owner, _slot: slot });
        }
        self.order.append(&mut order);
        self.by_name.extend(added);
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &FileName) {
        let key = FileKey::of(name.as_str());
        self.by_name.remove(&key);
        self.order.retain(|other| *other != key);
    }

    /// Takes away what `owner` offers.
    pub(crate) fn remove_of(&mut self, owner: MemberId) {
        self.by_name.retain(|_, file| file.owner != owner);
        self.order.retain(|key| self.by_name.contains_key(key));
    }
}

#[cfg(test)]
mod tests {
    use base::OsRandom;
    use limits::Slots;

    use super::*;

    fn offers(names: &[&str]) -> Vec<Offer> {
        names.iter().map(|name| Offer::new(name, 1).unwrap()).collect()
    }

    #[test]
    fn one_that_does_not_fit_adds_none() {
        let slots = Slots::new(3);
        let (mut files, owner) = (Files::default(), MemberId::random(&OsRandom));
        let add = |files: &mut Files, names: &[&str]| {
            files.add(owner, offers(names), 10, || slots.take(()))
        };
        assert_eq!(add(&mut files, &["a", "A"]), Ok(()), "case tells names apart");
        let twice = AddError::Exists("u\u{308}".into());
        assert_eq!(add(&mut files, &["\u{fc}", "u\u{308}"]), Err(twice));
        assert_eq!(add(&mut files, &["b", "a"]), Err(AddError::Exists("a".into())));
        assert_eq!(add(&mut files, &["b", "c"]), Err(AddError::Full), "three are all there may be");
        assert_eq!(files.len(), 2);
        assert_eq!(add(&mut files, &["b"]), Ok(()), "what was refused took no place");
        assert_eq!(files.find(["x", "b"]).unwrap().name.as_str(), "b");
        files.remove_of(owner);
        assert_eq!((files.len(), slots.keys()), (0, 0));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "x".repeat(256);
        for name in ["", ".", "..", "a/b", "a\\b", "a\0", "a\u{7f}", "a\u{9f}", &long] {
            assert!(FileName::parse(name).is_err(), "{name:?}");
        }
        for name in ["...", "100% sure?.txt", "\u{202e}x", "con", &long[1..]] {
            assert!(FileName::parse(name).is_ok(), "{name:?}");
        }
        assert!(Offer::new("x", MAX_SIZE).is_ok() && Offer::new("x", MAX_SIZE + 1).is_err());
    }
}
