//! Several lists, each read a bit at a time, made one: the greatest first.

use std::cmp::Reverse;

/// What was read of the lists so far. Each is in descending order, and none has what another has.
#[derive(Debug)]
pub struct Merge<T> {
    wanted: usize,
    runs: Vec<Run<T>>,
}

#[derive(Debug)]
struct Run<T> {
    items: Vec<T>,
    ended: bool,
}

impl<T: Ord> Merge<T> {
    /// Nothing of so many lists; `wanted` is how many of all are looked for.
    pub fn new(lists: usize, wanted: usize) -> Self {
        Self { wanted, runs: (0..lists).map(|_| Run { items: Vec::new(), ended: false }).collect() }
    }

    /// How many of a list are worth asking for at a time: its share of what is wanted, and half of that and a few in addition, since chance
    /// gives some lists more than their share. So one round is nearly always enough, and the more lists, the less each has to read.
    pub fn share(&self) -> usize {
        let even = self.wanted.div_ceil(self.runs.len().max(1));
        (even + even / 2 + 4).min(self.wanted)
    }

    /// Takes what was read of a list after what was read before. It has ended where fewer came than were asked for.
    pub fn add(&mut self, list: usize, items: Vec<T>, asked: usize) {
        let run = &mut self.runs[list];
        run.ended = items.len() < asked;
        run.items.extend(items);
    }

    /// Lists that have to be read on before the greatest `wanted` are known, each with the last that was read of it. None: they are known.
    pub fn lacking(&self) -> Vec<(usize, Option<&T>)> {
        let mut all: Vec<&T> = self.runs.iter().flat_map(|run| &run.items).collect();
        all.sort_unstable_by_key(|item| Reverse(*item));
        // What a list has not told yet is below what it told last.
        let least = self.wanted.checked_sub(1).and_then(|at| all.get(at));
        let runs = self.runs.iter().enumerate().filter(|(_, run)| !run.ended);
        let lasts = runs.map(|(list, run)| (list, run.items.last()));
        lasts.filter(|(_, last)| last.is_none_or(|last| least.is_none_or(|least| last > *least))).collect()
    }

    /// What was read of all, the greatest first; right up to `wanted` once nothing is lacking.
    pub fn merged(self) -> Vec<T> {
        let mut all: Vec<T> = self.runs.into_iter().flat_map(|run| run.items).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(self.wanted);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Reads lists as they are read from shards: below a bound, so many at a time. The rounds, and the items.
    fn read(lists: &[Vec<u32>], below: u32, wanted: usize) -> (usize, Vec<u32>) {
        let mut merge = Merge::new(lists.len(), wanted);
        let mut rounds = 0;
        loop {
            let lacking: Vec<_> = merge.lacking().into_iter().map(|(list, last)| (list, last.copied())).collect();
            if lacking.is_empty() {
                return (rounds, merge.merged());
            }
            rounds += 1;
            let asked = merge.share();
            for (list, last) in lacking {
                let from = last.unwrap_or(below);
                merge.add(list, lists[list].iter().copied().filter(|item| *item < from).take(asked).collect(), asked);
            }
        }
    }

    proptest! {
        // R70: however a list is split, its pages are those of the whole.
        #[test]
        fn any_split_has_the_pages_of_the_whole(
            items in proptest::collection::btree_map(0u32..2_000, 0usize..8, 0..300),
            lists in 1usize..8,
            limit in 1usize..60,
        ) {
            let mut split = vec![Vec::new(); lists];
            for (item, list) in items.iter().rev() {
                split[list % lists].push(*item);
            }
            let mut whole: Vec<u32> = items.into_keys().rev().collect();
            let mut below = u32::MAX;
            loop {
                let (_, page) = read(&split, below, limit + 1);
                let expected: Vec<u32> = whole.iter().copied().take(limit + 1).collect();
                prop_assert_eq!(&page, &expected);
                if page.len() <= limit {
                    break;
                }
                below = page[limit - 1];
                whole.drain(..limit);
            }
        }
    }

    #[test]
    fn an_even_split_takes_one_round_of_little_more_than_the_shares() {
        // A sequence without a pattern.
        let lists: Vec<Vec<u32>> = (0..4)
            .map(|list| (0..10_000u32).rev().filter(|n| n.wrapping_mul(0x9E37_79B9) >> 30 == list).collect())
            .collect();
        let all: BTreeSet<u32> = lists.iter().flatten().copied().collect();
        assert_eq!(all.len(), 10_000);
        let (rounds, page) = read(&lists, u32::MAX, 51);
        assert_eq!((rounds, page[0], page.len()), (1, 9_999, 51));
        assert_eq!(Merge::<u32>::new(4, 51).share(), 23);
    }

    #[test]
    fn one_list_that_has_nearly_everything_is_read_on() {
        let lists = [(0..200).rev().collect(), vec![500], Vec::new()];
        let (rounds, page) = read(&lists, u32::MAX, 100);
        assert_eq!((rounds, page[0], page[1], page[99]), (2, 500, 199, 101));
    }
}
