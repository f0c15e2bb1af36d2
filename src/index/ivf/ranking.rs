//! In which order a query looks into partitions.

use super::coarse::CoarseCentroids;
use super::reach::Scale;
use crate::distance::{Metric, dot, l2_squared};

/// A partition and how promising it is: the lower the score, the more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) score: f32,
    pub(crate) partition: usize,
}

/// Partitions in the order of their promise, sorted only as far as they are probed.
///
/// Scores are exact as far as partitions are sorted, and near enough beyond.
pub(crate) struct Ranking<'a> {
    metric: Metric,
    /// The query point, for l2 without the mean.
    point: Vec<f32>,
    centroids: &'a [f32],
    ranked: Vec<Ranked>,
    sorted: usize,
    scale: Scale,
}

/// Partitions beyond those that are wanted whose scores are made exact, so that none is missed.
const SLACK: usize = 8;

impl<'a> Ranking<'a> {
    /// Ranks the partitions that have rows.
    ///
    /// A score is the squared distance between the centroid and the query point without the mean. For dot it
    /// is one minus the inner product of the centroid and the query point as it is, because what is near is
    /// then what lies far out in the query's direction; the mean's own product with the query is the same
    /// for all partitions.
    pub(crate) fn new(
        metric: Metric,
        query_point: &[f32],
        mean: &[f32],
        centroids: &'a [f32],
        coarse: &CoarseCentroids,
        has_rows: impl Fn(usize) -> bool,
    ) -> Self {
        let scale = Scale::new(metric, query_point, mean);
        let mean_weight = if metric == Metric::Dot { 0.0 } else { 1.0 };
        let point: Vec<f32> =
            query_point.iter().zip(mean).map(|(value, mean)| value - mean_weight * mean).collect();
        let mut scores = vec![0.0; centroids.len() / point.len()];
        coarse.scores(&point, &mut scores);
        let ranked = scores.into_iter().enumerate();
        let ranked = ranked.filter(|&(partition, _)| has_rows(partition));
        let ranked = ranked.map(|(partition, score)| Ranked { score, partition }).collect();
        Self { metric, point, centroids, ranked, sorted: 0, scale }
    }

    /// How scores and distances compare.
    pub(crate) fn scale(&self) -> Scale {
        self.scale
    }

    /// How many partitions there are to probe.
    pub(crate) fn len(&self) -> usize {
        self.ranked.len()
    }

    /// The partition at a place in the order, 0 being the most promising.
    pub(crate) fn get(&mut self, place: usize, ahead: usize) -> Option<Ranked> {
        if place >= self.sorted && place < self.ranked.len() {
            self.sort(place.saturating_add(ahead.max(1)));
        }
        self.ranked.get(place).copied()
    }

    /// The partition at a place in the order, if it is known already.
    pub(crate) fn known(&self, place: usize) -> Option<usize> {
        self.ranked[..self.sorted].get(place).map(|ranked| ranked.partition)
    }

    /// Sorts on until at least `count` places are right.
    fn sort(&mut self, count: usize) {
        let order = |a: &Ranked, b: &Ranked| a.score.total_cmp(&b.score).then(a.partition.cmp(&b.partition));
        let rest = &mut self.ranked[self.sorted..];
        let wanted = (count - self.sorted).min(rest.len());
        let likely = wanted.saturating_add(wanted / 4 + SLACK).min(rest.len());
        if likely < rest.len() {
            rest.select_nth_unstable_by(likely, order);
        }
        let dim = self.point.len();
        for ranked in &mut rest[..likely] {
            let centroid = &self.centroids[ranked.partition * dim..][..dim];
            ranked.score = match self.metric {
                Metric::Dot => 1.0 - dot(&self.point, centroid),
                _ => l2_squared(&self.point, centroid),
            };
        }
        rest[..likely].sort_unstable_by(order);
        self.sorted += wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTROIDS: [f32; 6] = [5.0, 1.0, 4.0, 1.0, 3.0, 2.0];

    fn ranking() -> Ranking<'static> {
        let coarse = CoarseCentroids::new(Metric::L2, &CENTROIDS, 1);
        Ranking::new(Metric::L2, &[2.0], &[2.0], &CENTROIDS, &coarse, |partition| partition != 4)
    }

    #[test]
    fn partitions_come_nearest_first_however_far_they_are_sorted_ahead() {
        for ahead in [0, 1, 2, 5, 100] {
            let mut ranking = ranking();
            let order: Vec<usize> = (0..5).map(|p| ranking.get(p, ahead).unwrap().partition).collect();
            assert_eq!(order, [1, 3, 5, 2, 0], "{ahead} ahead");
            assert_eq!(ranking.get(5, ahead), None);
        }
    }

    #[test]
    fn for_dot_partitions_far_out_in_the_direction_of_the_query_come_first() {
        let centroids = [0.5, 10.0, -3.0];
        let coarse = CoarseCentroids::new(Metric::Dot, &centroids, 1);
        let mut ranking = Ranking::new(Metric::Dot, &[1.0], &[7.0], &centroids, &coarse, |_| true);

        assert_eq!(ranking.get(0, 1).unwrap().partition, 1);
        assert_eq!(ranking.get(2, 1).unwrap().partition, 2);
    }
}
