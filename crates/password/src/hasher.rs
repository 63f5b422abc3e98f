//! Hash, verify, and pretend to verify.

use std::sync::Arc;
use std::{fmt, io};

use secrecy::SecretString;

use crate::phc::{Recipe, SALT_BYTES};
use crate::pool::Pool;
use crate::{Error, Settings};

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The password is right.
    pub ok: bool,
    /// The password is right and its hash is below today's parameters: hash it again and store that.
    pub needs_rehash: bool,
}

/// The password hasher. Cheap to clone; all clones share one pool, which ends with the last of them.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    settings: Settings,
    pool: Pool,
    dummy: Recipe,
}

impl Hasher {
    /// Starts the pool. Settings below the floor are refused.
    pub fn new(settings: Settings) -> io::Result<Self> {
        settings.validate().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let dummy = Recipe::new(&settings, &[0x5c; SALT_BYTES]).map_err(io::Error::other)?;
        let pool = Pool::start(&settings)?;
        Ok(Self(Arc::new(Inner { settings, pool, dummy })))
    }

    /// Hashes a new password with a fresh salt. The answer is a PHC string to store.
    pub async fn hash(&self, password: SecretString) -> Result<String, Error> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| Error::Failed(error.to_string()))?;
        let recipe = Recipe::new(&self.0.settings, &salt)?;
        let hash = self.0.pool.run(recipe.clone(), password).await?;
        recipe.to_phc(hash)
    }

    /// Checks a password against a stored PHC string, with the parameters that the string names.
    pub async fn verify(&self, phc: &str, password: SecretString) -> Result<Verdict, Error> {
        let (recipe, stored) = Recipe::parse(phc)?;
        let below = recipe.is_below(&self.0.settings);
        // `Output` compares in constant time.
        let ok = self.0.pool.run(recipe, password).await? == stored;
        Ok(Verdict { ok, needs_rehash: ok && below })
    }

    /// The work of checking a password where there is none to check against. Never right.
    pub async fn verify_dummy(&self, password: SecretString) -> Result<Verdict, Error> {
        self.0.pool.run(self.0.dummy.clone(), password).await?;
        Ok(Verdict { ok: false, needs_rehash: false })
    }

    /// Hashes done since the start, of all three kinds.
    pub fn hashes(&self) -> u64 {
        self.0.pool.hashes()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
