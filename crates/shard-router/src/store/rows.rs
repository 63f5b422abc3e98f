//! Between the catalog's rows and the topology.

use std::collections::BTreeMap;

use store::{Engine, Row, Transaction, Value};
use topology::{Owner, Partitions, Parts, ShardInfo, Topology};

use crate::domain::change::Difference;
use crate::error::{Error, Result};

/// The version, without the rest; `None` in a catalog that has not been begun.
pub async fn version(engine: &dyn Engine) -> Result<Option<u64>> {
    let rows = engine.query("SELECT version FROM topology WHERE id = 1", Vec::new()).await?;
    Ok(rows.first().map(|row| row.u64(0)).transpose()?)
}

/// The whole topology; `None` in a catalog that has not been begun.
///
/// Several queries, no transaction: it reads again until no change fell in between.
pub async fn load(engine: &dyn Engine, cluster_id: &str) -> Result<Option<Topology>> {
    loop {
        let Some(version_before) = version(engine).await? else {
            return Ok(None);
        };
        let parts = Parts {
            version: version_before,
            cluster_id: cluster_id.to_owned(),
            shards: shards(engine).await?,
            buckets: buckets(engine).await?,
            pins: pins(engine).await?,
            partitions: partitions(engine).await?,
        };
        if version(engine).await? == Some(version_before) {
            return Topology::new(parts).map(Some).map_err(|invalid| Error::Damaged(invalid.to_string()));
        }
    }
}

async fn shards(engine: &dyn Engine) -> Result<Vec<ShardInfo>> {
    let sql = "SELECT id, name, engine, location, replicas, weight, state, role_epoch FROM shard ORDER BY id";
    engine.query(sql, Vec::new()).await?.iter().map(shard).collect()
}

fn shard(row: &Row) -> Result<ShardInfo> {
    let damaged = |column: &str| Error::Damaged(format!("shard.{column} has an unknown value"));
    Ok(ShardInfo {
        id: row.u32(0)?,
        name: row.text(1)?,
        engine: row.str(2)?.parse().map_err(|()| damaged("engine"))?,
        location: row.text(3)?,
        replicas: serde_json::from_str(row.str(4)?).map_err(|_| damaged("replicas"))?,
        weight: row.u32(5)?,
        state: row.str(6)?.parse().map_err(|()| damaged("state"))?,
        role_epoch: row.u64(7)?,
    })
}

async fn buckets(engine: &dyn Engine) -> Result<Vec<Option<Owner>>> {
    let rows = engine.query("SELECT bucket, shard, epoch FROM bucket ORDER BY bucket", Vec::new()).await?;
    let mut buckets = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.u64(0)? != buckets.len() as u64 {
            return Err(Error::Damaged(format!("bucket {} is missing", buckets.len())));
        }
        let epoch = row.u64(2)?;
        buckets.push(if epoch > 0 { Some(Owner(row.u32(1)?, epoch)) } else { None });
    }
    Ok(buckets)
}

async fn pins(engine: &dyn Engine) -> Result<BTreeMap<u64, u32>> {
    let rows = engine.query("SELECT user_id, bucket FROM pin", Vec::new()).await?;
    rows.iter().map(|row| Ok((row.u64(0)?, row.u32(1)?))).collect()
}

async fn partitions(engine: &dyn Engine) -> Result<BTreeMap<u64, Partitions>> {
    let sql = "SELECT user_id, bucket, shown FROM partition ORDER BY user_id, number";
    let mut partitions: BTreeMap<u64, Partitions> = BTreeMap::new();
    for row in &engine.query(sql, Vec::new()).await? {
        let of_user = partitions.entry(row.u64(0)?).or_default();
        of_user.buckets.push(row.u32(1)?);
        of_user.shown = row.int(2)? == 1;
    }
    Ok(partitions)
}

/// The ids of the shards whose databases hold the cluster's identity.
pub async fn adopted(engine: &dyn Engine) -> Result<Vec<u32>> {
    let rows = engine.query("SELECT id FROM shard WHERE adopted = 1", Vec::new()).await?;
    Ok(rows.iter().map(|row| row.u32(0)).collect::<store::Result<_>>()?)
}

/// Writes what differs.
pub async fn write(tx: &mut dyn Transaction, difference: &Difference) -> store::Result<()> {
    for shard in &difference.shards {
        let replicas = serde_json::to_string(&shard.replicas).unwrap_or_else(|_| "[]".to_owned());
        let values: [Value; 8] = [
            shard.id.into(),
            (&shard.name).into(),
            shard.engine.as_str().into(),
            (&shard.location).into(),
            replicas.into(),
            shard.weight.into(),
            shard.state.as_str().into(),
            shard.role_epoch.into(),
        ];
        tx.execute(PUT_SHARD, &values).await?;
    }
    for &(bucket, owner) in &difference.buckets {
        let Owner(shard, epoch) = owner.unwrap_or(Owner(0, 0));
        tx.execute(PUT_BUCKET, &[bucket.into(), shard.into(), epoch.into()]).await?;
    }
    // A private bucket may pass from one user to another in one change: first away, then there.
    for &user in &difference.unpinned {
        tx.execute("DELETE FROM pin WHERE user_id = $1", &[user.into()]).await?;
    }
    for &(user, bucket) in &difference.pins {
        tx.execute(PUT_PIN, &[user.into(), bucket.into()]).await?;
    }
    for &user in &difference.unpartitioned {
        tx.execute("DELETE FROM partition WHERE user_id = $1", &[user.into()]).await?;
    }
    for (user, Partitions { buckets, shown }) in &difference.partitions {
        for (number, &bucket) in (0u32..).zip(buckets) {
            let values = [(*user).into(), number.into(), bucket.into(), i64::from(*shown).into()];
            tx.execute("INSERT INTO partition (user_id, number, bucket, shown) VALUES ($1, $2, $3, $4)", &values)
                .await?;
        }
    }
    Ok(())
}

const PUT_SHARD: &str = "INSERT INTO shard (id, name, engine, location, replicas, weight, state, role_epoch)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, engine = excluded.engine, location = excluded.location,
        replicas = excluded.replicas, weight = excluded.weight, state = excluded.state, role_epoch = excluded.role_epoch";

const PUT_BUCKET: &str = "INSERT INTO bucket (bucket, shard, epoch) VALUES ($1, $2, $3)
    ON CONFLICT (bucket) DO UPDATE SET shard = excluded.shard, epoch = excluded.epoch";

const PUT_PIN: &str = "INSERT INTO pin (user_id, bucket) VALUES ($1, $2)
    ON CONFLICT (user_id) DO UPDATE SET bucket = excluded.bucket";
