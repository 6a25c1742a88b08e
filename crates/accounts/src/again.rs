//! Doing a transaction again that another one got in the way of.
//!
//! Two servers may look at the same time whether a name is free, and both find that it is.
//! The database gives it to one of them; the other looks again, and finds it taken. So what
//! is looked up before something is stored decides what a client is told, and the unique
//! indexes decide who has it.

use storage::{Fault, StorageError};

use crate::administration::EditError;
use crate::{ChangeError, SetUpError, SignInError, SignUpError};

/// How often a transaction is tried in all.
const TRIES: u32 = 4;

/// An error that may hold one of the database's.
pub(crate) trait Failure {
    /// What the database said, if it is that which failed.
    fn storage(&self) -> Option<&StorageError>;
}

/// Does `transaction` up to [`TRIES`] times, as long as another transaction is in its way: by
/// a unique value, a deadlock or a lock.
pub(crate) async fn until_undisturbed<T, E: Failure, F: Future<Output = Result<T, E>>>(
    mut transaction: impl FnMut() -> F,
) -> Result<T, E> {
    for _ in 1..TRIES {
        match transaction().await {
            Err(error) if error.storage().is_some_and(is_of_another) => {}
            done => return done,
        }
    }
    transaction().await
}

fn is_of_another(error: &StorageError) -> bool {
    error.is_unique_violation() || error.fault() == Fault::Again
}

impl Failure for StorageError {
    fn storage(&self) -> Option<&StorageError> {
        Some(self)
    }
}

/// For errors whose variant `Storage` holds the database's.
macro_rules! failures {
    ($($error:ty),*) => {$(
        impl Failure for $error {
            fn storage(&self) -> Option<&StorageError> {
                match self {
                    Self::Storage(error) => Some(error),
                    _ => None,
                }
            }
        }
    )*};
}

failures!(ChangeError, SignInError, SignUpError);

/// For errors whose variant `Change` holds one that may hold the database's.
macro_rules! failures_of_changes {
    ($($error:ty),*) => {$(
        impl Failure for $error {
            fn storage(&self) -> Option<&StorageError> {
                match self {
                    Self::Change(error) => error.storage(),
                    _ => None,
                }
            }
        }
    )*};
}

failures_of_changes!(EditError, SetUpError);
