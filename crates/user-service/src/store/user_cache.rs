//! Users as the cache keeps them: encoded as they go over the wire, so a hit is not assembled again, after a mark that says up to
//! where in the shard's log the copy knows.

use api::user::v1 as proto;
use bytes::{Buf, BufMut, Bytes};
use cache::{Cache, Class, Value, policy};
use model::{Bucket, Epoch, Result, ShardId, UserId, profile::User};
use prost::Message;
use store::Ownership;
use topology::Mark;

/// A live user as the wire has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedUser {
    /// The user.
    pub user: proto::User,
    /// What the copy knows; none where that was not known when it was made.
    pub mark: Option<Mark>,
}

/// No user's bytes begin so: what another release has kept is a miss.
const UNMARKED: u8 = 0;
const MARKED: u8 = 1;

impl Value for CachedUser {
    fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(48 + self.user.encoded_len());
        match self.mark {
            None => bytes.put_u8(UNMARKED),
            Some(mark) => {
                bytes.put_u8(MARKED);
                bytes.put_u32(mark.own.bucket.0);
                bytes.put_u64(mark.own.epoch.0);
                bytes.put_u32(mark.shard.0);
                bytes.put_u64(mark.role_epoch);
                bytes.put_u64(mark.up_to);
                bytes.put_u64(mark.made_at);
            }
        }
        // Only where it is out of room, which a vector never is.
        let _ = self.user.encode(&mut bytes);
        bytes.into()
    }

    fn decode(mut bytes: Bytes) -> Option<Self> {
        let mark = match bytes.try_get_u8().ok()? {
            UNMARKED => None,
            MARKED => Some(Mark {
                own: Ownership { bucket: Bucket(bytes.try_get_u32().ok()?), epoch: Epoch(bytes.try_get_u64().ok()?) },
                shard: ShardId(bytes.try_get_u32().ok()?),
                role_epoch: bytes.try_get_u64().ok()?,
                up_to: bytes.try_get_u64().ok()?,
                made_at: bytes.try_get_u64().ok()?,
            }),
            _ => return None,
        };
        Some(Self { user: proto::User::decode(bytes).ok()?, mark })
    }
}

/// The class of users.
#[derive(Clone)]
pub struct UserCache(Class<CachedUser>);

impl UserCache {
    /// The class in a cache.
    pub fn new(cache: &Cache) -> Self {
        Self(cache.class(policy::USER))
    }

    /// A user, from the cache or by `load`.
    pub async fn get_or_load<F, L>(&self, id: UserId, load: F) -> Result<Option<proto::User>>
    where
        F: FnOnce() -> L + Send,
        L: Future<Output = Result<Option<CachedUser>>> + Send,
    {
        let load = || async {
            let found = load().await?;
            Ok(found.map(|found| (found.user.version, found)))
        };
        Ok(self.0.get_or_load(&id.to_string(), load).await?.map(|found| found.user))
    }

    /// A user, if the cache has it.
    pub async fn get(&self, id: UserId) -> Option<CachedUser> {
        self.0.get(&id.to_string()).await
    }

    /// A user was read or has changed.
    pub async fn keep(&self, found: &CachedUser) {
        self.0.set_if_newer(&found.user.id.to_string(), found.user.version, found).await;
    }

    /// A user has changed, by a commit that the caller has just seen.
    pub async fn changed(&self, user: &User, mark: Option<Mark>) {
        self.keep(&CachedUser { user: user.clone().into(), mark }).await;
    }

    /// A user has a newer version than the cache may know.
    pub async fn invalidate(&self, id: u64, version: u64) -> std::result::Result<(), cache::Error> {
        self.0.invalidate(&id.to_string(), version).await
    }

    /// A user was deleted.
    pub async fn deleted(&self, id: UserId, version: u64) {
        // A cache that does not answer is told again by the outbox.
        if let Err(error) = self.0.forget(&id.to_string(), version).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                user.id = id.get(),
                "the cache was not told of a deletion"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_survives_the_round_trip_with_its_mark_and_others_bytes_are_a_miss() {
        let user = proto::User { id: 7, version: 3, first_name: "John".to_owned(), ..proto::User::default() };
        let own = Ownership { bucket: Bucket(7), epoch: Epoch(2) };
        let mark = Mark { own, shard: ShardId(1), role_epoch: 5, up_to: u64::MAX, made_at: 9 };
        for mark in [None, Some(mark)] {
            let kept = CachedUser { user: user.clone(), mark };
            assert_eq!(CachedUser::decode(kept.encode()), Some(kept));
        }
        assert_eq!(CachedUser::decode(user.encode_to_vec().into()), None);
        assert_eq!(CachedUser::decode(Bytes::new()), None);
        assert_eq!(CachedUser::decode(Bytes::from_static(&[MARKED, 0, 0])), None);
    }
}
