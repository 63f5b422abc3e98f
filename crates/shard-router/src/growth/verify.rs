//! Whether the shards together are the whole: every bucket with one owner, as the map says; rows only where their bucket is; every
//! user's e-mail claimed for it and every claim with its user; the copies in users' partitions like what they are copies of.
//!
//! Done on the living system: what seems wrong is looked at once more before it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{Bucket, UserId};
use store::tables::bucket_owner::{self, OwnerRow};
use store::tables::{email_claims, users};
use store::{Engine, Primary, Row, transfer};
use topology::Topology;

use super::{Growth, copies};
use crate::error::Result;
use crate::store::moves;

/// More faults than this are not told.
const MOST: usize = 1000;
/// Rows of a page.
const PAGE: u32 = 512;
/// How long what moves has for arriving before it is looked at again.
const AGAIN: Duration = Duration::from_millis(300);
/// How much longer copies have: what makes them may have been put off.
const DRIFT: Duration = Duration::from_secs(2);

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What is wrong, in sentences.
    pub(crate) faults: BTreeSet<String>,
    /// Buckets looked at.
    pub(crate) buckets: usize,
    /// Rows looked at, without copies.
    pub(crate) rows: u64,
    /// Copies in users' partitions.
    pub(crate) copies: u64,
    /// What is wrong with them, in sentences.
    drift: BTreeSet<String>,
}

pub(super) type Engines = BTreeMap<u32, Arc<dyn Engine>>;

impl Growth {
    /// Looks at every shard; `deep` reads every user and every claim. What is told was found twice.
    pub(crate) async fn verify(&self, deep: bool) -> Result<Findings> {
        let mut first = self.look(deep).await?;
        for wait in [AGAIN, DRIFT] {
            if (wait == AGAIN && !first.faults.is_empty()) || !first.drift.is_empty() {
                tokio::time::sleep(wait).await;
                let next = self.look(deep).await?;
                first.faults.retain(|fault| next.faults.contains(fault));
                first.drift.retain(|fault| next.drift.contains(fault));
            }
        }
        first.faults.append(&mut first.drift);
        Ok(first)
    }

    async fn look(&self, deep: bool) -> Result<Findings> {
        self.catalog.catch_up().await?;
        let topology = self.topology();
        let open = moves::open_now(self.catalog.engine()).await?;
        // Buckets that are between two owner rows for a moment, and those whose old rows are still there.
        let moving = moves::buckets_of(&open);
        let mut engines = Engines::new();
        for info in topology.live_shards() {
            engines.insert(info.id, self.mover.engine(info.id).await?);
        }
        let mut findings = Findings { buckets: topology.places().count(), ..Findings::default() };
        owners(&topology, &engines, &moving, &mut findings).await?;
        strays(&topology, &engines, &moving, &mut findings).await?;
        copies::look(&topology, &engines, &moving, &mut findings).await?;
        if deep {
            claims_and_users(&topology, &engines, &moving, &mut findings).await?;
        }
        Ok(findings)
    }
}

impl Findings {
    fn tell(&mut self, fault: String) {
        if self.faults.len() < MOST {
            self.faults.insert(fault);
        }
    }

    pub(super) fn tell_drift(&mut self, fault: String) {
        if self.drift.len() < MOST {
            self.drift.insert(fault);
        }
    }
}

/// Every bucket is owned by the shard that the map names, in its epoch, and by no other.
async fn owners(
    topology: &Topology,
    engines: &Engines,
    moving: &BTreeSet<Bucket>,
    findings: &mut Findings,
) -> Result<()> {
    for (id, engine) in engines {
        let name = engine.name();
        let rows = bucket_owner::all(&mut Primary(&**engine)).await?;
        let rows: BTreeMap<Bucket, OwnerRow> = rows.into_iter().map(|row| (row.bucket, row)).collect();
        for place in topology.places().filter(|place| place.shard.0 == *id && !moving.contains(&place.bucket)) {
            let right = rows.get(&place.bucket).is_some_and(|row| row.epoch == place.epoch && row.state.takes_writes());
            if !right {
                findings.tell(format!(
                    "{name} should own bucket {} in epoch {}; its row: {:?}",
                    place.bucket,
                    place.epoch.0,
                    rows.get(&place.bucket).map(|row| (row.state, row.epoch.0))
                ));
            }
        }
        for row in rows.values().filter(|row| row.state.takes_writes() && !moving.contains(&row.bucket)) {
            if topology.place_of(row.bucket).is_none_or(|place| place.shard.0 != *id) {
                findings.tell(format!("{name} takes writes for bucket {}, which is another shard's", row.bucket));
            }
        }
    }
    Ok(())
}

