//! One user alone: a bucket of its own, on a shard of its own where that is asked for, and back.

use model::time::now_ms;
use model::{Bucket, Epoch, ShardId, UserId};
use store::tables::users;
use store::{Primary, rebucket};
use topology::{MAX_BUCKETS, Owner, Parts, Topology};

use super::plan::{Plan, Wish, begin, refuse_overlap};
use super::{Growth, named, require_active};
use crate::error::{Error, Result};
use crate::moving::FIRST_EPOCH;
use crate::store::moves::{self, Move, Work};

/// A user with more rows than this is not given another bucket: its neighbours' writes wait while they are copied.
const MOST_ROWS: u64 = 50_000;

impl Growth {
    /// Gives a user a bucket of its own, on the shard `to` or, where that is empty, on the one where it is.
    pub(crate) async fn isolate(&self, user: u64, to: &str, dry_run: bool) -> Result<Plan> {
        let (topology, user) = (self.topology(), read_id(user)?);
        let place = topology.locate(user);
        let target = if to.is_empty() { place.shard } else { active(&topology, to)? };
        if place.bucket.is_private() {
            if target == place.shard {
                return Err(Error::Operation(format!(
                    "user {} has bucket {} of its own on {} already; another shard is named by --to",
                    user.get(),
                    place.bucket,
                    topology.name_of(place.shard),
                )));
            }
            return self.wish(&Wish::Bucket(place.bucket.0, to.to_owned()), dry_run).await;
        }
        if topology.buckets() as usize >= MAX_BUCKETS {
            return Err(Error::Operation("there are no numbers left for buckets of users' own".to_owned()));
        }
        let operation = format!("isolate-{}-{}", user.get(), topology.version() + 1);
        let own = Bucket(topology.buckets());
        let work = Work::Isolate { user, own };
        let (bucket, shard) = ((place.bucket, place.epoch), place.shard.0);
        let row = Move::of_user(operation, work, shard, target.0, vec![bucket], now_ms());
        let edit = move |parts: &mut Parts| parts.buckets.push(Some(Owner(shard, FIRST_EPOCH.0)));
        self.plan_user(&topology, user, vec![row], edit, dry_run).await
    }

    /// Gives a user that has a bucket of its own back to the bucket that its id says.
    pub(crate) async fn give_back(&self, user: u64, dry_run: bool) -> Result<Plan> {
        let (topology, user) = (self.topology(), read_id(user)?);
        let own = topology.locate(user);
        if !own.bucket.is_private() {
            return Err(Error::Operation(format!(
                "user {} is in bucket {}, which its id says: there is nothing to return from",
                user.get(),
                own.bucket
            )));
        }
        if topology.partitions_of(user).is_some() {
            return Err(Error::Operation(format!(
                "the pictures of user {id} are read from partitions: end that first, myriad user unpartition {id}",
                id = user.get()
            )));
        }
        let home = topology.place_of(Bucket::of_user(user)).ok_or(Error::UnknownUser(user.get()))?;
        let operation = format!("return-{}-{}", user.get(), topology.version() + 1);
        let mut rows = Vec::new();
        let mut from = (own.bucket, own.epoch);
        if own.shard != home.shard {
            // First to the shard where the other bucket is.
            rows.push(Move::planned(operation.clone(), own.shard.0, home.shard.0, vec![from], now_ms()));
            from.1 = Epoch(from.1.0 + 1);
        }
        let buckets = vec![from, (home.bucket, home.epoch)];
        let shard = home.shard.0;
        rows.push(Move::of_user(operation, Work::Return { user }, shard, shard, buckets, now_ms()));
        self.plan_user(&topology, user, rows, |_| {}, dry_run).await
    }

    async fn plan_user(
        &self,
        topology: &Topology,
        user: UserId,
        rows: Vec<Move>,
        edit: impl FnOnce(&mut Parts) + Send,
        dry_run: bool,
    ) -> Result<Plan> {
        let place = topology.locate(user);
        let open = moves::open_now(self.catalog.engine()).await?;
        refuse_overlap(&open, &moves::buckets_of(&rows))?;
        let engine = self.mover.engine(place.shard.0).await?;
        let live = users::get_live(&mut Primary(&*engine), place.bucket, user).await?;
        if live.is_none() {
            return Err(Error::UnknownUser(user.get()));
        }
        let count = rebucket::count(&*engine, place.bucket, user).await?;
        if count > MOST_ROWS {
            return Err(Error::Operation(format!(
                "user {} has {count} rows, more than {MOST_ROWS}: writes of all users of bucket {} would wait too long while they are \
                 copied. Move the whole bucket: myriad bucket move {} --to SHARD",
                user.get(),
                place.bucket,
                place.bucket
            )));
        }
        let ends = (rows.first().map_or(0, |row| row.source), rows.last().map_or(0, |row| row.target));
        let mut plan = Plan {
            transfers: vec![(topology.name_of(ShardId(ends.0)), topology.name_of(ShardId(ends.1)), 1)],
            buckets: 1,
            rows: count,
            ..Plan::default()
        };
        plan.expected_ms = self.expected_ms(count, rows.len()).await?;
        if !dry_run {
            plan.operation.clone_from(&rows[0].operation);
            begin(&self.catalog, topology, edit, rows).await?;
            self.mover.wake();
        }
        Ok(plan)
    }
}

pub(super) fn read_id(id: u64) -> Result<UserId> {
    UserId::new(id).ok_or(Error::UnknownUser(id))
}

/// The id of the shard of this name, if it takes buckets.
pub(super) fn active(topology: &Topology, name: &str) -> Result<ShardId> {
    let info = named(topology, name)?;
    require_active(info)?;
    Ok(info.shard_id())
}
