//! What has to hold at the end: each acknowledged write once and where the map says, nothing that nobody wrote, nothing left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::growth::v1::VerifyRequest;
use model::{Bucket, ShardId, UserId};
use store::{Row, Value};
use topology::Topology;

use super::database::Database;
use super::people::{leaves_message, mark_name};
use super::world::World;

/// How moves ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moves {
    pub done: u64,
    pub undone: u64,
    pub reverted: u64,
}

/// Every fault is a sentence.
pub async fn check(world: &World) -> Vec<String> {
    let mut faults = world.books.faults();
    let Some((_, catalog)) = world.any_router(0) else { return vec!["no router is there".to_owned()] };
    catalog.catch_up().await.unwrap();
    let map = catalog.current();
    let databases: BTreeMap<String, Arc<Database>> = world.databases().into_iter().collect();
    let shards: BTreeMap<ShardId, Arc<Database>> =
        map.live_shards().map(|info| (info.shard_id(), Arc::clone(&databases[&info.location]))).collect();
    let marks = users_and_marks(world, &map, &shards, &mut faults);
    messages(&map, &shards, &marks, &mut faults);
    for database in shards.values() {
        let [log, owners] = [
            "SELECT count(*) FROM change_log",
            "SELECT count(*) FROM bucket_owner WHERE mover IS NOT NULL OR state NOT IN ('owned', 'gone')",
        ]
        .map(|sql| rows(database, sql, &[])[0].u64(0).unwrap());
        if log + owners > 0 {
            faults.push(format!("{} has {log} log entries and {owners} held owner rows left", database.name));
        }
    }
    let mut growth = world.operators(0).unwrap();
    match growth.verify(VerifyRequest { deep: false }).await {
        Ok(answer) => faults.extend(answer.into_inner().faults),
        Err(status) => faults.push(format!("verify: {}", status.message())),
    }
    faults
}

/// Each user once, as acknowledged last; each mark where its user is. Returns the marks that are there.
fn users_and_marks(
    world: &World,
    map: &Topology,
    shards: &BTreeMap<ShardId, Arc<Database>>,
    faults: &mut Vec<String>,
) -> BTreeMap<String, (UserId, u64)> {
    let mut there = BTreeMap::new();
    for id in world.books.users() {
        let user = UserId::new(id).unwrap();
        let place = map.locate(user);
        let sql = "SELECT bucket, version, first_name, last_name FROM users WHERE id = $1";
        let mut found = Vec::new();
        for (shard, database) in shards {
            found.extend(rows(database, sql, &[user.into()]).into_iter().map(|row| (*shard, row)));
        }
        let [(shard, row)] = found.as_slice() else {
            faults.push(format!("user {id} is there {} times", found.len()));
            continue;
        };
        if (*shard, row.bucket(0).unwrap()) != (place.shard, place.bucket) {
            faults.push(format!("user {id} is in bucket {} on shard {shard}, not {place:?}", row.bucket(0).unwrap()));
        }
        let (version, name) = (row.u64(1).unwrap(), row.text(2).unwrap());
        let prefix = format!("{id}-");
        let inbox = rows(&shards[&place.shard], "SELECT id FROM inbox WHERE bucket = $1", &[place.bucket.into()]);
        let texts = inbox.iter().map(|row| row.text(0).unwrap());
        let marks: BTreeSet<u64> = texts.filter_map(|text| text.strip_prefix(&prefix)?.parse().ok()).collect();
        world.books.account(id, |account| {
            if !account.may_be.contains(&(version, name.clone())) || row.str(3).unwrap() != "Lovelace" {
                faults.push(format!("user {id} is {version} {name} and can be {:?}", account.may_be));
            }
            for mark in account.acknowledged.difference(&marks) {
                faults.push(format!("mark {mark} of user {id} was acknowledged and is not there"));
            }
            for mark in marks.difference(&account.acknowledged).filter(|mark| !account.in_doubt.contains(mark)) {
                faults.push(format!("mark {mark} of user {id} is there and was refused"));
            }
        });
        if marks.len() as u64 != version - 1 {
            faults.push(format!("user {id} was changed {} times and has {} marks", version - 1, marks.len()));
        }
        there.extend(marks.into_iter().map(|mark| (mark_name(user, mark), (user, mark))));
    }
    there
}

/// Each message once, in a bucket of its user that the shard owns.
fn messages(
    map: &Topology,
    shards: &BTreeMap<ShardId, Arc<Database>>,
    marks: &BTreeMap<String, (UserId, u64)>,
    faults: &mut Vec<String>,
) {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for (shard, database) in shards {
        for row in rows(database, "SELECT bucket, payload FROM outbox", &[]) {
            let (bucket, name) = (row.bucket(0).unwrap(), String::from_utf8(row.blob(1).unwrap()).unwrap());
            *found.entry(name.clone()).or_default() += 1;
            let at_home = marks.get(&name).is_some_and(|(user, mark)| {
                leaves_message(*mark) && [map.bucket_of(*user), Bucket::of_user(*user)].contains(&bucket)
            });
            if !at_home || map.place_of(bucket).is_none_or(|place| place.shard != *shard) {
                faults.push(format!("message {name} is in bucket {bucket} on shard {shard}"));
            }
        }
    }
    for (name, (_, mark)) in marks {
        let copies = found.get(name).copied().unwrap_or(0);
        if leaves_message(*mark) && copies != 1 {
            faults.push(format!("message {name} is there {copies} times"));
        }
    }
}

/// How the moves ended, and how many are under way.
pub fn moves(world: &World) -> (Moves, u64) {
    let databases: BTreeMap<String, Arc<Database>> = world.databases().into_iter().collect();
    let mut moves = Moves::default();
    let mut open = 0;
    for row in rows(&databases["catalog"], "SELECT step, count(*) FROM move GROUP BY step", &[]) {
        let count = row.u64(1).unwrap();
        match row.str(0).unwrap() {
            "done" => moves.done = count,
            "undone" => moves.undone = count,
            "reverted" => moves.reverted = count,
            _ => open += count,
        }
    }
    (moves, open)
}

/// Moves that are not over, and why moves went back, for whoever looks for the cause.
pub fn told(world: &World, condition: &'static str) -> Vec<String> {
    let databases: BTreeMap<String, Arc<Database>> = world.databases().into_iter().collect();
    let rows = rows(&databases["catalog"], condition, &[]);
    rows.iter()
        .map(|row| format!("move {} {}: {}", row.u64(0).unwrap(), row.str(1).unwrap(), row.str(2).unwrap()))
        .collect()
}

fn rows(database: &Database, sql: &'static str, params: &[Value]) -> Vec<Row> {
    database.directly(|inline| inline.query(sql, params).unwrap())
}