/// No shard has rows of a bucket that is another's, but while it moves.
async fn strays(
    topology: &Topology,
    engines: &Engines,
    moving: &BTreeSet<Bucket>,
    findings: &mut Findings,
) -> Result<()> {
    let copies: BTreeSet<Bucket> = topology.partitions().flat_map(|(_, partitions)| partitions.iter()).collect();
    for (id, engine) in engines {
        for (bucket, rows) in transfer::by_bucket(&**engine).await? {
            let owned = topology.place_of(bucket).is_some_and(|place| place.shard.0 == *id);
            if owned {
                findings.rows += if copies.contains(&bucket) { 0 } else { rows };
            } else if !moving.contains(&bucket) {
                findings
                    .tell(format!("{} holds {rows} rows of bucket {bucket}, which is another shard's", engine.name()));
            }
        }
    }
    Ok(())
}

/// A confirmed claim has a live user with this e-mail, a live user has a confirmed claim. E-mails are not told, ids are.
async fn claims_and_users(
    topology: &Topology,
    engines: &Engines,
    moving: &BTreeSet<Bucket>,
    findings: &mut Findings,
) -> Result<()> {
    let mut claimed: BTreeMap<UserId, Vec<String>> = BTreeMap::new();
    for place in topology.places() {
        let Some(engine) = engines.get(&place.shard.0) else { continue };
        for row in all_rows(&**engine, &email_claims::TABLE, place.bucket).await? {
            let Some(claim) = readable(email_claims::decode(&row), "email_claims", place.bucket, findings) else {
                continue;
            };
            if claim.state == email_claims::State::Confirmed {
                claimed.entry(claim.user_id).or_default().push(claim.email);
            }
        }
    }
    for place in topology.places() {
        let Some(engine) = engines.get(&place.shard.0) else { continue };
        for row in all_rows(&**engine, &users::TABLE, place.bucket).await? {
            let Some(user) = readable(users::decode(&row), "users", place.bucket, findings) else { continue };
            if topology.bucket_of(user.user.id) != place.bucket {
                // Left behind by a user that has just got another bucket.
                if moving.contains(&place.bucket) {
                    continue;
                }
                findings.tell(format!(
                    "user {} lies in bucket {}, which is not its own",
                    user.user.id.get(),
                    place.bucket
                ));
            }
            if user.state != users::State::Live {
                continue;
            }
            match claimed.remove(&user.user.id) {
                None => findings.tell(format!("user {} is live and no e-mail is claimed for it", user.user.id.get())),
                Some(emails) if emails == [user.email_normal.as_str()] => {}
                Some(emails) => findings.tell(format!(
                    "{} e-mails are claimed for user {}, not only the one it has",
                    emails.len(),
                    user.user.id.get()
                )),
            }
        }
    }
    for user in claimed.into_keys() {
        findings.tell(format!("an e-mail is claimed for user {}, who is not there", user.get()));
    }
    Ok(())
}

/// A row that cannot be read is a fault like others, not the end of the look.
fn readable<T>(row: store::Result<T>, table: &str, bucket: Bucket, findings: &mut Findings) -> Option<T> {
    row.inspect_err(|error| findings.tell(format!("a row of {table} in bucket {bucket} cannot be read: {error}"))).ok()
}

async fn all_rows(engine: &dyn Engine, table: &'static store::schema::Table, bucket: Bucket) -> Result<Vec<Row>> {
    let mut page = transfer::first_pages(engine, table, &[bucket], PAGE).await?.remove(&bucket).unwrap_or_default();
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let ended = page.len() < PAGE as usize;
        rows.append(&mut page);
        match rows.last() {
            Some(last) if !ended => page = transfer::next_page(engine, table, bucket, last, PAGE).await?,
            _ => return Ok(rows),
        }
    }
}
