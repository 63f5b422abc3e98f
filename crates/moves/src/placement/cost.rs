//! Even cost: what `shard rebalance` does with measured rows, bytes and load.
//!
//! Beginning from the present placement, the shard that is the most above its fair part of the cost gives a bucket to the one that is the
//! most below, until all are within the tolerance. To find the least number of moves is NP-hard (Aggarwal, Motwani and Zhu, The Load
//! Rebalancing Problem, SPAA 2003), so this is greedy: the bucket that comes the nearest to what is missing goes first.
//!
//! It ends: every move lessens the sum of cost² / weight over the shards, so no placement comes twice. A shard that is too far above
//! because of one hot bucket keeps that bucket and sheds the rest, but for what is within the tolerance; the others share what is left.

use super::stock::Stock;
use super::{Load, Member, Refusal, Transfer, checked, transfers};

/// A tolerance above this one is as good as none, and is taken for it so that the sums stay within 128 bits.
const MOST_PERCENT: u32 = 10_000;

/// What has to move so that each shard's cost is within so many percent of its fair part, or as near as single moves bring it, by bucket.
/// Shards without weight are emptied in any case. 5 percent is a good tolerance: less moves more buckets for little.
pub fn balance_by_cost(loads: &[Load], members: &[Member], tolerance_percent: u32) -> Result<Vec<Transfer>, Refusal> {
    let (loads, members) = checked(loads, members)?;
    let mut stock = Stock::new(&loads, &members);
    let homeless = std::mem::take(&mut stock.homeless);
    stock.house(homeless, |_, _| true);
    // Places in the shards. Who can neither give nor take what it should is set aside.
    let mut open: Vec<usize> = (0..stock.shards.len()).collect();
    loop {
        open.sort_by(|a, b| {
            let (a, b) = (&stock.shards[*a], &stock.shards[*b]);
            (a.cost * b.weight).cmp(&(b.cost * a.weight)).then(a.id.cmp(&b.id))
        });
        let (Some(&lowest), Some(&highest)) = (open.first(), open.last()) else { break };
        let fair = Fair::of(&stock, &open, tolerance_percent);
        let (above, below) = (-fair.room(&stock, highest), fair.room(&stock, lowest));
        let (outlier, found) = if above > fair.slack(&stock, highest) {
            let mut takers = open.iter().filter(|taker| **taker != highest && !fair.is_but_hot(&stock, highest));
            (highest, takers.find_map(|taker| choose(&stock, &fair, highest, *taker)))
        } else if below > fair.slack(&stock, lowest) {
            let mut givers = open.iter().rev().filter(|giver| **giver != lowest);
            (lowest, givers.find_map(|giver| choose(&stock, &fair, *giver, lowest)))
        } else {
            break;
        };
        if let Some(step) = found {
            stock.take(step.place, step.giver);
            stock.put(step.place, step.taker);
        } else {
            open.retain(|shard| *shard != outlier);
        }
    }
    Ok(transfers(&loads, &stock.owners))
}

/// What is fair among some shards.
struct Fair {
    cost: i128,
    weight: i128,
    /// The weight of the heaviest.
    greatest_weight: i128,
    tolerance_percent: i128,
}

impl Fair {
    fn of(stock: &Stock<'_>, open: &[usize], tolerance_percent: u32) -> Self {
        let cost = open.iter().map(|shard| stock.shards[*shard].cost).sum();
        let weight = open.iter().map(|shard| stock.shards[*shard].weight).sum();
        let greatest_weight = open.iter().map(|shard| stock.shards[*shard].weight).max().unwrap_or(0);
        Self { cost, weight, greatest_weight, tolerance_percent: i128::from(tolerance_percent.min(MOST_PERCENT)) }
    }

    fn part(&self, stock: &Stock<'_>, shard: usize) -> i128 {
        self.cost * stock.shards[shard].weight / self.weight
    }

    /// How much cost the shard may be away from its part.
    fn slack(&self, stock: &Stock<'_>, shard: usize) -> i128 {
        self.part(stock, shard) * self.tolerance_percent / 100
    }

