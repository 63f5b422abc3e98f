//! Laws of the schema and of a database's identity.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;

use super::identity;
use crate::{
    Cluster, Engine, Error, Identity, SHARD, prepare,
    schema::{Kind, TABLES},
    transact,
};

// R65: every table has a bucket and moves with it, or the mover would leave rows behind.
pub async fn the_live_schema_is_the_one_the_mover_knows(engine: Arc<dyn Engine>) {
    prepare(&*engine, &SHARD, identity()).await.unwrap();
    let mut live: BTreeMap<String, Vec<(String, String, bool, i64)>> = BTreeMap::new();
    for row in engine.query(engine.dialect().columns, Vec::new()).await.unwrap() {
        let column =
            (row.text(1).unwrap(), row.text(2).unwrap().to_lowercase(), row.int(3).unwrap() == 0, row.int(4).unwrap());
        live.entry(row.text(0).unwrap()).or_default().push(column);
    }
    assert!(live.remove("meta").is_some(), "meta is the one table without buckets");
    let known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    for (table, columns) in &live {
        assert!(columns.iter().any(|(name, ..)| name == "bucket"), "{table} has no bucket");
        assert!(known.contains(&table.as_str()), "{table} is not in TABLES: the mover would leave it behind");
    }
    assert_eq!(live.len(), known.len(), "a table of TABLES is not in the database");
    for table in TABLES {
        let columns = &live[table.name];
        let declared: Vec<_> = table
            .columns
            .iter()
            .map(|column| {
                let place = table.key.iter().position(|key| *key == column.name).map_or(0, |place| place + 1);
                (column.name.to_owned(), word(&*engine, column.kind), column.nullable, i64::try_from(place).unwrap())
            })
            .collect();
        assert_eq!(columns, &declared, "{}", table.name);
    }
}

fn word(engine: &dyn Engine, kind: Kind) -> String {
    let word = match kind {
        Kind::Int => "BIGINT",
        Kind::Text => "TEXT",
        Kind::Blob => "BYTEA",
    };
    let words = engine.dialect().words;
    words.iter().find(|(from, _)| *from == word).map_or(word, |(_, to)| to).to_lowercase()
}

pub async fn migrations_run_once_and_a_second_start_writes_nothing(engine: Arc<dyn Engine>) {
    let first = prepare(&*engine, &SHARD, identity()).await.unwrap();
    assert_eq!((first.created, first.from_version, first.cluster.as_str()), (true, 0, "c1"));
    let before = engine.stats();
    let second = prepare(&*engine, &SHARD, identity()).await.unwrap();
    assert_eq!((second.created, second.from_version), (false, SHARD.version()));
    assert_eq!(engine.stats().transactions, before.transactions);
    // Who does not know the cluster yet learns it, and a new name is not taken over an old one.
    let curious = Identity { cluster: Cluster::OrNew("c2".to_owned()), ..identity() };
    assert_eq!(prepare(&*engine, &SHARD, curious).await.unwrap().cluster, "c1");
}

pub async fn starts_at_the_same_time_migrate_once(engine: Arc<dyn Engine>) {
    let ended = join_all((0..8).map(|_| prepare(&*engine, &SHARD, identity()))).await;
    let created = ended.into_iter().filter(|prepared| prepared.as_ref().unwrap().created).count();
    assert_eq!(created, 1);
}

pub async fn a_database_of_another_cluster_or_member_is_refused_with_both_named(engine: Arc<dyn Engine>) {
    prepare(&*engine, &SHARD, identity()).await.unwrap();
    let other_cluster = Identity { cluster: Cluster::Known("c9".to_owned()), ..identity() };
    let other_member = Identity { member: "shard-7".to_owned(), ..identity() };
    for (wrong, words) in [(other_cluster, ["c1", "c9"]), (other_member, ["shard-0", "shard-7"])] {
        let Err(Error::Unusable(text)) = prepare(&*engine, &SHARD, wrong).await else { panic!("accepted") };
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

pub async fn a_newer_database_is_refused_with_both_versions_named(engine: Arc<dyn Engine>) {
    prepare(&*engine, &SHARD, identity()).await.unwrap();
    transact(&*engine, |tx| {
        let newer = "UPDATE meta SET value = '99' WHERE key IN ('schema_version', 'serves_from')";
        Box::pin(async move { tx.execute(newer, &[]).await })
    })
    .await
    .unwrap();
    let Err(Error::Unusable(text)) = prepare(&*engine, &SHARD, identity()).await else { panic!("accepted") };
    assert!(text.contains("99") && text.contains(&SHARD.version().to_string()), "{text}");
}

pub async fn a_newer_database_that_serves_this_version_is_used_and_left_as_it_is(engine: Arc<dyn Engine>) {
    prepare(&*engine, &SHARD, identity()).await.unwrap();
    transact(&*engine, |tx| {
        Box::pin(async move { tx.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'", &[]).await })
    })
    .await
    .unwrap();
    transact(&*engine, |tx| {
        Box::pin(async move {
            let own = [SHARD.version().to_string().into()];
            tx.execute("UPDATE meta SET value = $1 WHERE key = 'serves_from'", &own).await
        })
    })
    .await
    .unwrap();
    assert_eq!(prepare(&*engine, &SHARD, identity()).await.unwrap().from_version, 99);
    let rows = engine.query("SELECT value FROM meta WHERE key = 'schema_version'", Vec::new()).await.unwrap();
    assert_eq!(rows[0].text(0).unwrap(), "99");
}

pub async fn a_database_of_another_program_is_refused(engine: Arc<dyn Engine>) {
    transact(&*engine, |tx| Box::pin(async move { tx.define("CREATE TABLE posts (id TEXT PRIMARY KEY)").await }))
        .await
        .unwrap();
    let Err(Error::Unusable(text)) = prepare(&*engine, &SHARD, identity()).await else { panic!("accepted") };
    assert!(text.contains("posts"), "{text}");
}
