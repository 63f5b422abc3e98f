//! Delivers one event. Twice is as good as once.

use std::sync::Arc;

use model::{ImageId, UserId};
use objects::{Class, Key, Objects};
use queue::{Job, JobQueue};

use super::event::Event;
use crate::{copies::Copies, recent::Recent, store::Recipes};

/// Where events go.
#[derive(Clone)]
pub struct Deliver {
    /// Releases of addresses, invalidations.
    pub recipes: Recipes,
    /// Deletions.
    pub objects: Objects,
    /// What the feed shows.
    pub recent: Recent,
    /// What partitions show.
    pub copies: Copies,
    /// Jobs.
    pub queue: Arc<dyn JobQueue>,
}

/// Why an event stays.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// Try again later, each time later.
    #[error("{0}")]
    Failed(String),
    /// It came back untouched: try again soon, it does not count.
    #[error("the job came back untouched")]
    Untouched,
    /// This program cannot read it; a newer one may.
    #[error("the payload cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl Deliver {
    /// Delivers.
    ///
    /// # Errors
    /// Says whether the failure counts; the row must stay.
    pub async fn deliver(&self, event: Event, now_ms: i64) -> Result<(), Undelivered> {
        match event {
            Event::Job { user_id, image_id, request_id, traceparent } => {
                let job = Job::V1 { user_id, image_id, request_id, traceparent };
                self.queue.publish(job).await.map_err(|error| {
                    if error.counts_as_attempt() {
                        Undelivered::Failed(error.to_string())
                    } else {
                        Undelivered::Untouched
                    }
                })
            }
            Event::ReleaseEmail { email } => self.recipes.release(&email, now_ms).await.map(|_| ()).map_err(failed),
            Event::Invalidate { user_id, version } => self.recipes.invalidate(user_id, version).await.map_err(failed),
            Event::DeleteSource { key } => match Key::parse_source(&key) {
                Some(key) => self.objects.delete(&key).await.map_err(failed),
                None => Ok(()),
            },
            Event::FeedPictures { user_id, pictures } => {
                let pictures = pictures
                    .iter()
                    .filter_map(|picture| Some((ImageId::parse(&picture.image_id)?, picture.created_at_ms)));
                match UserId::new(user_id) {
                    Some(user) => self.look_at(user, pictures.collect(), now_ms).await,
                    None => Ok(()),
                }
            }
            Event::FeedNames { user_id } => match UserId::new(user_id) {
                Some(user) => self.recent.rename(user).await.map_err(failed),
                None => Ok(()),
            },
            Event::DeleteObjects { images } => {
                for image in images.iter().filter_map(|image| ImageId::parse(image)) {
                    for class in Class::ALL {
                        self.objects.delete_image(class, &image).await.map_err(failed)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Tells both read models of pictures. The copies come second: the feed reads the user only by a map that its shard bears out, and a map
    /// as new as that one knows of partitions for as long as they are to be told.
    async fn look_at(&self, user: UserId, pictures: Vec<(ImageId, i64)>, now_ms: i64) -> Result<(), Undelivered> {
        let images: Vec<ImageId> = pictures.iter().map(|(image, _)| image.clone()).collect();
        let told = self.recent.look_at(user, pictures, now_ms).await.map(drop).map_err(failed);
        // Whatever keeps the feed from being told.
        let kept = self.copies.look_at(user, &images, now_ms).await.map_err(failed);
        told.and(kept)
    }
}

fn failed(error: impl std::error::Error) -> Undelivered {
    Undelivered::Failed(error.to_string())
}
