//! Comparing the feed with the shards: what differs, and goes on to differ for longer than events may take, is drift.

use std::{collections::BTreeMap, time::Duration};

use feed::Place;
use model::Error;
use tokio::time::Instant;

use super::{
    Failure, Recent,
    truth::{Scan, print},
};

/// Pictures in one look at the feed.
const PAGE: usize = 500;

/// How a picture differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The shards have it, the feed does not.
    Missing,
    /// The feed has it, the shards do not.
    LeftOver,
    /// Both have it, with other names, another variant or another key.
    Different,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Pictures in the feed.
    pub pictures: usize,
    /// Whether the feed can be shown.
    pub complete: bool,
    /// What differs.
    pub differences: BTreeMap<Place, Kind>,
}

impl Recent {
    /// Compares the feed with the shards. Takes as long as `feed.drift_ms` where something differs, since events may be on their way.
    ///
    /// # Errors
    /// `UNAVAILABLE` where a shard or the feed does not answer.
    pub async fn check(&self) -> Result<Checked, Error> {
        let drift = Duration::from_millis(self.0.settings.drift_ms.into());
        let until = Instant::now() + drift;
        let mut checked = self.compare().await?;
        while !checked.differences.is_empty() && Instant::now() < until {
            tokio::time::sleep_until(until.min(Instant::now() + drift / 2)).await;
            let next = self.compare().await?;
            let mut lasting = checked.differences;
            lasting.retain(|place, kind| next.differences.get(place) == Some(kind));
            checked = Checked { differences: lasting, ..next };
        }
        Ok(checked)
    }

    async fn compare(&self) -> Result<Checked, Failure> {
        let mut scan = Scan::of(&self.0.shards, self.most())?;
        while scan.next().await?.is_some() {}
        let truth = scan.truth();
        let mut floor = truth.floor();
        let mut prints = truth.prints();
        let (mut pictures, mut before, mut differences) = (0, None, BTreeMap::new());
        let complete = loop {
            let page = self.0.engine.page(before.as_ref(), PAGE).await?;
            pictures += page.pictures.len();
            floor = floor.max(page.floor);
            for picture in &page.pictures {
                match prints.remove(&picture.place) {
                    Some(known) if known == print(picture) => {}
                    Some(_) => drop(differences.insert(picture.place.clone(), Kind::Different)),
                    None => drop(differences.insert(picture.place.clone(), Kind::LeftOver)),
                }
            }
            before = page.pictures.into_iter().next_back().map(|picture| picture.place);
            if !page.more || before.is_none() {
                break page.complete;
            }
        };
        differences.extend(prints.into_keys().map(|place| (place, Kind::Missing)));
        // Further down neither of the two claims to be whole.
        differences.retain(|place, _| floor.as_ref().is_none_or(|floor| place > floor));
        Ok(Checked { pictures, complete, differences })
    }
}
