//! What is wrong with a configuration, in one line for the operator.

use std::io;
use std::path::PathBuf;

use capability::settings::SettingError;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The file named by `--config`.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML, or holds something that is no setting.
    #[error("{}:{line}: {problem}", file.display())]
    File {
        /// The file named by `--config`.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A variable that is no setting.
    #[error("environment: unknown setting {name}, did you mean {nearest}?")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The known variable most like it.
        nearest: String,
    },
    /// A variable that is not text.
    #[error("environment {name}: the value is not UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },
    /// A value that its setting does not take.
    #[error(transparent)]
    Value(#[from] SettingError),
    /// One of two settings that only make sense together.
    #[error("{present} is set and {absent} is not: set both or neither")]
    Half {
        /// The one that is set.
        present: &'static str,
        /// The one that is not.
        absent: &'static str,
    },
}

impl ConfigError {
    pub(super) fn half(present: &'static str, absent: &'static str) -> Self {
        Self::Half { present, absent }
    }
}
