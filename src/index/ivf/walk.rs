//! A query's walk through the partitions: how far it goes, and queries that go together.

use super::ranking::{Ranked, Ranking};
use super::reach::Reach;
use crate::error::Result;
use crate::index::{EarlyStop, Found, Probe, TopK};
use crate::progress::Progress;

/// One query on its way: at least `probes_min` partitions in the order of its ranking, then on to `probes_max` while
/// it is worth it: while those to come are within reach, or, without an early stop, while there are too few candidates.
/// Partitions without a row that counts are passed over, as if there were none.
pub(crate) struct Walk<'a> {
    ranking: Ranking<'a>,
    settings: &'a Probe<'a>,
    /// What the partition that was handed out first makes of the early stop.
    early: Option<(EarlyStop, Reach)>,
    top: TopK,
    /// The next place in the ranking.
    next: usize,
    /// Partitions that were handed out.
    place: usize,
    places_max: usize,
    stopped_early: bool,
    rows_scanned: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(ranking: Ranking<'a>, settings: &'a Probe<'a>) -> Self {
        Self {
            places_max: settings.probes_max.unwrap_or(usize::MAX).max(settings.probes_min),
            top: TopK::new(settings.candidates),
            ranking,
            settings,
            early: None,
            next: 0,
            place: 0,
            stopped_early: false,
            rows_scanned: 0,
        }
    }

    /// Replaces `wave` by the partitions that come next, as many as are decided already: what they hold does not
    /// change whether the others of the wave are searched. None is left when it stays empty. `counts`: whether a row of
    /// a partition counts.
    fn wave(&mut self, wave: &mut Vec<Ranked>, counts: &dyn Fn(usize) -> bool) {
        wave.clear();
        while self.place < self.places_max && !self.stopped_early {
            // The nearest partition goes alone, so that its rows set a threshold for the others.
            if !wave.is_empty() && (self.place == 1 || self.depends_on_candidates()) {
                return;
            }
            let Some(ranked) = self.ranking.get(self.next, self.settings.ahead()) else { return };
            self.stopped_early = !self.is_certain() && self.is_out_of_reach(ranked);
            if self.stopped_early {
                return;
            }
            self.next += 1;
            if counts(ranked.partition) {
                self.early = self.early.take().or_else(|| self.reach_from(ranked));
                wave.push(ranked);
                self.place += 1;
            }
        }
    }

    /// Whether the next partition is searched in any case. The first is never out of reach.
    fn is_certain(&self) -> bool {
        self.place < self.settings.probes_min.max(self.settings.early_stop.is_some().into())
    }

    /// Of a search that begins at a partition.
    fn reach_from(&self, first: Ranked) -> Option<(EarlyStop, Reach)> {
        let stop = self.settings.early_stop?;
        Some((stop, Reach::new(self.ranking.scale(), first.score, stop.k, None)))
    }

    /// Whether it takes the candidates of all partitions before the next one to decide about it.
    fn depends_on_candidates(&self) -> bool {
        !self.is_certain() && self.early.as_ref().is_none_or(|(_, reach)| reach.looks_at(self.place))
    }

    fn is_out_of_reach(&mut self, ranked: Ranked) -> bool {
        match &mut self.early {
            Some((stop, reach)) => reach.of(self.place, ranked.score, &self.top) > stop.reach,
            None => self.top.len() >= self.settings.candidates,
        }
    }

    fn end(self, exact: bool) -> Found {
        Found {
            candidates: self.top.into_sorted(),
            exact,
            partitions_searched: self.place,
            stopped_early: self.stopped_early,
            rows_scanned: self.rows_scanned,
        }
    }
}

/// Where one of several walks goes next.
struct Step {
    walk: usize,
    ranked: Ranked,
}

