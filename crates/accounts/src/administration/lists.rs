//! The lists of accounts and of sessions.

use base::{AccountId, SessionRef};
use storage::StorageError;

use crate::session::SessionKind;
use crate::store::{accounts, sessions};
use crate::{Accounts, Profile, SessionInfo};

/// Some rows of a list, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of the page, in order.
    pub rows: Vec<T>,
    /// Rows on all pages.
    pub total: u64,
}

/// By what accounts are sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountSort {
    /// When registered.
    #[default]
    Created,
    /// Without regard to case.
    Username,
    /// Without regard to case.
    Email,
    /// When its owner last signed in.
    LastLogin,
}

/// Which accounts to list.
#[derive(Clone, Debug, Default)]
pub struct AccountQuery {
    /// A part of the username, address, first or last name, in any case.
    pub search: Option<String>,
    /// Only staff, or only others.
    pub staff: Option<bool>,
    /// Only the active, or only others.
    pub active: Option<bool>,
    /// By what to sort.
    pub sort: AccountSort,
    /// The last first.
    pub descending: bool,
    /// Rows to skip.
    pub offset: u64,
    /// Rows to give, at most 500.
    pub limit: u64,
}

/// By what sessions are sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionSort {
    /// When last used, as far as the database knows: up to a minute late.
    #[default]
    LastUsed,
    /// When opened.
    Created,
    /// The owner's, without regard to case.
    Username,
}

/// Which sessions and tokens to list.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// A part of the owner's username or address, of the client address or of a
    /// token's name, in any case.
    pub search: Option<String>,
    /// Only of this kind.
    pub kind: Option<SessionKind>,
    /// Only this account's.
    pub account: Option<AccountId>,
    /// By what to sort.
    pub sort: SessionSort,
    /// The last first.
    pub descending: bool,
    /// Rows to skip.
    pub offset: u64,
    /// Rows to give, at most 500.
    pub limit: u64,
}

impl Accounts {
    /// The accounts that `query` asks for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn accounts_page(&self, query: &AccountQuery) -> Result<Page<Profile>, StorageError> {
        accounts::page(self.0.db.reader(), query).await
    }

    /// The sessions and tokens that `query` asks for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sessions_page(
        &self,
        query: &SessionQuery,
    ) -> Result<Page<SessionInfo>, StorageError> {
        let mut page = sessions::page(self.0.db.reader(), query).await?;
        self.freshen(&mut page.rows);
        Ok(page)
    }

    /// One session or token.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn session_info(
        &self,
        session: SessionRef,
    ) -> Result<Option<SessionInfo>, StorageError> {
        let mut info = sessions::info_of(self.0.db.reader(), session).await?;
        self.freshen(info.as_mut_slice());
        Ok(info)
    }
}
