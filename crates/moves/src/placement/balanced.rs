//! Even counts by the least number of moves.
//!
//! A shard's share is its part of the buckets by weight, by the largest remainder method (Hamilton's). What a shard has above its share
//! must leave it, and nothing else has to move, so the number of moves is the sum of what is above. Which buckets leave, and which of the
//! takers gets which, is chosen so that the cost is even too, as far as that goes without a further move.
//!
//! From an even placement over shards of equal weight, a new shard takes buckets and nothing moves between the others. With unequal weights
//! the method has the new states paradox (Balinski and Young, Fair Representation, 1982): a new shard's weight can change the order of
//! the others' remainders, so that one of them takes at most one bucket from another.

use std::cmp::Reverse;

use model::ShardId;

use super::stock::Stock;
use super::{Load, Member};

/// The owner each load should have.
pub fn owners(loads: &[Load], members: &[Member]) -> Vec<ShardId> {
    let mut stock = Stock::new(loads, members);
    let shares = shares(&stock);
    let weights: i128 = stock.shards.iter().map(|shard| shard.weight).sum();
    let cost: i128 = (0..loads.len()).map(|place| stock.cost(place)).sum();
    let mut moving = std::mem::take(&mut stock.homeless);
    for (at, share) in shares.iter().enumerate() {
        let fair_cost = cost * stock.shards[at].weight / weights;
        while stock.shards[at].holds.len() > *share {
            let Some(place) = spare(&stock, at, *share, fair_cost) else { break };
            stock.take(place, at);
            moving.push(place);
        }
    }
    stock.house(moving, |at, shard| shard.holds.len() < shares[at]);
    stock.owners
}

/// How many buckets each shard should have. Of equal remainders the first is who has the most above the whole part of its share, so that
/// fewer move and a plan that was carried out stays as it is; then the lower id.
fn shares(stock: &Stock<'_>) -> Vec<usize> {
    let weights: i128 = stock.shards.iter().map(|shard| shard.weight).sum();
    let all = stock.loads.len();
    let mut shares = Vec::new();
    let mut by_remainder = Vec::new();
    for (at, shard) in stock.shards.iter().enumerate() {
        let exact = all as i128 * shard.weight;
        let whole = exact / weights;
        shares.push(usize::try_from(whole).unwrap_or(all));
        by_remainder.push((Reverse(exact % weights), Reverse(shard.holds.len() as i128 - whole), at));
    }
    by_remainder.sort_unstable();
    let left = all - shares.iter().sum::<usize>();
    for (_, _, at) in by_remainder.into_iter().take(left) {
        shares[at] += 1;
    }
    shares
}

/// The bucket that should leave: the one that costs the nearest to what each that has yet to leave must cost, on average, so that the rest
/// costs the shard's part.
fn spare(stock: &Stock<'_>, at: usize, share: usize, fair_cost: i128) -> Option<usize> {
    let from = &stock.shards[at];
    let leaving = (from.holds.len() - share) as i128;
    let excess = from.cost - fair_cost;
    from.holds.iter().copied().min_by_key(|place| ((stock.cost(*place) * leaving - excess).abs(), *place))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{after, cluster, costs, counts, equal, first_map, owners_of, weighted};
    use super::super::{Strategy, Transfer, plan};
    use super::*;

    const FEW: [u32; 8] = [0, 1, 2, 3, 978, 2048, 3275, 4095];

    fn planned(loads: &[Load], members: &[Member]) -> Vec<Transfer> {
        plan(Strategy::Balanced, loads, members).unwrap()
    }

    #[test]
    fn a_fifth_shard_takes_a_fifth_of_the_buckets_and_nothing_else_moves() {
        let loads = first_map(4);
        assert_eq!(planned(&loads, &equal(4)), []);
        assert_eq!(owners_of(&loads, FEW), [0, 1, 2, 3, 2, 0, 3, 3]);
        let transfers = planned(&loads, &equal(5));
        assert_eq!(transfers.len(), 819);
        assert!(transfers.iter().all(|transfer| transfer.to == ShardId(4)));
        let five = after(&loads, &transfers);
        assert_eq!(counts(&five, &equal(5)), [820, 819, 819, 819, 819]);
        assert_eq!(owners_of(&five, FEW), [4, 4, 4, 4, 2, 0, 3, 3]);
    }

    #[test]
    fn a_shard_that_drains_gives_its_buckets_to_all_others() {
        let loads = first_map(4);
        let members = weighted(&[1, 1, 0, 1]);
        let transfers = planned(&loads, &members);
        assert_eq!(transfers.len(), 1024);
        assert!(transfers.iter().all(|transfer| transfer.from == ShardId(2)));
        assert_eq!(counts(&after(&loads, &transfers), &members), [1366, 1365, 0, 1365]);
    }

    #[test]
    fn counts_follow_the_weights() {
        let members = weighted(&[1, 2, 1, 4]);
        let transfers = planned(&first_map(4), &members);
        assert_eq!(transfers.len(), 1024);
        assert_eq!(counts(&after(&first_map(4), &transfers), &members), [512, 1024, 512, 2048]);
    }

    #[test]
    fn among_the_plans_with_the_fewest_moves_one_that_evens_the_cost_is_taken() {
        // Shard 0 has four cheap and four dear buckets, shard 1 is new: two of each move, not the first four.
        let cost = |bucket| if bucket < 4 { 10 } else { 1000 };
        let load = |bucket| Load { bucket: model::Bucket(bucket), on: ShardId(0), cost: cost(bucket) };
        let loads: Vec<Load> = (0..8).map(load).collect();
        let transfers = planned(&loads, &equal(2));
        assert_eq!(transfers.len(), 4);
        assert_eq!(costs(&after(&loads, &transfers), &equal(2)), [2020, 2020]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_fewer_moves_give_the_shares_and_every_count_is_a_share((loads, members) in cluster()) {
            let transfers = planned(&loads, &members);
            let (have, get) = (counts(&loads, &members), counts(&after(&loads, &transfers), &members));
            let on_members: usize = have.iter().sum();
            let above: usize = have.iter().zip(&get).map(|(have, get)| have.saturating_sub(*get)).sum();
            prop_assert_eq!(transfers.len(), above + (loads.len() - on_members));
            let weights: usize = members.iter().map(|member| member.weight as usize).sum();
            for (member, get) in members.iter().zip(get) {
                let exact = loads.len() * member.weight as usize;
                prop_assert!(get == exact / weights || get == exact.div_ceil(weights));
            }
        }

        #[test]
        fn a_new_shard_of_equal_weight_is_the_only_one_that_gets_a_bucket(buckets in 1_u32..600, shards in 1_u32..12) {
            let even = super::super::fixtures::dense(buckets, shards);
            let transfers = planned(&even, &equal(shards + 1));
            prop_assert!(transfers.iter().all(|transfer| transfer.to == ShardId(shards)));
        }

        #[test]
        fn a_new_shard_of_any_weight_lets_each_other_get_one_bucket_at_most((loads, mut members) in cluster(), weight in 1_u32..5) {
            let even = after(&loads, &planned(&loads, &members));
            let new = ShardId(99);
            members.push(Member { shard: new, weight });
            let transfers = planned(&even, &members);
            for member in members {
                let gets = transfers.iter().filter(|transfer| transfer.to == member.shard).count();
                prop_assert!(member.shard == new || gets <= 1);
            }
        }
    }
}
