//! PHC strings: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`, and the one computation behind them.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use secrecy::zeroize::Zeroizing;

use crate::settings::MEMORY_CEILING_KIB;
use crate::{Error, Settings};

pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const HASH_BYTES: usize = 32;
const HASH_BYTES_MAX: usize = 64;

/// What goes into a hash besides the password.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    params: Params,
    salt: Salt,
    hash_bytes: usize,
}

impl Recipe {
    /// Today's parameters with a salt.
    pub(crate) fn new(settings: &Settings, salt: &[u8; SALT_BYTES]) -> Result<Self, Error> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, Some(HASH_BYTES))
            .map_err(|error| Error::Failed(error.to_string()))?;
        let salt = Salt::new(salt).map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Self { params, salt, hash_bytes: HASH_BYTES })
    }

    /// What a stored hash was made with, and the hash.
    pub(crate) fn parse(phc: &str) -> Result<(Self, Output), Error> {
        let wrong = |what: &str| Error::Stored(what.to_owned());
        let stored = PasswordHash::new(phc).map_err(|_| wrong("not a PHC string"))?;
        if stored.algorithm != ARGON2ID_IDENT || stored.version != Some(Version::V0x13.into()) {
            return Err(wrong("not Argon2id version 19"));
        }
        let params = Params::try_from(&stored).map_err(|_| wrong("bad parameters"))?;
        if params.m_cost() > MEMORY_CEILING_KIB {
            return Err(wrong("asks for more than 1 GiB"));
        }
        let (Some(salt), Some(hash)) = (stored.salt, stored.hash) else {
            return Err(wrong("salt or hash is missing"));
        };
        Ok((Self { params, salt, hash_bytes: hash.len() }, hash))
    }

    /// Whether today's parameters ask for more than this recipe.
    pub(crate) fn is_below(&self, settings: &Settings) -> bool {
        self.params.m_cost() < settings.memory_kib
            || self.params.t_cost() < settings.passes
            || self.hash_bytes < HASH_BYTES
            || self.salt.len() < SALT_BYTES
    }

    /// Hashes. `memory` grows to what the recipe needs and is meant to be used again.
    pub(crate) fn run(&self, password: &[u8], memory: &mut Vec<Block>) -> Result<Output, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
        let blocks = self.params.block_count();
        if memory.len() < blocks {
            memory.try_reserve_exact(blocks - memory.len()).map_err(|error| failed(&error))?;
            memory.resize(blocks, Block::new());
        }
        let mut hash = Zeroizing::new([0; HASH_BYTES_MAX]);
        let hash = &mut hash[..self.hash_bytes];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
            .hash_password_into_with_memory(password, &self.salt, hash, &mut memory[..blocks])
            .map_err(|error| failed(&error))?;
        Output::new(hash).map_err(|error| failed(&error))
    }

    /// The text to store.
    pub(crate) fn to_phc(&self, hash: Output) -> Result<String, Error> {
        let params = ParamsString::try_from(&self.params).map_err(|error| Error::Failed(error.to_string()))?;
        let (algorithm, version) = (ARGON2ID_IDENT, Some(Version::V0x13.into()));
        Ok(PasswordHash { algorithm, version, params, salt: Some(self.salt), hash: Some(hash) }.to_string())
    }
}
