//! A celebrity whose pictures one shard cannot show: they are read from copies in more buckets, dealt out to shards, until that is ended.

use std::collections::BTreeMap;

use ::moves::Step;
use model::time::now_ms;
use model::{Bucket, Epoch, ShardId, UserId};
use store::Primary;
use store::tables::{images, users};
use topology::{MAX_BUCKETS, MAX_PARTITIONS, Owner, Parts, Place, Topology};

use super::Growth;
use super::plan::{Plan, begin, refuse_overlap};
use super::users::{active, read_id};
use crate::error::{Error, Result};
use crate::moving::FIRST_EPOCH;
use crate::store::moves::{self, Move, Work};

impl Growth {
    /// Splits the reading of an isolated user's finished pictures over `into` buckets on the shards of these names, or on the one where
    /// the user is.
    pub(crate) async fn partition(&self, user: u64, into: u32, over: &[String], dry_run: bool) -> Result<Plan> {
        let (topology, user) = (self.topology(), read_id(user)?);
        let home = own_place(&topology, user)?;
        let (id, first) = (user.get(), topology.buckets());
        if let Some(there) = topology.partitions_of(user) {
            return Err(Error::Operation(format!(
                "user {id} has {} partitions already. To make them right again: myriad user partition {id} --rebuild. To have another number \
                 of them, end them first: myriad user unpartition {id}",
                there.buckets.len()
            )));
        }
        if !(2..=MAX_PARTITIONS).contains(&(into as usize)) {
            return Err(Error::Operation(format!("there can be 2 to {MAX_PARTITIONS} partitions, not {into}")));
        }
        if first as usize + into as usize > MAX_BUCKETS {
            return Err(Error::Operation("there are no numbers left for buckets of users' own".to_owned()));
        }
        let mut shards = over.iter().map(|name| active(&topology, name)).collect::<Result<Vec<ShardId>>>()?;
        if shards.is_empty() {
            shards.push(home.shard);
        }
        let new: Vec<(Bucket, ShardId)> =
            (first..first + into).map(Bucket).zip(shards.iter().copied().cycle()).collect();
        let parts = new.iter().map(|(bucket, _)| (*bucket, FIRST_EPOCH)).collect();
        let owners: Vec<_> = new.iter().map(|(_, shard)| Some(Owner(shard.0, FIRST_EPOCH.0))).collect();
        let edit = move |map: &mut Parts| map.buckets.extend(owners);
        let row = self.copying(&topology, user, home, parts).await?;
        self.begin_copying(&topology, home, row, new.iter().map(|(_, shard)| *shard), edit, dry_run).await
    }

    /// Makes the copies in a user's partitions right again.
    pub(crate) async fn rebuild(&self, user: u64, dry_run: bool) -> Result<Plan> {
        let (topology, user) = (self.topology(), read_id(user)?);
        let home = own_place(&topology, user)?;
        let places = places(&topology, user)?;
        let parts = places.iter().map(|place| (place.bucket, place.epoch)).collect();
        let row = self.copying(&topology, user, home, parts).await?;
        self.begin_copying(&topology, home, row, places.iter().map(|place| place.shard), |_| {}, dry_run).await
    }

    /// Ends a user's partitions: its pictures are read where it is, at once. What was copied is deleted after the grace time.
    pub(crate) async fn unpartition(&self, user: u64, dry_run: bool) -> Result<Plan> {
        let (topology, user) = (self.topology(), read_id(user)?);
        let home = topology.locate(user);
        let ending: Vec<(Bucket, Epoch)> =
            places(&topology, user)?.iter().map(|place| (place.bucket, place.epoch)).collect();
        let operation = format!("unpartition-{}-{}", user.get(), topology.version() + 1);
        let work = Work::Unpartition { user };
        let row = Move::of_user(operation, work, home.shard.0, home.shard.0, ending.clone(), now_ms());
        let row = Move { step: Step::Grace, ..row };
        refuse_overlap(&moves::open_now(self.catalog.engine()).await?, &moves::buckets_of([&row]))?;
        let mut plan = Plan { buckets: ending.len(), ..Plan::default() };
        if !dry_run {
            plan.operation.clone_from(&row.operation);
            let edit = move |map: &mut Parts| {
                map.partitions.remove(&user.get());
                for (bucket, _) in &ending {
                    map.buckets[bucket.0 as usize] = None;
                }
            };
            begin(&self.catalog, &topology, edit, vec![row]).await?;
            self.mover.wake();
        }
        Ok(plan)
    }

    async fn copying(
        &self,
        topology: &Topology,
        user: UserId,
        home: Place,
        parts: Vec<(Bucket, Epoch)>,
    ) -> Result<Move> {
        let engine = self.mover.engine(home.shard.0).await?;
        if users::get_live(&mut Primary(&*engine), home.bucket, user).await?.is_none() {
            return Err(Error::UnknownUser(user.get()));
        }
        let operation = format!("partition-{}-{}", user.get(), topology.version() + 1);
        let buckets = std::iter::once((home.bucket, home.epoch)).chain(parts).collect();
        let shard = home.shard.0;
        let row = Move::of_user(operation, Work::Partition { user }, shard, shard, buckets, now_ms());
        refuse_overlap(&moves::open_now(self.catalog.engine()).await?, &moves::buckets_of([&row]))?;
        let rows_total = images::count(&mut Primary(&*engine), home.bucket, user).await?.0;
        Ok(Move { rows_total, ..row })
    }

    async fn begin_copying(
        &self,
        topology: &Topology,
        home: Place,
        row: Move,
        shards: impl Iterator<Item = ShardId>,
        edit: impl FnOnce(&mut Parts) + Send,
        dry_run: bool,
    ) -> Result<Plan> {
        let mut ways: BTreeMap<ShardId, usize> = BTreeMap::new();
        shards.for_each(|shard| *ways.entry(shard).or_default() += 1);
        let from = topology.name_of(home.shard);
        let mut plan = Plan {
            transfers: ways.iter().map(|(to, count)| (from.clone(), topology.name_of(*to), *count)).collect(),
            buckets: ways.values().sum(),
            rows: row.rows_total,
            ..Plan::default()
        };
        plan.expected_ms = self.expected_ms(plan.rows, plan.buckets).await?;
        if !dry_run {
            plan.operation.clone_from(&row.operation);
            begin(&self.catalog, topology, edit, vec![row]).await?;
            self.mover.wake();
        }
        Ok(plan)
    }
}

fn own_place(topology: &Topology, user: UserId) -> Result<Place> {
    let place = topology.locate(user);
    if place.bucket.is_private() {
        return Ok(place);
    }
    Err(Error::Operation(format!(
        "user {id} shares bucket {} with others: give it one of its own first, myriad user isolate {id}",
        place.bucket,
        id = user.get()
    )))
}

/// Where a user's partitions are.
fn places(topology: &Topology, user: UserId) -> Result<Vec<Place>> {
    let partitions = topology.partitions_of(user).ok_or_else(|| {
        Error::Operation(format!("user {id} has no partitions: myriad user partition {id} --into 4", id = user.get()))
    })?;
    Ok(partitions.iter().filter_map(|bucket| topology.place_of(bucket)).collect())
}
