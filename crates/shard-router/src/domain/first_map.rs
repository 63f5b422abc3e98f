//! The map of a new cluster: N shards, bucket `b` on shard `b % N`, everything in epoch 1. The shards are files in the data directory,
//! or the PostgreSQL databases that are named.

use topology::{EngineKind, Parts, ShardInfo};

/// The most shards that a cluster can begin with: each is a few files that stay open.
pub const MAX_SHARDS: u32 = 256;

/// The first topology: files called `local`, or `local-0` and so on for several; where locations are given, a PostgreSQL shard at
/// each of them, called `shard-0` and so on.
pub fn first_map(cluster_id: String, shards: u32, locations: &[String]) -> Parts {
    let shards = if locations.is_empty() {
        (0..shards).map(|id| embedded(id, shards)).collect()
    } else {
        (0..).zip(locations).map(|(id, location)| named_shard(id, location)).collect()
    };
    Parts::first(cluster_id, shards)
}

fn embedded(id: u32, of: u32) -> ShardInfo {
    let name = if of == 1 { "local".to_owned() } else { format!("local-{id}") };
    let location = format!("shards/{name}.db");
    ShardInfo::new(id, name, EngineKind::Sqlite, location)
}

fn named_shard(id: u32, location: &str) -> ShardInfo {
    ShardInfo::new(id, format!("shard-{id}"), EngineKind::Postgres, location.to_owned())
}

#[cfg(test)]
mod tests {
    use model::{ShardId, UserId};
    use topology::{Owner, Topology};

    use super::*;

    /// R66: the textbook's four shards.
    #[test]
    fn of_four_shards_user_12_lives_on_shard_0_and_13_on_shard_1() {
        let topology = Topology::new(first_map("c".into(), 4, &[])).unwrap();
        let shard_of = |user| topology.locate(UserId::new(user).unwrap()).shard;
        assert_eq!([shard_of(12), shard_of(13)], [ShardId(0), ShardId(1)]);
        assert!((1..10_000).all(|user| u64::from(shard_of(user).0) == user % 4));
    }

    #[test]
    fn one_shard_is_called_local_and_several_are_numbered() {
        let names =
            |count| first_map("c".into(), count, &[]).shards.into_iter().map(|shard| (shard.name, shard.location));
        assert_eq!(names(1).collect::<Vec<_>>(), [("local".into(), "shards/local.db".into())]);
        assert_eq!(names(2).next_back(), Some(("local-1".into(), "shards/local-1.db".into())));
    }

    #[test]
    fn named_locations_make_postgres_shards() {
        let locations = ["postgres://a:5432/x".to_owned(), "postgres://b:5432/x".to_owned()];
        let parts = first_map("c".into(), 1, &locations);
        let shards: Vec<_> = parts.shards.iter().map(|shard| (shard.name.as_str(), shard.location.as_str())).collect();
        assert_eq!(shards, [("shard-0", "postgres://a:5432/x"), ("shard-1", "postgres://b:5432/x")]);
        assert!(parts.shards.iter().all(|shard| shard.engine == EngineKind::Postgres));
        assert_eq!(parts.buckets[13], Some(Owner(1, 1)));
        assert!(Topology::new(parts).is_ok());
    }
}
