//! Whether users' partitions have copies of all their finished pictures, and of nothing else.

use std::collections::BTreeSet;

use model::{Bucket, ImageId, UserId};
use store::tables::images::{self, ImageRow};
use store::{Engine, Primary};
use topology::{Partitions, Place, Topology};

use super::verify::{Engines, Findings};
use crate::error::Result;

/// Rows of a page: as many as are found by their ids at once.
const PAGE: u32 = 64;

/// Compares every partition that is read from with its user's own bucket, but while one of them moves.
pub(super) async fn look(
    topology: &Topology,
    engines: &Engines,
    moving: &BTreeSet<Bucket>,
    findings: &mut Findings,
) -> Result<()> {
    for (user, partitions) in topology.partitions() {
        let Some(user) = UserId::new(user) else { continue };
        let home = topology.locate(user);
        if !partitions.shown || partitions.iter().chain([home.bucket]).any(|bucket| moving.contains(&bucket)) {
            continue;
        }
        let sides = Sides { topology, engines, user, home, partitions };
        for bucket in partitions.iter() {
            sides.left_over(bucket, findings).await?;
        }
        sides.missing(findings).await?;
    }
    Ok(())
}

struct Sides<'l> {
    topology: &'l Topology,
    engines: &'l Engines,
    user: UserId,
    home: Place,
    partitions: &'l Partitions,
}

impl Sides<'_> {
    /// Copies of what is not there, or not so.
    async fn left_over(&self, bucket: Bucket, findings: &mut Findings) -> Result<()> {
        let Some(engine) = self.engine(bucket) else { return Ok(()) };
        let mut before: Option<ImageId> = None;
        loop {
            let page = images::page(&mut Primary(engine), bucket, self.user, before.as_ref(), false, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.image.id.clone());
            findings.copies += page.len() as u64;
            let there = self.find(self.home.bucket, &page).await?;
            for copy in &page {
                let id = &copy.image.id;
                match there.iter().find(|row| row.image.id == *id) {
                    _ if self.partitions.of(id) != bucket => self.tell(findings, id, bucket, "is not to be"),
                    None => self.tell(findings, id, bucket, "is no longer to be"),
                    Some(row) if row != copy => self.tell(findings, id, bucket, "is not as the user has it"),
                    Some(_) => {}
                }
            }
        }
    }

    /// Finished pictures without a copy.
    async fn missing(&self, findings: &mut Findings) -> Result<()> {
        let Some(engine) = self.engine(self.home.bucket) else { return Ok(()) };
        let mut before: Option<ImageId> = None;
        loop {
            let page =
                images::page(&mut Primary(engine), self.home.bucket, self.user, before.as_ref(), true, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.image.id.clone());
            for bucket in self.partitions.iter() {
                let own: Vec<ImageRow> =
                    page.iter().filter(|row| self.partitions.of(&row.image.id) == bucket).cloned().collect();
                let there = self.find(bucket, &own).await?;
                for row in own.iter().filter(|row| there.iter().all(|copy| copy.image.id != row.image.id)) {
                    self.tell(findings, &row.image.id, bucket, "is missing");
                }
            }
        }
    }

    /// Those of the rows that are in a bucket.
    async fn find(&self, bucket: Bucket, of: &[ImageRow]) -> Result<Vec<ImageRow>> {
        let Some(engine) = self.engine(bucket) else { return Ok(Vec::new()) };
        let ids: Vec<ImageId> = of.iter().map(|row| row.image.id.clone()).collect();
        let found = images::find(&mut Primary(engine), &ids).await?;
        Ok(found.into_iter().filter(|(there, _)| *there == bucket).map(|(_, row)| row).collect())
    }

    fn engine(&self, bucket: Bucket) -> Option<&dyn Engine> {
        let place = self.topology.place_of(bucket)?;
        self.engines.get(&place.shard.0).map(|engine| &**engine)
    }

    fn tell(&self, findings: &mut Findings, id: &ImageId, bucket: Bucket, what: &str) {
        findings
            .tell_drift(format!("picture {id} of user {} {what} in its partition, bucket {bucket}", self.user.get()));
    }
}