    /// Whether the shard has a bucket too hot for every shard, and little else: to take that away too would move much for nothing.
    fn is_but_hot(&self, stock: &Stock<'_>, shard: usize) -> bool {
        let dearest = stock.shards[shard].holds.iter().map(|place| stock.cost(*place)).max().unwrap_or(0);
        let most = self.cost * self.greatest_weight * (100 + self.tolerance_percent) / (100 * self.weight);
        dearest > most && stock.shards[shard].cost - dearest <= self.slack(stock, shard)
    }

    /// How much cost the shard lacks; less than 0 where it has too much.
    fn room(&self, stock: &Stock<'_>, shard: usize) -> i128 {
        self.part(stock, shard) - stock.shards[shard].cost
    }
}

/// One bucket's move.
struct Move {
    place: usize,
    giver: usize,
    taker: usize,
}

/// The bucket to move between two shards: of those that leave neither outside the tolerance on the wrong side, the one nearest to what is
/// missing. Where the smallest is larger than that, it may still go if the taker then bears no more than the giver for its weight.
fn choose(stock: &Stock<'_>, fair: &Fair, giver: usize, taker: usize) -> Option<Move> {
    let (source, target) = (&stock.shards[giver], &stock.shards[taker]);
    let (excess, room) = (-fair.room(stock, giver), fair.room(stock, taker));
    let wanted = excess.min(room);
    let most = (excess + fair.slack(stock, giver)).min(room + fair.slack(stock, taker));
    // Whether the sum of cost² / weight gets less.
    let helps = |cost| (2 * target.cost + cost) * source.weight < (2 * source.cost - cost) * target.weight;
    let in_order = |cost| (target.cost + cost) * source.weight <= (source.cost - cost) * target.weight;
    let candidates = || source.holds.iter().copied().filter(|place| helps(stock.cost(*place)));
    let fitting = candidates().filter(|place| stock.cost(*place) <= most);
    let nearest = fitting.min_by_key(|place| {
        let cost = stock.cost(*place);
        ((cost - wanted).abs(), -cost, *place)
    });
    let smallest = || candidates().min_by_key(|place| (stock.cost(*place), *place));
    let place = nearest.or_else(|| smallest().filter(|place| in_order(stock.cost(*place))))?;
    Some(Move { place, giver, taker })
}

#[cfg(test)]
mod tests {
    use model::{Bucket, ShardId};
    use proptest::prelude::*;

    use super::super::fixtures::{after, cluster, costs, dense, equal, first_map, weighted};
    use super::*;

    fn on(shard: u32, costs: &[u64], from: u32) -> Vec<Load> {
        (from..)
            .zip(costs)
            .map(|(bucket, cost)| Load { bucket: Bucket(bucket), on: ShardId(shard), cost: *cost })
            .collect()
    }

    fn balanced(loads: &[Load], members: &[Member]) -> (usize, Vec<u64>) {
        let transfers = balance_by_cost(loads, members, 5).unwrap();
        (transfers.len(), costs(&after(loads, &transfers), members))
    }

    #[test]
    fn what_is_within_the_tolerance_stays() {
        let mut loads = first_map(4);
        for load in &mut loads {
            load.cost = if load.on == ShardId(0) { 105 } else { 101 };
        }
        assert_eq!(balance_by_cost(&loads, &equal(4), 5), Ok(vec![]));
    }

    #[test]
    fn one_move_that_fits_is_preferred_to_many() {
        let loads = [on(0, &[10, 10, 10, 10, 10, 50, 100], 0), on(1, &[100], 10)].concat();
        let transfers = balance_by_cost(&loads, &equal(2), 5).unwrap();
        assert_eq!(transfers, [Transfer { bucket: Bucket(5), from: ShardId(0), to: ShardId(1) }]);
    }

