//! Reads of a celebrity's finished pictures: of the copies in its partitions, which may lie on several shards, all asked at once.

use api::position::Position;
use model::{Bucket, ImageId, Result, UserId, image::Image};
use store::tables::images;
use tokio::task::JoinSet;
use topology::{Partitions, Shards};

use super::{Page, Recipes, report_job::JobOf};
use crate::{domain::merge::Merge, metrics};

/// A picture, in the order of ids.
struct ById(Image);

impl Recipes {
    /// The partitions that a caller who has seen `seen` of its own writes may be shown a user's pictures from. None where it has written on
    /// the user's shard: copies may be late, and their shards do not know how late.
    fn partitions(&self, user: UserId, seen: &[Position]) -> Option<Partitions> {
        let topology = self.shards().topology();
        let partitions = topology.partitions_of(user).filter(|partitions| partitions.shown)?;
        let home = topology.locate(user).shard;
        seen.iter().all(|position| position.shard != home).then(|| partitions.clone())
    }

    /// A copy of a finished picture. None: it is to be looked for where the user is.
    pub(super) async fn copy_of(&self, of: &JobOf, seen: &[Position]) -> Option<Image> {
        let bucket = self.partitions(of.user, seen)?.of(&of.image);
        let found = async {
            let mut shown = self.shards().show(bucket, seen).await?;
            images::get(&mut shown.read, bucket, of.user, &of.image).await
        };
        match found.await {
            Ok(row) => {
                metrics::partition_read(if row.is_some() { "copy" } else { "missed" });
                row.map(|row| row.image)
            }
            Err(error) => {
                fell_back(&error);
                None
            }
        }
    }

    /// A page of a user's finished pictures from its partitions. None: it is to be read where the user is.
    pub(super) async fn copies_of(
        &self,
        user: UserId,
        before: Option<&ImageId>,
        limit: usize,
        seen: &[Position],
    ) -> Option<Page<Image>> {
        let partitions = self.partitions(user, seen)?;
        match merged(self.shards(), user, &partitions, before, limit + 1, seen).await {
            Ok(rows) => {
                metrics::partition_read("copy");
                Some(Page::cut(rows, limit))
            }
            Err(error) => {
                fell_back(&error);
                None
            }
        }
    }
}

/// A shard of the copies is away or slow: the one of the user has all of it too.
fn fell_back(error: &(dyn std::error::Error + 'static)) {
    metrics::partition_read("failed");
    tracing::debug!(error, "a partition cannot be read; the user's own bucket is");
}

/// The newest pictures of all partitions together, older than `before`, at most `wanted`.
async fn merged(
    shards: &Shards,
    user: UserId,
    partitions: &Partitions,
    before: Option<&ImageId>,
    wanted: usize,
    seen: &[Position],
) -> Result<Vec<Image>> {
    let buckets: Vec<Bucket> = partitions.iter().collect();
    let mut merge: Merge<ById> = Merge::new(buckets.len(), wanted);
    let asked = merge.share();
    loop {
        let lacking = merge.lacking().into_iter();
        let next: Vec<(usize, Option<ImageId>)> =
            lacking.map(|(list, last)| (list, last.map(|last| &last.0.id).or(before).cloned())).collect();
        if next.is_empty() {
            return Ok(merge.merged().into_iter().map(|picture| picture.0).collect());
        }
        let mut reading = JoinSet::new();
        for (list, from) in next {
            let (shards, bucket, seen) = (shards.clone(), buckets[list], seen.to_vec());
            reading.spawn(async move {
                let mut shown = shards.show(bucket, &seen).await?;
                let limit = u32::try_from(asked).unwrap_or(u32::MAX);
                let rows = images::page(&mut shown.read, bucket, user, from.as_ref(), true, limit).await?;
                Ok::<_, store::Error>((list, rows))
            });
        }
        while let Some(read) = reading.join_next().await {
            let (list, rows) = read.map_err(|_| model::Error::internal())??;
            merge.add(list, rows.into_iter().map(|row| ById(row.image)).collect(), asked);
        }
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}
