//! The k best candidates of a stream, cheap to refuse.
//!
//! A reservoir of up to twice k candidates: a row that does not beat the threshold costs one comparison,
//! one that does costs a push, and once the reservoir is full a selection throws half of it away. Which
//! candidates stay depends only on their order, never on the order in which they came.

use std::cmp::Ordering;

/// A row and its distance. Ordered by distance, then by row id, so that equal distances have one order.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// The distance to the query, on the metric's scale.
    pub distance: f32,
    /// The row's stable id.
    pub row_id: u64,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row_id.cmp(&other.row_id))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

/// Keeps the k smallest of the candidates it is given.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    kept: Vec<Candidate>,
    /// No candidate at or above this can be among the k smallest.
    worst: Option<Candidate>,
}

/// How many candidates beyond k a small reservoir holds before it is thinned.
const SLACK_MIN: usize = 16;

impl TopK {
    /// Keeps the `k` smallest. Memory grows with what is found, not with `k`.
    pub fn new(k: usize) -> Self {
        Self { k, kept: Vec::new(), worst: None }
    }

    /// Offers a candidate. A NaN distance never enters.
    #[inline]
    pub fn push(&mut self, candidate: Candidate) {
        let beaten = self.worst.is_some_and(|worst| candidate >= worst);
        if beaten || candidate.distance.is_nan() || self.k == 0 {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() == self.k {
            self.worst = self.kept.iter().max().copied();
        } else if self.kept.len() >= self.k.saturating_add(self.k.max(SLACK_MIN)) {
            self.thin();
        }
    }

    /// A row farther than this need not be offered; infinite until k candidates were kept.
    /// A row exactly this far may still enter, when its id is lower.
    #[inline]
    pub fn threshold(&self) -> f32 {
        self.worst.map_or(f32::INFINITY, |worst| worst.distance)
    }

    /// How many candidates would be returned now: at most k.
    pub fn len(&self) -> usize {
        self.kept.len().min(self.k)
    }

    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is kept, in no order: all of the k smallest, and up to as many again.
    pub(crate) fn kept(&self) -> &[Candidate] {
        &self.kept
    }

    /// Takes over what another reservoir has kept.
    pub fn merge(mut self, other: Self) -> Self {
        for candidate in other.kept {
            self.push(candidate);
        }
        self
    }

    /// The k smallest, nearest first.
    pub fn into_sorted(mut self) -> Vec<Candidate> {
        if self.kept.len() > self.k {
            self.thin();
        }
        self.kept.sort_unstable();
        self.kept
    }

    /// Drops all but the k smallest.
    fn thin(&mut self) {
        let (_, worst, _) = self.kept.select_nth_unstable(self.k - 1);
        self.worst = Some(*worst);
        self.kept.truncate(self.k);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates(pairs: &[(f32, u64)]) -> Vec<Candidate> {
        pairs.iter().map(|&(distance, row_id)| Candidate { distance, row_id }).collect()
    }

    fn top(k: usize, pairs: &[(f32, u64)]) -> Vec<Candidate> {
        let mut top = TopK::new(k);
        candidates(pairs).into_iter().for_each(|c| top.push(c));
        top.into_sorted()
    }

    #[test]
    fn ties_go_to_the_lower_row_id() {
        let found = top(2, &[(1.0, 9), (1.0, 3), (1.0, 7), (1.0, 1)]);

        assert_eq!(found, candidates(&[(1.0, 1), (1.0, 3)]));
    }

    #[test]
    fn nan_never_enters() {
        assert_eq!(top(2, &[(f32::NAN, 1), (2.0, 2), (-f32::NAN, 3)]), candidates(&[(2.0, 2)]));
    }

    #[test]
    fn the_threshold_is_infinite_until_k_are_kept() {
        let mut top = TopK::new(2);
        assert_eq!(top.threshold(), f32::INFINITY);
        top.push(Candidate { distance: 5.0, row_id: 0 });
        assert_eq!(top.threshold(), f32::INFINITY);
        top.push(Candidate { distance: 3.0, row_id: 1 });
        assert_eq!(top.threshold(), 5.0);
    }

    #[test]
    fn a_huge_k_takes_no_memory_of_its_own() {
        let mut top = TopK::new(usize::MAX);
        top.push(Candidate { distance: 1.0, row_id: 0 });

        assert_eq!(top.into_sorted().len(), 1);
    }

    #[test]
    fn none_of_nothing_is_kept() {
        assert!(top(0, &[(1.0, 1)]).is_empty());
        assert!(top(3, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_kept_are_the_first_of_the_sorted(
            distances in prop::collection::vec(-3i8..3, 0..300),
            k in 0usize..40,
            split in 0usize..300,
        ) {
            let all: Vec<Candidate> = distances
                .iter()
                .enumerate()
                .map(|(i, &d)| Candidate { distance: f32::from(d), row_id: (i as u64 * 7919) % 1009 })
                .collect();
            let mut expected = all.clone();
            expected.sort();
            expected.truncate(k);

            let (left, right) = all.split_at(split.min(all.len()));
            let tops = [left, right].map(|half| {
                let mut top = TopK::new(k);
                half.iter().for_each(|&c| top.push(c));
                top
            });
            let [left, right] = tops;

            prop_assert_eq!(left.merge(right).into_sorted(), expected);
        }
    }
}