    #[test]
    fn a_bucket_too_hot_for_any_shard_stays_and_the_rest_is_shared_by_the_others() {
        let loads = [on(0, &[900], 0), on(1, &[10; 12], 10), on(2, &[10; 3], 30), on(3, &[10; 3], 40)].concat();
        assert_eq!(balanced(&loads, &equal(4)), (6, vec![900, 60, 60, 60]));
        // Alone on its shard and the others even: nothing to do.
        let loads = [on(0, &[900], 0), on(1, &[10; 6], 10), on(2, &[10; 6], 30)].concat();
        assert_eq!(balanced(&loads, &equal(3)), (0, vec![900, 60, 60]));
        // Two shards and nothing but the hot bucket.
        assert_eq!(balanced(&on(0, &[900], 0), &equal(2)), (0, vec![900, 0]));
    }

    #[test]
    fn a_hot_shard_sheds_what_is_not_hot_but_for_what_is_not_worth_a_move() {
        let loads = [on(0, &[900, 10, 10, 10], 0), on(1, &[10; 6], 10), on(2, &[10; 6], 30)].concat();
        assert_eq!(balanced(&loads, &equal(3)), (2, vec![910, 70, 70]));
    }

    #[test]
    fn where_a_few_buckets_bear_nearly_all_few_move() {
        let mut loads = first_map(4);
        for load in &mut loads {
            load.cost = 100_000_000 / (u64::from(load.bucket.0) + 1).pow(2);
        }
        // Shards 0 and 1 keep their first bucket, hotter than any shard's part; nearly all other buckets are not worth a move.
        let costs = vec![101_304_394, 25_773_628, 12_568_437, 12_771_630, 12_048_895];
        assert_eq!(balanced(&loads, &equal(5)), (14, costs));
    }

    #[test]
    fn a_new_shard_of_double_weight_gets_a_double_part_and_one_that_drains_gives_all() {
        // 80, 80, 80, 0 and 160 but for the tolerance.
        assert_eq!(balanced(&dense(400, 4), &weighted(&[1, 1, 1, 0, 2])), (152, vec![83, 83, 82, 0, 152]));
    }

    /// The sum of cost² / weight, and the greatest distance from the fair part in parts of it.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn unevenness(loads: &[Load], members: &[Member]) -> (f64, f64) {
        let weights: u32 = members.iter().map(|member| member.weight).sum();
        let total: u64 = loads.iter().map(|load| load.cost).sum();
        let (mut squares, mut furthest) = (0.0, 0.0_f64);
        for (member, cost) in members.iter().zip(costs(loads, members)).filter(|(member, _)| member.weight > 0) {
            let fair = total as f64 * f64::from(member.weight) / f64::from(weights);
            squares += (cost as f64).powi(2) / f64::from(member.weight);
            furthest = furthest.max((cost as f64 / fair - 1.0).abs());
        }
        (squares, furthest)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn each_plan_lessens_the_unevenness_or_is_empty((loads, members) in cluster()) {
            let first = after(&loads, &super::super::plan(super::super::Strategy::Ring, &loads, &members).unwrap());
            let transfers = balance_by_cost(&first, &members, 5).unwrap();
            let ends = after(&first, &transfers);
            let (before, then) = (unevenness(&first, &members).0, unevenness(&ends, &members).0);
            prop_assert!(transfers.is_empty() || then < before, "{before} to {then}");
            prop_assert!(transfers.is_sorted_by(|a, b| a.bucket < b.bucket));
        }

        /// Where each bucket is at most the tolerance of a shard's part, the tolerance is reached.
        #[test]
        fn small_buckets_can_always_be_brought_within_the_tolerance(
            costs in prop::collection::vec(50_u64..=100, 600),
            weights in prop::collection::vec(1_u32..=2, 1..=12),
            skew in 1_usize..=12,
        ) {
            let members = weighted(&weights);
            let mut loads = on(0, &costs, 0);
            for (n, load) in loads.iter_mut().enumerate() {
                load.on = members[n % skew.min(members.len())].shard;
            }
            let transfers = balance_by_cost(&loads, &members, 10).unwrap();
            let (_, furthest) = unevenness(&after(&loads, &transfers), &members);
            prop_assert!(furthest <= 0.101, "{furthest}");
        }
    }
}
