//! Which shard should own which bucket, and what has to move for that.
//!
//! [`plan`] looks at how many buckets a shard has, by one of three strategies; [`balance_by_cost`] at what they cost. Both only say what
//! should move: the present owners are the catalog's, so a plan that is carried out by half is a good place to plan from again.

mod balanced;
mod cost;
mod rendezvous;
mod ring;
mod stock;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod plot;
#[cfg(test)]
mod simulation;

use std::fmt;

use model::{Bucket, ShardId};

pub use cost::balance_by_cost;

/// A shard that may own buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub shard: ShardId,
    /// Its part of the whole, in proportion to the others' weights. 0: it drains, it gets nothing and loses what it has.
    pub weight: u32,
}

/// A bucket as it is now. Buckets that must stay where they are (an isolated user's) are left out by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Which.
    pub bucket: Bucket,
    /// Its present owner, a member or not.
    pub on: ShardId,
    /// The measured load (rows, bytes, requests), in any unit that is the same for all. 0 counts as 1: no bucket is free.
    pub cost: u64,
}

/// A bucket that should move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Which.
    pub bucket: Bucket,
    /// Its present owner.
    pub from: ShardId,
    /// Who should have it.
    pub to: ShardId,
}

/// How owners are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Even counts by the least number of moves from where the buckets are.
    #[default]
    Balanced,
    /// A hash ring with virtual nodes: the owners depend on the members alone, the counts are rough.
    Ring,
    /// Highest random weight with bounded load: the owners depend on the members and the set of buckets, no count is above its bound.
    Rendezvous,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 3] = [Self::Balanced, Self::Ring, Self::Rendezvous];

    /// The word for it in settings and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Ring => "ring",
            Self::Rendezvous => "rendezvous",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == word)
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No member has weight, so nobody could own anything.
    NoWeight,
    /// A shard is named twice among the members.
    ShardTwice(ShardId),
    /// A bucket is named twice among the loads.
    BucketTwice(Bucket),
    /// The members' weights add up to more than the ring has room for: this sum.
    RingTooLarge(u64),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWeight => f.write_str("no shard has a weight above 0, so none can take a bucket"),
            Self::ShardTwice(shard) => write!(f, "shard {shard} is named twice"),
            Self::BucketTwice(bucket) => write!(f, "bucket {bucket} is named twice"),
            Self::RingTooLarge(sum) => {
                write!(f, "the weights add up to {sum}; a ring has room for {}: use smaller ones", ring::MOST_WEIGHT)
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// What has to move so that the buckets are where the strategy wants them, by bucket. The order of the arguments is of no account.
pub fn plan(strategy: Strategy, loads: &[Load], members: &[Member]) -> Result<Vec<Transfer>, Refusal> {
    let (loads, members) = checked(loads, members)?;
    let owners = match strategy {
        Strategy::Balanced => balanced::owners(&loads, &members),
        Strategy::Ring => ring::owners(&loads, &members)?,
        Strategy::Rendezvous => rendezvous::owners(&loads, &members),
    };
    Ok(transfers(&loads, &owners))
}

/// The loads by bucket, and the members that have weight by shard; each at most once.
fn checked(loads: &[Load], members: &[Member]) -> Result<(Vec<Load>, Vec<Member>), Refusal> {
    let mut loads = loads.to_vec();
    loads.sort_by_key(|load| load.bucket);
    if let Some(pair) = loads.windows(2).find(|pair| pair[0].bucket == pair[1].bucket) {
        return Err(Refusal::BucketTwice(pair[0].bucket));
    }
    let mut members = members.to_vec();
    members.sort_by_key(|member| member.shard);
    if let Some(pair) = members.windows(2).find(|pair| pair[0].shard == pair[1].shard) {
        return Err(Refusal::ShardTwice(pair[0].shard));
    }
    members.retain(|member| member.weight > 0);
    if members.is_empty() {
        return Err(Refusal::NoWeight);
    }
    Ok((loads, members))
}

/// The loads whose owner, at the same place in `owners`, is another than now.
fn transfers(loads: &[Load], owners: &[ShardId]) -> Vec<Transfer> {
    let mut transfers = Vec::new();
    for (load, owner) in loads.iter().zip(owners) {
        if load.on != *owner {
            transfers.push(Transfer { bucket: load.bucket, from: load.on, to: *owner });
        }
    }
    transfers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    use super::fixtures::{after, cluster, dense, equal};
    use super::*;

    #[test]
    fn every_strategy_has_a_word() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::parse(strategy.as_str()), Some(strategy));
        }
        assert_eq!(Strategy::parse("random"), None);
    }

    #[test]
    fn without_weight_or_with_a_name_twice_there_is_no_plan() {
        let loads = dense(8, 2);
        for strategy in Strategy::ALL {
            let refusal = |loads: &[Load], members: &[Member]| plan(strategy, loads, members).unwrap_err();
            assert_eq!(refusal(&loads, &[]), Refusal::NoWeight);
            assert_eq!(refusal(&loads, &[Member { shard: ShardId(0), weight: 0 }]), Refusal::NoWeight);
            assert_eq!(refusal(&loads, &[equal(2), equal(1)].concat()), Refusal::ShardTwice(ShardId(0)));
            assert_eq!(refusal(&[loads.clone(), dense(1, 1)].concat(), &equal(2)), Refusal::BucketTwice(Bucket(0)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// The order of the arguments does not matter, the transfers are in order and true, nothing moves to where nothing may be, nothing
        /// stays there, and a plan that was carried out leaves nothing to plan.
        #[test]
        fn a_plan_is_steady_true_and_final((loads, members) in cluster(), seed in 0_usize..1000) {
            let (mut other_loads, mut other_members) = (loads.clone(), members.clone());
            let (loads_by, members_by) = (seed % loads.len(), seed % members.len());
            other_loads.rotate_left(loads_by);
            other_members.rotate_left(members_by);
            for strategy in Strategy::ALL {
                let transfers = plan(strategy, &loads, &members).unwrap();
                prop_assert_eq!(&transfers, &plan(strategy, &other_loads, &other_members).unwrap());
                prop_assert!(transfers.is_sorted_by(|a, b| a.bucket < b.bucket));
                for transfer in &transfers {
                    prop_assert!(transfer.from != transfer.to);
                    prop_assert!(loads.iter().any(|load| load.bucket == transfer.bucket && load.on == transfer.from));
                }
                let moved = after(&loads, &transfers);
                let may_own = |shard| members.iter().any(|member| member.shard == shard && member.weight > 0);
                prop_assert!(moved.iter().all(|load| may_own(load.on)));
                prop_assert_eq!(plan(strategy, &moved, &members).unwrap(), []);
            }
        }
    }
}
