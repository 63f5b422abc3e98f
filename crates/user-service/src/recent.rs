//! The recent feed: a read model of the finished pictures of all shards, so that a page asks none of them (R72).
//!
//! The shards are the truth. What changes a picture or a name writes an event with the change; its delivery looks at what is so by
//! then and tells the model, so events may come twice and in any order. The model may vanish: it is then built again from the shards.

mod build;
pub mod compare;
mod tell;
mod truth;

use std::sync::Arc;

use feed::{Engine, Page, Picture, Place};
use model::{
    Code, Error, Result,
    image::{Image, ImageStatus},
    profile::User,
};
use topology::Shards;

pub use build::Built;
pub use compare::Checked;

use crate::config;

/// The feed. Cheap to clone.
#[derive(Clone)]
pub struct Recent(Arc<Inner>);

struct Inner {
    shards: Shards,
    engine: Arc<dyn Engine>,
    settings: config::Feed,
}

/// Why the feed was not told, built or compared.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A shard.
    #[error(transparent)]
    Shard(#[from] store::Error),
    /// The read model.
    #[error(transparent)]
    Feed(#[from] feed::Error),
    /// It vanished while it was built, or another instance has taken over.
    #[error("the feed vanished while it was built, or another instance builds it now")]
    Overtaken,
}

impl Recent {
    /// The feed of these shards in this engine.
    pub fn new(shards: Shards, engine: Arc<dyn Engine>, settings: config::Feed) -> Self {
        Self(Arc::new(Inner { shards, engine, settings }))
    }

    /// The newest pictures older than `before`.
    ///
    /// # Errors
    /// `UNAVAILABLE` while the read model is away or not complete: neither holes nor a join over all shards are shown instead.
    pub async fn page(&self, before: Option<&Place>, limit: usize) -> Result<Page> {
        match self.0.engine.page(before, limit).await {
            Ok(page) if page.complete => Ok(page),
            Ok(_) => Err(Error::new(Code::Unavailable, "The feed is being put together. Try again in a second.")),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a page of the feed cannot be read");
                Err(Error::new(Code::Unavailable, "The feed cannot be read now. Try again in a second."))
            }
        }
    }

    fn most(&self) -> usize {
        self.0.settings.entries as usize
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Shard(error) => error.into(),
            Failure::Feed(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the feed did not answer");
                Self::new(Code::Unavailable, "The feed's store does not answer. Look at it and try again.")
            }
            Failure::Overtaken => Self::new(
                Code::Busy,
                "The feed vanished while it was built, or another instance builds it now. Try again in ten seconds.",
            ),
        }
    }
}

/// What the feed shows of an image: nothing before it is done. Of several variants the first stands for all.
fn picture(image: Image, owner: &User) -> Option<Picture> {
    let variant = image.variants.into_iter().next().filter(|_| image.status == ImageStatus::Done)?;
    let names = feed::Names { version: owner.version, first: owner.first_name.clone(), last: owner.last_name.clone() };
    let place = Place::new(image.created_at_ms, image.user_id, image.id);
    Some(Picture { place, variant: variant.name, key: variant.key, names })
}
