//! Which partitions a query looks into, and in which order.

use super::coarse::CoarseCentroids;
use super::reach::{Reach, Scale};
use crate::distance::{Metric, dot, l2_squared};
use crate::error::Result;
use crate::index::{Found, Probe, TopK};
use crate::progress::Progress;

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

    /// The partition after the one at `place`, if it is known already.
    fn after(&self, place: usize) -> Option<usize> {
        self.ranked[..self.sorted].get(place + 1).map(|ranked| ranked.partition)
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

/// Probes partitions in order: at least `probes_min`, then on to `probes_max` while it is worth it: while
/// those to come are within reach, or, without an early stop, while there are too few candidates. `scan` offers
/// a partition's rows to the candidates and returns how many rows it looked at; it is told the partition that
/// probably follows. A partition of which it looks at none is passed over and does not count.
pub(crate) fn probe(
    ranking: &mut Ranking<'_>,
    probe: &Probe<'_>,
    exact: bool,
    progress: &Progress,
    mut scan: impl FnMut(Ranked, Option<usize>, &mut TopK) -> Result<u64>,
) -> Result<Found> {
    let mut top = TopK::new(probe.candidates);
    let mut found = Found::nothing(exact);
    let probes_max = probe.probes_max.unwrap_or(usize::MAX).max(probe.probes_min).min(ranking.len());
    let scale = ranking.scale();
    let mut reach = None;
    for place in 0.. {
        let searched = found.partitions_searched;
        if searched == probes_max {
            break;
        }
        let Some(ranked) = ranking.get(place, probe.ahead()) else { break };
        if searched >= probe.probes_min {
            found.stopped_early = match (probe.early_stop, &mut reach) {
                (None, _) => top.len() >= probe.candidates,
                // The first partition is never out of reach.
                (Some(_), None) => false,
                (Some(stop), Some(reach)) => Reach::of(reach, searched, ranked.score, &top) > stop.reach,
            };
            if found.stopped_early {
                break;
            }
        }
        progress.check()?;
        let rows = scan(ranked, ranking.after(place), &mut top)?;
        if rows > 0 {
            found.rows_scanned += rows;
            found.partitions_searched += 1;
            if let (Some(stop), None) = (probe.early_stop, &reach) {
                reach = Some(Reach::new(scale, ranked.score, stop.k, None));
            }
        }
    }
    found.candidates = top.into_sorted();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Candidate, EarlyStop};

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

    /// Probes with one candidate in each of the last two partitions of the order.
    fn searched(candidates: usize, probes_min: usize, probes_max: Option<usize>) -> usize {
        let settings = Probe { candidates, probes_min, probes_max, ..Probe::default() };
        let scan = |ranked: Ranked, _, top: &mut TopK| {
            if ranked.score >= 16.0 {
                top.push(Candidate { distance: ranked.score, row_id: 0 });
            }
            Ok(1)
        };
        probe(&mut ranking(), &settings, false, &Progress::none(), scan).unwrap().partitions_searched
    }

    /// Probes with an early stop, with one candidate at distance 1 in each partition.
    fn reached(k: usize, reach: f32, probes_min: usize) -> (usize, bool) {
        let early_stop = Some(EarlyStop { k, reach, expected: 1 });
        let settings = Probe { candidates: 10, probes_min, early_stop, ..Probe::default() };
        let scan = |_: Ranked, _, top: &mut TopK| {
            top.push(Candidate { distance: 1.0, row_id: 0 });
            Ok(1)
        };
        let found = probe(&mut ranking(), &settings, false, &Progress::none(), scan).unwrap();
        (found.partitions_searched, found.stopped_early)
    }

    #[test]
    fn probing_stops_at_the_first_partition_out_of_reach() {
        // Scores are 1, 1, 4, 16, 25, so reaches 0, 3 sqrt(3), 30, 24 sqrt(5).
        assert_eq!(reached(1, 0.0, 0), (2, true));
        assert_eq!(reached(1, 6.0, 0), (3, true));
        assert_eq!(reached(1, 6.0, 4), (4, true));
        assert_eq!(reached(1, f32::MAX, 0), (5, false));
        assert_eq!(reached(4, 0.0, 0), (4, true));
        assert_eq!(reached(6, 0.0, 0), (5, false));
    }

    #[test]
    fn probing_goes_on_while_there_are_too_few_candidates() {
        assert_eq!(searched(1, 1, None), 4);
        assert_eq!(searched(2, 1, None), 5);
        assert_eq!(searched(3, 1, None), 5);
        assert_eq!(searched(1, 1, Some(2)), 2);
        assert_eq!(searched(1, 5, Some(5)), 5);
        assert_eq!(searched(1, 3, Some(1)), 3);
    }
}
