//! Users as the cache keeps them: encoded as they go over the wire, so a hit is not assembled again.

use api::user::v1 as proto;
use bytes::Bytes;
use cache::{Cache, Class, Value, policy};
use model::{Result, UserId, profile::User};
use prost::Message;

/// A live user as the wire has it.
#[derive(Debug, Clone)]
pub struct CachedUser(pub proto::User);

impl Value for CachedUser {
    fn encode(&self) -> Bytes {
        self.0.encode_to_vec().into()
    }

    fn decode(bytes: Bytes) -> Option<Self> {
        proto::User::decode(bytes).ok().map(Self)
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
        L: Future<Output = Result<Option<proto::User>>> + Send,
    {
        let load = || async {
            let user = load().await?;
            Ok(user.map(|user| (user.version, CachedUser(user))))
        };
        Ok(self.0.get_or_load(&id.to_string(), load).await?.map(|found| found.0))
    }

    /// A user, if the cache has it.
    pub async fn get(&self, id: UserId) -> Option<proto::User> {
        self.0.get(&id.to_string()).await.map(|found| found.0)
    }

    /// A user was read or has changed.
    pub async fn keep(&self, user: proto::User) {
        let (id, version) = (user.id.to_string(), user.version);
        self.0.set_if_newer(&id, version, &CachedUser(user)).await;
    }

    /// A user has changed, by a commit that the caller has just seen.
    pub async fn changed(&self, user: &User) {
        self.keep(user.clone().into()).await;
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
