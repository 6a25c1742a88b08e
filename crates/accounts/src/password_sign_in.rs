//! Opening a session by name and password.
//!
//! Whether the account exists must not show: an unknown name is counted, looked up
//! and verified like a known one.

use std::time::Duration;

use base::{AccountId, SessionRef};
use storage::StorageError;

use crate::attempts::CountedAs;
use crate::password::hasher::{Place, Verdict};
use crate::secret::SecretHash;
use crate::session::SESSION_INACTIVITY;
use crate::sign_in::{Proof, note};
use crate::store::accounts::{self, By, Person};
use crate::store::sessions::{self, SessionOf};
use crate::{Accounts, EmailAddress, SessionToken, SignInContext, SignInError, Username};

/// A session just opened.
#[derive(Debug)]
pub struct SignedIn {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub session: SessionRef,
    /// Its secret.
    pub token: SessionToken,
}

impl Accounts {
    /// Opens a session of the account with this email address or username, if
    /// `password` is its password. Beyond
    /// [`MAX_SESSIONS_PER_ACCOUNT`](crate::MAX_SESSIONS_PER_ACCOUNT) the longest unused
    /// one ends.
    ///
    /// After five wrong passwords a name has to wait 1 minute, then 5, then 60 after
    /// each. The right password from a device that has a valid session of the account,
    /// or from an address that has one, need not.
    ///
    /// # Errors
    /// [`SignInError`]; [`TooMany`](SignInError::TooMany) also for a network that has
    /// too many under way, [`Busy`](SignInError::Busy) also beyond 128 in line under
    /// one name;
    /// [`Refused`](SignInError::Refused) looks and takes the same whether the account
    /// does not exist, is not active, has no password, or has another.
    pub async fn sign_in_with_password(
        &self,
        name: &str,
        password: &str,
        context: SignInContext,
    ) -> Result<SignedIn, SignInError> {
        let opened = self.sign_in_by_password(name, password, &context).await;
        note(&opened);
        let (token, SessionOf { account, session }) = opened?;
        Ok(SignedIn { account, session, token })
    }

    async fn sign_in_by_password(
        &self,
        name: &str,
        password: &str,
        context: &SignInContext,
    ) -> Result<(SessionToken, SessionOf), SignInError> {
        let attempts = &self.0.attempts;
        let place = self.0.hasher.place(Some(context.address))?;
        // Charged now, so that tries at once count like tries in a row. Who hangs up
        // before the end has paid.
        let blocked = attempts.refusals.consume(context.address).err();
        let opened = self.open_in_turn(&place, name, password, context, blocked).await;
        if blocked.is_none() && !matches!(opened, Err(SignInError::Refused)) {
            attempts.refusals.refund(context.address);
        }
        opened
    }

    /// `blocked`: how long the address has to wait, unless it is a known device that tries.
    async fn open_in_turn(
        &self,
        place: &Place<'_>,
        name: &str,
        password: &str,
        context: &SignInContext,
        blocked: Option<Duration>,
    ) -> Result<(SessionToken, SessionOf), SignInError> {
        // Whose device it is shows below.
        if let (Some(wait), None) = (blocked, &context.device) {
            return Err(SignInError::TooMany(wait));
        }
        let device = context.device.as_ref().map(|device| CountedAs::DeviceOf(device.account));
        let _turn = self.0.attempts.turn(device.unwrap_or(CountedAs::Name(name))).await?;
        let person = self.named(name).await?;
        let counted = self.begin_attempt(name, person.as_ref(), context, blocked).await?;
        let opened = self.open_by_password(place, counted, person, password, context).await;
        let names = &self.0.attempts.names;
        match &opened {
            Ok(_) => names.forgive(counted),
            Err(SignInError::Refused) => {}
            Err(_) => names.take_back(counted),
        }
        opened
    }

    /// The account with this email address or username.
    async fn named(&self, name: &str) -> Result<Option<Person>, StorageError> {
        let on = self.0.db.reader();
        if let Ok(email) = name.parse::<EmailAddress>() {
            accounts::find(on, By::Email(&email)).await
        } else if let Ok(username) = name.trim().parse::<Username>() {
            accounts::find(on, By::Username(&username)).await
        } else {
            Ok(None)
        }
    }

    /// Charges the attempt to whom it belongs; gives back what to forgive.
    async fn begin_attempt(
        &self,
        name: &str,
        person: Option<&Person>,
        context: &SignInContext,
        blocked: Option<Duration>,
    ) -> Result<SecretHash, SignInError> {
        let names = &self.0.attempts.names;
        let account = person.map(|person| person.profile.account);
        if let Some(device) = &context.device
            && Some(device.account) == account
        {
            let counted = CountedAs::DeviceOf(device.account).hash();
            names.begin(counted).map_err(SignInError::TooMany)?;
            return Ok(counted);
        }
        if let Some(wait) = blocked {
            return Err(SignInError::TooMany(wait));
        }
        let counted = CountedAs::Name(name).hash();
        let Err(wait) = names.begin(counted) else { return Ok(counted) };
        // Also for nobody's name, so that it takes as long.
        let owner = account.unwrap_or(AccountId(0));
        let cutoff = self.now().minus(SESSION_INACTIVITY);
        let on = self.0.db.reader();
        if !sessions::any_from(on, owner, context.address, cutoff).await? {
            return Err(SignInError::TooMany(wait));
        }
        let counted = CountedAs::KnownAddress(name, context.address).hash();
        names.begin(counted).map_err(SignInError::TooMany)?;
        Ok(counted)
    }

    async fn open_by_password(
        &self,
        place: &Place<'_>,
        counted: SecretHash,
        person: Option<Person>,
        password: &str,
        context: &SignInContext,
    ) -> Result<(SessionToken, SessionOf), SignInError> {
        let stored = person.as_ref().and_then(|person| person.password_hash.clone());
        let verdict = place.verify(Some(counted), password, stored.as_deref()).await?;
        let (Some(person), Some(verified)) = (person, stored) else {
            return Err(SignInError::Refused);
        };
        let rehashed = match verdict {
            Verdict::Wrong => return Err(SignInError::Refused),
            Verdict::Right => None,
            // If there is no time for it now, then at the next sign-in.
            Verdict::RightButOld => place.hash(Some(counted), password).await.ok(),
        };
        let proof = Proof::Password { verified, rehashed };
        self.open_session(person.profile.account, &proof, context).await
    }
}