/// Goes the walks of several queries to their ends, and returns what each found: nothing where there is no walk, because
/// nothing can be near the query. With each walk comes what `scan` needs to know of the query. `counts` says whether a
/// row of a partition counts; `scan` offers a partition's rows to the candidates of a walk and returns how many rows it
/// looked at; it is told the partition that probably follows.
///
/// Several walks go in waves, each in the order of partitions, so that a partition which many queries look into is read
/// once while it is in a cache. What a walk finds does not depend on the others.
pub(crate) fn walk<Q>(
    queries: Vec<Option<(Walk<'_>, Q)>>,
    exact: bool,
    progress: &Progress,
    counts: &dyn Fn(usize) -> bool,
    mut scan: impl FnMut(&mut Q, Ranked, Option<usize>, &mut TopK) -> Result<u64>,
) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = queries.iter().map(|_| Found::nothing(exact)).collect();
    let walks = queries.into_iter().enumerate();
    let mut walks: Vec<_> =
        walks.filter_map(|(at, walk)| walk.map(|(walk, query)| (at, walk, query))).collect();
    let (mut steps, mut wave) = (Vec::new(), Vec::new());
    loop {
        steps.clear();
        for (walk, (_, walker, _)) in walks.iter_mut().enumerate() {
            walker.wave(&mut wave, counts);
            steps.extend(wave.iter().map(|&ranked| Step { walk, ranked }));
        }
        if steps.is_empty() {
            walks.into_iter().for_each(|(at, walk, _)| found[at] = walk.end(exact));
            return Ok(found);
        }
        if walks.len() > 1 {
            steps.sort_unstable_by_key(|step| (step.ranked.partition, step.walk));
        }
        for (at, &Step { walk, ranked }) in steps.iter().enumerate() {
            progress.check()?;
            let (_, walker, query) = &mut walks[walk];
            let next = match steps.get(at + 1) {
                Some(next) => Some(next.ranked.partition),
                None => walker.ranking.known(walker.next),
            };
            walker.rows_scanned += scan(query, ranked, next, &mut walker.top)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::Metric;
    use crate::index::Candidate;
    use crate::index::ivf::coarse::CoarseCentroids;

    const CENTROIDS: [f32; 6] = [5.0, 1.0, 4.0, 1.0, 3.0, 2.0];

    fn ranking(point: f32) -> Ranking<'static> {
        let coarse = CoarseCentroids::new(Metric::L2, &CENTROIDS, 1);
        Ranking::new(Metric::L2, &[point], &[2.0], &CENTROIDS, &coarse, |partition| partition != 4)
    }

    fn walks<'a>(points: &[f32], settings: &'a Probe<'a>) -> Vec<Option<(Walk<'a>, f32)>> {
        points.iter().map(|&point| Some((Walk::new(ranking(point), settings), point))).collect()
    }

    fn alone(
        settings: &Probe<'_>,
        scan: impl FnMut(&mut f32, Ranked, Option<usize>, &mut TopK) -> Result<u64>,
    ) -> Found {
        let walks = walks(&[2.0], settings);
        walk(walks, false, &Progress::none(), &|_| true, scan).unwrap().remove(0)
    }

    /// Probes with one candidate in each of the last two partitions of the order.
    fn searched(candidates: usize, probes_min: usize, probes_max: Option<usize>) -> usize {
        let settings = Probe { candidates, probes_min, probes_max, ..Probe::default() };
        let scan = |_: &mut f32, ranked: Ranked, _, top: &mut TopK| {
            if ranked.score >= 16.0 {
                top.push(Candidate { distance: ranked.score, row_id: 0 });
            }
            Ok(1)
        };
        alone(&settings, scan).partitions_searched
    }

    /// Probes with an early stop, with one candidate at distance 1 in each partition.
    fn reached(k: usize, reach: f32, probes_min: usize) -> (usize, bool) {
        let early_stop = Some(EarlyStop { k, reach, expected: 1 });
        let settings = Probe { candidates: 10, probes_min, early_stop, ..Probe::default() };
        let scan = |_: &mut f32, _: Ranked, _, top: &mut TopK| {
            top.push(Candidate { distance: 1.0, row_id: 0 });
            Ok(1)
        };
        let found = alone(&settings, scan);
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

    #[test]
    fn partitions_without_a_row_that_counts_are_passed_over() {
        // In the order of the query at 2: 1 3 | 5 | 2 | 0, of which 1, 3 and 2 have no such row.
        let counts = |partition: usize| [0, 5].contains(&partition);
        let searched = |settings: &Probe<'_>| {
            let mut order = Vec::new();
            let scan = |_: &mut f32, ranked: Ranked, _, top: &mut TopK| {
                order.push(ranked.partition);
                top.push(Candidate { distance: 4.0, row_id: 0 });
                Ok(1)
            };
            let walks = walks(&[2.0], settings);
            let found = walk(walks, false, &Progress::none(), &counts, scan).unwrap().remove(0);
            assert_eq!(found.partitions_searched, order.len());
            order
        };
        let some = |probes: usize| Probe {
            candidates: 9,
            probes_min: probes,
            probes_max: Some(probes),
            ..Probe::default()
        };
        assert_eq!(searched(&some(1)), [5]);
        assert_eq!(searched(&some(9)), [5, 0]);
        // The gap from the first partition that counts, at 4, to the last, at 25, beside a distance of 4.
        let stop = |reach| Some(EarlyStop { k: 1, reach, expected: 1 });
        assert_eq!(searched(&Probe { candidates: 9, early_stop: stop(7.0), ..Probe::default() }), [5]);
        assert_eq!(searched(&Probe { candidates: 9, early_stop: stop(8.0), ..Probe::default() }), [5, 0]);
    }

    #[test]
    fn walks_that_go_together_find_what_each_finds_alone() {
        let scan = |point: &mut f32, ranked: Ranked, _, top: &mut TopK| {
            let distance = (CENTROIDS[ranked.partition] - *point).abs();
            top.push(Candidate { distance, row_id: ranked.partition as u64 });
            Ok(1)
        };
        let stop = |reach| Some(EarlyStop { k: 1, reach, expected: 1 });
        for (probes_min, probes_max, early_stop) in
            [(3, Some(3), None), (0, None, None), (0, None, stop(0.5)), (2, Some(4), stop(2.0))]
        {
            let settings = Probe { candidates: 2, probes_min, probes_max, early_stop, ..Probe::default() };
            let points = [2.0, 3.5, 6.0];
            let together =
                walk(walks(&points, &settings), false, &Progress::none(), &|_| true, scan).unwrap();

            for (point, found) in points.into_iter().zip(together) {
                let alone =
                    walk(walks(&[point], &settings), false, &Progress::none(), &|_| true, scan).unwrap();
                assert_eq!(vec![found], alone, "{settings:?} {point}");
            }
        }
    }

    #[test]
    fn a_partition_that_several_walks_look_into_is_searched_for_all_of_them_in_a_row() {
        let settings = Probe { candidates: 9, probes_min: 4, probes_max: Some(4), ..Probe::default() };
        let mut order = Vec::new();
        let walks = walks(&[2.0, 3.5, 6.0], &settings);
        let scan = |_: &mut f32, ranked: Ranked, _, _: &mut TopK| {
            order.push(ranked.partition);
            Ok(1)
        };
        walk(walks, false, &Progress::none(), &|_| true, scan).unwrap();

        // After the nearest partition of each.
        assert_eq!(order.len(), 12);
        assert!(order[3..].is_sorted(), "{order:?}");
    }
}
