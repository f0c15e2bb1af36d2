//! How far a query has to reach: the rule that ends a search early.
//!
//! The *reach* of the partition at place j of a query's order (0 is the most promising) says how unlikely it
//! is that the partition still holds one of the k nearest rows, judged by what those before it gave:
//!
//! ```text
//! l2, cosine, hamming   (D_j - D_0) / d_k * sqrt(j + 1)
//! dot                   (P_j - d_k) / |q| * sqrt(j + 1)
//! ```
//!
//! D_j is the squared distance to the partition's centroid, P_j is one minus the product with it, and d_k is
//! the distance of the k-th best row found so far. A gap between centroids that is large beside d_k puts the
//! border between the partitions out of the neighbours' reach (SPANN and Quake stop by such gaps); the root
//! weighs in that the next partition of many holds less than the next of few. A search stops at the first
//! partition whose reach is above a limit, which `calibrate` reads off the table's own rows. So the formula
//! only has to order partitions well: it promises no probability, and needs no model of the data. On GloVe and
//! Fashion-MNIST it searches a fifth to a third fewer partitions than a fixed number for the same recall.

use crate::distance::Metric;
use crate::index::TopK;

/// A k-th best distance below this share of the distance to the first centroid is a duplicate, or noise of an
/// estimate, and says nothing of where the other neighbours are.
const NEAR_MIN: f32 = 1.0 / 64.0;

/// What turns scores and distances into a reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scale {
    /// Scores are squared distances, and so are distances once multiplied.
    Squared { per_distance: f32 },
    /// Scores lack what is to be added, and grow with the query's length.
    Product { missing: f32, length: f32 },
}

impl Scale {
    pub(crate) fn new(metric: Metric, query_point: &[f32], mean: &[f32]) -> Self {
        match metric {
            Metric::L2 | Metric::Hamming => Self::Squared { per_distance: 1.0 },
            // Of vectors of length one: |q - x|^2 = 2 (1 - <q, x>).
            Metric::Cosine => Self::Squared { per_distance: 2.0 },
            Metric::Dot => Self::Product {
                missing: -crate::distance::dot(query_point, mean),
                length: crate::distance::norm_squared(query_point).sqrt(),
            },
        }
    }
}

/// One query's reaches, partition after partition.
pub(crate) struct Reach {
    scale: Scale,
    k: usize,
    /// A row that does not count: the one that asks.
    own_id: Option<u64>,
    /// The score of the first partition.
    first: f32,
    /// The distance of the k-th best row when it was last looked at; infinite before there were k.
    near: f32,
    /// The place at which that was.
    looked_at: usize,
    distances: Vec<f32>,
}

impl Reach {
    /// Of a query that wants `k` rows; `first` is the score of its first partition.
    pub(crate) fn new(scale: Scale, first: f32, k: usize, own_id: Option<u64>) -> Self {
        Self { scale, k, own_id, first, near: f32::INFINITY, looked_at: 0, distances: Vec::new() }
    }

    /// The reach of the partition at `place` (from 1 on), while `top` holds what those before it gave. Places
    /// are asked for in order, one again if what was there had no row that counts. While there are fewer than k rows
    /// nothing is out of reach: minus infinity.
    #[inline]
    pub(crate) fn of(&mut self, place: usize, score: f32, top: &TopK) -> f32 {
        if self.looks_at(place) && place != self.looked_at && top.len() >= self.k {
            self.look(top);
            self.looked_at = place;
        }
        if self.near == f32::INFINITY {
            return f32::NEG_INFINITY;
        }
        let root = ((place + 1) as f32).sqrt();
        match self.scale {
            Scale::Squared { per_distance } => {
                let gap = (score - self.first).max(0.0);
                let near = (per_distance * self.near).max(NEAR_MIN * self.first);
                if gap == 0.0 { 0.0 } else { gap * root / near }
            }
            Scale::Product { missing, length } => (score + missing - self.near) * root / length,
        }
    }

    /// Whether the candidates of the partitions before `place` count there. The k-th best moves less and less, so it is
    /// enough to look at it after 1, 2, 4, 8, ... partitions once there is one.
    pub(crate) fn looks_at(&self, place: usize) -> bool {
        place.is_power_of_two() || self.near == f32::INFINITY
    }

    fn look(&mut self, top: &TopK) {
        let kept = top.kept().iter().filter(|candidate| self.own_id != Some(candidate.row_id));
        self.distances.clear();
        self.distances.extend(kept.map(|candidate| candidate.distance));
        if self.k > 0 && self.distances.len() >= self.k {
            self.near = *self.distances.select_nth_unstable_by(self.k - 1, f32::total_cmp).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Candidate;

    fn found(distances: &[f32]) -> TopK {
        let mut top = TopK::new(10);
        for (row_id, &distance) in (0..).zip(distances) {
            top.push(Candidate { distance, row_id });
        }
        top
    }

    /// The reach of a query at 2 among points with a mean of 1, whose first score is `first`.
    fn reach(metric: Metric, first: f32, k: usize, own_id: Option<u64>) -> Reach {
        Reach::new(Scale::new(metric, &[2.0], &[1.0]), first, k, own_id)
    }

    #[test]
    fn partitions_are_out_of_reach_by_their_gap_beside_the_kth_distance() {
        let mut reach = reach(Metric::L2, 0.0, 2, None);

        let top = found(&[0.5, 2.0, 9.0]);
        assert_eq!(reach.of(1, 4.0, &top), 4.0 / 2.0 * 2.0f32.sqrt());
        assert_eq!(reach.of(2, 16.0, &top), 16.0 / 2.0 * 3.0f32.sqrt());
    }

    #[test]
    fn nothing_is_out_of_reach_before_k_rows_are_found() {
        for metric in [Metric::L2, Metric::Dot] {
            let mut reach = reach(metric, 0.0, 2, Some(1));

            assert_eq!(reach.of(1, 4.0, &found(&[0.5, 0.0])), f32::NEG_INFINITY);
            assert_eq!(reach.of(2, 16.0, &found(&[0.5])), f32::NEG_INFINITY);
            assert!(reach.of(3, 16.0, &found(&[0.5, 0.0, 2.0])) > 0.0);
        }
    }

    #[test]
    fn for_dot_a_longer_query_reaches_just_as_far() {
        // The score of a centroid at 3; distances are one minus the product with 6 and with 5.5.
        let reach = |length: f32| {
            let scale = Scale::new(Metric::Dot, &[length], &[1.0]);
            let top = found(&[1.0 - 6.0 * length, 1.0 - 5.5 * length]);
            Reach::new(scale, 1.0 - 5.0 * length, 2, None).of(1, 1.0 - 3.0 * length, &top)
        };

        assert!((reach(1.0) - 1.5 * 2.0f32.sqrt()).abs() < 1e-6, "{}", reach(1.0));
        assert!((reach(1.0) - reach(10.0)).abs() < 1e-5);
    }

    #[test]
    fn equal_centroids_are_within_reach_even_of_a_query_at_them() {
        assert_eq!(reach(Metric::L2, 0.0, 1, None).of(1, 0.0, &found(&[0.0])), 0.0);
    }
}
