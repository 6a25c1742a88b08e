//! Names of sessions: what people say to each other, so that a guest finds the host.

use base::Random;
use unicode_normalization::UnicodeNormalization;

/// Characters of a name at most.
const MAX_CHARACTERS: usize = 64;

/// What a path cannot hold unencoded, and old pages do not encode.
const FORBIDDEN: [char; 4] = ['/', '?', '#', '%'];

const ADJECTIVES: [&str; 48] = [
    "amber", "bold", "brave", "bright", "brisk", "calm", "clever", "coral", "cosy", "crisp",
    "eager", "early", "fair", "fleet", "fresh", "gentle", "glad", "golden", "green", "happy",
    "honest", "jolly", "keen", "kind", "light", "lively", "lucky", "mellow", "merry", "mighty",
    "misty", "neat", "noble", "proud", "quick", "quiet", "rapid", "royal", "silent", "silver",
    "smooth", "steady", "sunny", "swift", "tidy", "warm", "wild", "wise",
];

const NOUNS: [&str; 48] = [
    "anchor",
    "barge",
    "beacon",
    "bell",
    "bridge",
    "buoy",
    "cabin",
    "canal",
    "captain",
    "cargo",
    "coast",
    "comet",
    "compass",
    "cove",
    "deck",
    "dolphin",
    "falcon",
    "ferry",
    "gull",
    "harbour",
    "heron",
    "island",
    "jetty",
    "kayak",
    "lagoon",
    "lantern",
    "letter",
    "lighthouse",
    "mast",
    "otter",
    "paddle",
    "parcel",
    "pelican",
    "pier",
    "pilot",
    "quay",
    "reef",
    "river",
    "rudder",
    "sail",
    "seal",
    "ship",
    "signal",
    "tide",
    "trader",
    "voyage",
    "wave",
    "whale",
];

/// A session's name, as its host typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionName(String);

/// Why a name is none. One sentence.
pub(crate) type Invalid = &'static str;

impl SessionName {
    /// Trims `text`.
    ///
    /// # Errors
    /// A sentence, when what is left is empty, longer than 64 characters, or has control
    /// characters or one of `/ ? # %`.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err("A session's name must not be empty.");
        }
        if text.chars().count() > MAX_CHARACTERS {
            return Err("A session's name has at most 64 characters.");
        }
        if text.chars().any(|it| it.is_control() || FORBIDDEN.contains(&it)) {
            return Err("A session's name has no control characters and none of / ? # %.");
        }
        Ok(Self(text.to_owned()))
    }

    /// Two words and a number that people can say and remember.
    pub(crate) fn memorable(random: &dyn Random) -> Self {
        let mut bytes = [0; 6];
        random.fill(&mut bytes);
        let [a, b, c, d, e, f] = bytes;
        let pick = |words: &[&'static str; 48], low, high| {
            words[usize::from(u16::from_le_bytes([low, high])) % words.len()]
        };
        let number = u16::from_le_bytes([e, f]) % 900 + 100;
        Self(format!("{}-{}-{number}", pick(&ADJECTIVES, a, b), pick(&NOUNS, c, d)))
    }

    /// A name that no session has ever had.
    pub(crate) fn unique(random: &dyn Random) -> Self {
        Self(format!("session-{}", base::hex(random, 16)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn key(&self) -> NameKey {
        NameKey::of(&self.0)
    }
}

/// By what names are compared: without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NameKey(String);

impl NameKey {
    /// The key of a name that a visitor typed, which may be none.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.trim().nfc().collect::<String>().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use base::OsRandom;

    use super::*;

    #[test]
    fn names_are_trimmed_and_compared_without_regard_to_case() {
        let name = SessionName::parse("  Grüne Woche ").unwrap();
        assert_eq!(name.as_str(), "Grüne Woche");
        assert_eq!(name.key(), NameKey::of("GRÜNE woche"));
        assert_eq!(name.key(), NameKey::of("gru\u{308}ne woche"));
        assert_ne!(name.key(), NameKey::of("grunewoche"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "  ", "a/b", "a?b", "a#b", "a%b", "a\nb", "a\u{7f}b", &"x".repeat(65)] {
            assert!(SessionName::parse(text).is_err(), "{text:?}");
        }
        assert!(SessionName::parse(&"ü".repeat(64)).is_ok());
    }

    #[test]
    fn memorable_names_are_names() {
        for _ in 0..100 {
            let name = SessionName::memorable(&OsRandom);
            assert_eq!(SessionName::parse(name.as_str()), Ok(name));
        }
    }
}
