//! Users who are nobody, to try growth with: each has an account, a password that nobody knows, a claim on an e-mail, a session that nobody
//! has the token of, and a picture that failed.
//!
//! Rows go straight to the shards, many in a statement, under the owner rows of their buckets. A seeding that ends early leaves claims that
//! the sweeper settles like those of any sign-up.

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::time::now_ms;
use model::{Bucket, Epoch, UserId};
use store::schema::Table;
use store::tables::bucket_owner::{self, OwnerRow, State};
use store::tables::{credentials, email_claims, images, sessions, users};
use store::{Engine, Lock, Row, Value, transact, transfer};
use topology::{Place, Topology};

use super::Growth;
use crate::error::{Error, Result};

/// Users of one transaction, about.
const PAGE: usize = 512;

/// What is written of each user, in this order: a claim is reserved before there is a user, and confirmed after.
type Make = fn(UserId, i64) -> Vec<Value>;
const RESERVED: [(&Table, Make); 1] = [(&email_claims::TABLE, rows::reserved)];
const OWN: [(&Table, Make); 4] = [
    (&users::TABLE, rows::user),
    (&credentials::TABLE, rows::password),
    (&sessions::TABLE, rows::session),
    (&images::TABLE, rows::image),
];
const CONFIRMED: [(&Table, Make); 1] = [(&email_claims::TABLE, rows::confirmed)];

impl Growth {
    /// Makes about `count` users, as many as one block of ids may have at most: the first id and how many there are.
    pub(crate) async fn seed(&self, count: u32) -> Result<(u64, u32)> {
        let block = self.catalog.lease(count).await?;
        let ids: Vec<UserId> = (block.first..block.first + u64::from(block.count)).filter_map(UserId::new).collect();
        let topology = self.topology();
        let own = by_place(&topology, &ids, Bucket::of_user)?;
        let claims = by_place(&topology, &ids, |id| Bucket::of_email(&rows::email(id)))?;
        self.write(&claims, &RESERVED).await?;
        self.write(&own, &OWN).await?;
        self.write(&claims, &CONFIRMED).await?;
        Ok((block.first, block.count))
    }

    async fn write(&self, places: &Places, tables: &'static [(&'static Table, Make)]) -> Result<()> {
        for (shard, buckets) in places {
            let engine = self.mover.engine(*shard).await?;
            let mut page = Page::new();
            let mut size = 0;
            for (bucket, ids) in buckets {
                page.push((*bucket, Arc::clone(ids)));
                size += ids.len();
                if size >= PAGE {
                    put(&*engine, std::mem::take(&mut page), tables).await?;
                    size = 0;
                }
            }
            put(&*engine, page, tables).await?;
        }
        Ok(())
    }
}

/// Shard → bucket with its epoch → users.
type Places = BTreeMap<u32, BTreeMap<(Bucket, Epoch), Arc<Vec<UserId>>>>;

fn by_place(topology: &Topology, ids: &[UserId], bucket_of: impl Fn(UserId) -> Bucket) -> Result<Places> {
    let mut found: BTreeMap<Bucket, Vec<UserId>> = BTreeMap::new();
    for id in ids {
        found.entry(bucket_of(*id)).or_default().push(*id);
    }
    let mut places = Places::new();
    for (bucket, ids) in found {
        let Place { shard, epoch, .. } = topology.place_of(bucket).ok_or(Error::UnknownShard(bucket.to_string()))?;
        places.entry(shard.0).or_default().insert((bucket, epoch), Arc::new(ids));
    }
    Ok(places)
}

/// What goes in one transaction.
type Page = Vec<((Bucket, Epoch), Arc<Vec<UserId>>)>;

async fn put(engine: &dyn Engine, page: Page, tables: &'static [(&'static Table, Make)]) -> Result<()> {
    let written = transact(engine, move |tx| {
        Box::pin(async move {
            for ((bucket, epoch), _) in &page {
                // Owned, and no change of it is logged.
                let owned = |row: &OwnerRow| row.epoch == *epoch && row.state == State::Owned;
                bucket_owner::require(tx, Lock::Shared(*bucket), *bucket, owned).await?;
            }
            let now_ms = now_ms();
            for (table, make) in tables {
                let ids = page.iter().flat_map(|(_, ids)| ids.iter());
                transfer::put(tx, table, ids.map(|id| Row::new(make(*id, now_ms))).collect()).await?;
            }
            Ok(())
        })
    });
    match written.await {
        Err(store::Error::Moved { bucket, .. }) => Err(Error::Busy(format!(
            "bucket {bucket} is being moved: wait for the moves to end (`myriad move status`)"
        ))),
        other => Ok(other.map(drop)?),
    }
}
