//! Building the feed from the shards, by one instance at a time, while events go on telling it of changes.

use std::{collections::HashMap, time::Duration};

use model::{Code, Error, time::now_ms};
use runtime::shutdown::Shutdown;
use uuid::Uuid;

use super::{Failure, Recent, truth::Scan};
use crate::metrics;

/// A builder that was not heard of for so long has died: longer than any one page of its work takes.
const LEASE: Duration = Duration::from_secs(10);

/// Pictures in one look at the feed.
const PAGE: usize = 500;

/// What a build came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Pictures that the shards have for the feed.
    pub pictures: usize,
    /// Pictures that were taken away because the shards do not have them.
    pub removed: usize,
}

impl Recent {
    /// Builds the feed again, as an operator asks for it.
    ///
    /// # Errors
    /// `BUSY` where another build is under way; `UNAVAILABLE` where a shard or the feed does not answer.
    pub async fn rebuild(&self) -> Result<Built, Error> {
        let busy = || Error::new(Code::Busy, "The feed is being built at this moment. Try again in ten seconds.");
        self.build().await?.ok_or_else(busy)
    }

    /// Sees to it that the feed is there, until the process stops.
    pub async fn keep(self, shutdown: Shutdown) {
        let every = Duration::from_millis(self.0.settings.look_ms.into());
        let looking = async {
            loop {
                self.look().await;
                tokio::time::sleep(every).await;
            }
        };
        // A build that is cut off is not finished by anybody; another instance, or the next start, begins it anew.
        let _ = shutdown.soft.run_until_cancelled(looking).await;
    }

    async fn look(&self) {
        let page = self.0.engine.page(None, 0).await;
        let complete = page.as_ref().is_ok_and(|page| page.complete);
        metrics::feed_complete(complete);
        // Where the engine is away, it says so itself; there is nothing to build in.
        if complete || page.is_err() {
            return;
        }
        match self.build().await {
            Ok(Some(built)) => {
                metrics::feed_build("built");
                metrics::feed_complete(true);
                tracing::info!(pictures = built.pictures, "the recent feed was built from the shards");
            }
            Ok(None) => metrics::feed_build("left"),
            Err(failure) => {
                metrics::feed_build("failed");
                tracing::warn!(error = &failure as &dyn std::error::Error, "the recent feed cannot be built now");
            }
        }
    }

    /// None where another build is under way.
    async fn build(&self) -> Result<Option<Built>, Failure> {
        let builder = Uuid::new_v4().simple().to_string();
        if !self.0.engine.begin(&builder, LEASE).await? {
            return Ok(None);
        }
        // What was read may be outdated when it is told. The feed refuses what was removed meanwhile, and older names.
        let mut scan = Scan::of(&self.0.shards, self.most())?;
        while let Some(pictures) = scan.next().await? {
            self.0.engine.put(&pictures, now_ms()).await?;
            self.go_on(&builder).await?;
        }
        let truth = scan.truth();
        let (floor, pictures, mut removed, mut before) = (truth.floor(), truth.len(), 0, None);
        loop {
            let page = self.0.engine.page(before.as_ref(), PAGE).await?;
            let mut doubtful: HashMap<_, Vec<_>> = HashMap::new();
            for picture in &page.pictures {
                let place = &picture.place;
                if !truth.has(place) && floor.as_ref().is_none_or(|floor| place > floor) {
                    doubtful.entry(place.user()).or_default().push((place.image().clone(), place.created_at_ms()));
                }
            }
            // Left over, or finished since it was read: its shard says which.
            for (user, named) in doubtful {
                removed += self.look_at(user, named, now_ms()).await?;
                self.go_on(&builder).await?;
            }
            before = page.pictures.into_iter().next_back().map(|picture| picture.place);
            if !page.more || before.is_none() {
                break;
            }
        }
        if !self.0.engine.finish(&builder, floor.as_ref()).await? {
            return Err(Failure::Overtaken);
        }
        Ok(Some(Built { pictures, removed }))
    }

    async fn go_on(&self, builder: &str) -> Result<(), Failure> {
        if self.0.engine.renew(builder, LEASE).await? { Ok(()) } else { Err(Failure::Overtaken) }
    }
}
