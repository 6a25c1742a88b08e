//! The lists of files: each operation at the request of a member.

use super::Share;
use crate::exchange::reason;
use crate::files::{AddError, File, Offer};
use crate::id::{MemberId, SessionId};
use crate::refusal::Refusal;
use crate::session::Abort;
use crate::token::Claims;

/// How a member sees a file.
#[derive(serde::Serialize)]
pub(crate) struct FileSeen {
    name: String,
    size: u64,
    is_owner: bool,
}

impl FileSeen {
    fn new(file: &File, by: MemberId) -> Self {
        let name = file.name.as_str().to_owned();
        Self { name, size: file.size, is_owner: file.owner == by }
    }
}

impl Share {
    pub(crate) fn files(&self, id: SessionId, by: Claims) -> Result<Vec<FileSeen>, Refusal> {
        self.as_member(id, by, |session, _| {
            Ok(session.files.iter().map(|file| FileSeen::new(file, by.member)).collect())
        })
    }

    /// The file with the first of `names` that a file has.
    pub(crate) fn file(
        &self,
        id: SessionId,
        by: Claims,
        names: &[&str],
    ) -> Result<FileSeen, Refusal> {
        self.as_member(id, by, |session, _| {
            let file = session.files.find(names.iter().copied());
            file.map(|file| FileSeen::new(file, by.member)).ok_or_else(Refusal::no_such_file)
        })
    }

    /// Lists files; all of them or none.
    pub(crate) fn add_files(
        &self,
        id: SessionId,
        by: Claims,
        offers: impl FnOnce() -> Result<Vec<Offer>, Refusal>,
    ) -> Result<(), Refusal> {
        self.as_member(id, by, |session, services| {
            let max = services.settings.max_files_of_session as usize;
            let added = session.files.add(by.member, offers()?, max, || services.caps.file());
            added.map_err(|error| match error {
                AddError::Exists(name) => {
                    Refusal::invalid_file("A file with this name exists already.", name)
                }
                AddError::Full => Refusal::full("There are as many files as there may be."),
            })
        })
    }

    /// Takes a file from the list; transfers of it end.
    pub(crate) fn remove_file(
        &self,
        id: SessionId,
        by: Claims,
        names: &[&str],
    ) -> Result<(), Refusal> {
        self.as_member(id, by, |session, services| {
            let now = services.clock.monotonic();
            let is_host = session.member(by.member, now)?.is_host;
            let file = session.files.find(names.iter().copied());
            let file = file.ok_or_else(Refusal::no_such_file)?;
            if !is_host && file.owner != by.member {
                return Err(Refusal::forbidden());
            }
            let name = file.name.clone();
            session.files.remove(&name);
            let of_it = session.transfers.values().filter(|it| it.file == name).map(|it| it.id);
            for request in of_it.collect::<Vec<_>>() {
                session.abort(request, Abort::because(reason::REMOVED), services);
            }
            Ok(())
        })
    }
}
