//! Signing in.
//!
//! Claim → user → credentials → Argon2 → session row, which is made only if the user's session epoch is still the one read with the
//! credentials: a password change or "sign out everywhere" in between makes the sign-in look again. An e-mail that nobody has costs
//! the same reads and the same hash, and gets the same answer.

use model::{EmailAddress, SessionId};
use password::{Attempt, Verdict};
use runtime::faults;
use secrecy::SecretString;
use store::Position;

use super::{Sessions, SignedIn};
use crate::domain::origin::Origin;
use crate::domain::repeat::Repeat;
use crate::error::{Error, Result};
use crate::store::{Account, Begun, Made, NewSession};

/// How often the epoch may change under a sign-in before it is given up.
const TRIES: usize = 3;

/// A request to sign in.
pub(crate) struct SignIn {
    pub(crate) email: EmailAddress,
    pub(crate) password: SecretString,
    pub(crate) origin: Origin,
    pub(crate) repeat: Option<Repeat>,
}

impl Sessions {
    /// Signs in.
    pub(crate) async fn sign_in(&self, request: SignIn, now_ms: i64) -> Result<SignedIn> {
        let outcome = match request.repeat {
            None => self.first_time(&request, now_ms).await,
            Some(repeat) => self.with_key(&request, &repeat, now_ms).await,
        };
        self.metrics.sign_in(&outcome);
        outcome
    }

    async fn first_time(&self, request: &SignIn, now_ms: i64) -> Result<SignedIn> {
        let attempt = self.attempts.begin(request.email.normal(), now_ms).await?;
        self.open(request, fresh_id()?, attempt, now_ms).await
    }

    async fn with_key(&self, request: &SignIn, repeat: &Repeat, now_ms: i64) -> Result<SignedIn> {
        if let Some(session) = self.store.recorded(repeat, now_ms).await? {
            return Ok(self.again(session));
        }
        // Before anything is written: what is over the limit costs a read.
        let attempt = self.attempts.begin(request.email.normal(), now_ms).await?;
        let (resume_after_ms, keep_ms) = (self.settings.resume_after_ms, self.settings.idempotency_ms);
        let id = match self.store.begin(repeat, fresh_id()?, now_ms, resume_after_ms, keep_ms).await? {
            Begun::Answered(session) => return Ok(self.again(*session)),
            Begun::Go(id) => id,
        };
        faults::hit("sign-in-after-begin");
        let mut signed_in = match self.open(request, id, attempt, now_ms).await {
            Ok(signed_in) => signed_in,
            Err(error) => {
                self.take_back(repeat, id, &error, now_ms).await;
                return Err(error);
            }
        };
        faults::hit("sign-in-after-session");
        match self.store.finish(repeat, id, signed_in.session.clone()).await {
            Ok(position) => signed_in.positions.push(position),
            Err(error) => {
                self.store.let_go(repeat, id, now_ms).await;
                return Err(error);
            }
        }
        Ok(signed_in)
    }

    /// An outcome that is not to be repeated leaves no record; one in doubt leaves it, and a repeat goes on from there at once.
    async fn take_back(&self, repeat: &Repeat, id: SessionId, cause: &Error, now_ms: i64) {
        if !cause.is_certain() {
            self.store.let_go(repeat, id, now_ms).await;
        } else if let Err(error) = self.store.forget(repeat, id).await {
            tracing::warn!(%error, "the record of a refused sign-in stays until it is resumed");
        }
    }

    fn again(&self, session: model::session::Session) -> SignedIn {
        let token = self.keys.mint(session.user_id, session.id);
        SignedIn { session, token, replayed: true, positions: Vec::new() }
    }

    async fn open(&self, request: &SignIn, id: SessionId, attempt: Attempt, now_ms: i64) -> Result<SignedIn> {
        let mut verified: Option<(String, Verdict)> = None;
        for _ in 0..TRIES {
            let account = self.store.account(&request.email).await?;
            let verdict = match (&account, &verified) {
                (Some(account), Some((phc, verdict))) if account.phc == *phc => *verdict,
                (Some(account), _) => self.hasher.verify(&account.phc, request.password.clone()).await?,
                (None, _) => self.hasher.verify_dummy(request.password.clone()).await?,
            };
            let Some(account) = account.filter(|_| verdict.ok) else {
                attempt.wrong(now_ms);
                return Err(Error::BadCredentials);
            };
            let (user, epoch) = (account.user, account.session_epoch);
            let new = NewSession { id, user, epoch, origin: request.origin.clone() };
            match self.store.make(new, self.settings.lifetime(), self.settings.per_user, now_ms).await? {
                Made::Session { session, ended, position } => {
                    self.forget(user, &ended).await;
                    if verdict.needs_rehash {
                        self.rehash(account, request.password.clone()).await;
                    }
                    return Ok(self.opened(session, position));
                }
                Made::Outrun => verified = Some((account.phc, verdict)),
            }
        }
        Err(Error::Contended)
    }

    fn opened(&self, session: model::session::Session, position: Position) -> SignedIn {
        let token = self.keys.mint(session.user_id, session.id);
        tracing::info!(user.id = session.user_id.get(), "signed in");
        SignedIn { session, token, replayed: false, positions: vec![position] }
    }

    /// Raises a hash to today's parameters. Where that fails the next sign-in tries again.
    async fn rehash(&self, account: Account, password: SecretString) {
        let stored = match self.hasher.hash(password).await {
            Ok(stronger) => self.store.rehash(account.user, account.phc, stronger).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = stored {
            tracing::warn!(%error, user.id = account.user.get(), "a password hash was not raised");
        }
    }
}

fn fresh_id() -> Result<SessionId> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    Ok(SessionId(id))
}
