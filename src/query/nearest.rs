//! Finding the rows nearest to query vectors.

use std::ops::Range as Interval;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use crate::distance::{Metric, Query};
use crate::error::Result;
use crate::index::{Candidate, Found, Probe, Range, TopK, VectorColumn, VectorIndex, Wanted, flat};
use crate::progress::Progress;
use crate::query::access::{Access, IndexAccess, check_target, choose_access};
use crate::query::request::Nearest;
use crate::query::row_set::RowSet;
use crate::query::snapshot::Snapshot;
use crate::query::strategy::Choice;
use crate::query::target::{Target, resolve};
use crate::query::trace::Trace;

/// How the rows nearest to some query vectors will be found.
#[derive(Debug)]
pub(crate) struct NearestPlan {
    pub column_name: String,
    column: Arc<VectorColumn>,
    pub metric: Metric,
    queries: Vec<Query>,
    /// How many rows are found per query vector: limit + offset.
    pub k: usize,
    pub range: Range,
    pub access: Access,
    /// The ids of the rows that count: all of the table's, or just those that the index covers.
    row_ids: Interval<u64>,
    /// The ids of rows that are left out because fastSearch was asked for.
    pub left_out: Interval<u64>,
    /// The rows there are, if the index knows some that are gone.
    rows_left: Option<Arc<RowSet>>,
}

impl NearestPlan {
    /// Decides how to search `snapshot`. `filtered`: whether a filter is applied before the search.
    pub fn new(snapshot: &Snapshot, nearest: &Nearest, k: usize, filtered: bool) -> Result<Self> {
        check_target(nearest.target_recall)?;
        let Target { column_name, column, metric, queries } = resolve(snapshot, nearest)?;
        let range = Range { lower: nearest.lower, upper: nearest.upper };
        let k = k.min(column.row_count() as usize).max(1);
        let (mut access, row_id_end) = choose_access(snapshot, nearest, &column_name, metric, k, filtered);
        let row_ids = 0..row_id_end;
        let left_out = row_id_end..snapshot.version().manifest().next_row_id;
        let rows_left = match &access {
            Access::Index(access) => snapshot.rows_left(&access.index)?,
            _ => None,
        };
        if let (Access::Index(access), Some(_)) = (&mut access, &rows_left) {
            // As with a filter: what is gone must not make a result shorter.
            access.probe_on(nearest);
        }
        Ok(Self { column_name, column, metric, queries, k, range, access, row_ids, left_out, rows_left })
    }

    /// How many query vectors there are.
    pub fn query_count(&self) -> usize {
        self.queries.len()
    }

    /// The nearest rows to each query vector, nearest first. Only those in `rows`, if given.
    pub fn run(
        &self,
        rows: Option<&RowSet>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Vec<Candidate>>> {
        match &self.access {
            Access::Nothing => Ok(vec![Vec::new(); self.queries.len()]),
            Access::Exact { .. } => self.exact(self.row_ids.clone(), rows, progress, trace),
            Access::Index(access) => self.indexed(access, rows, progress, trace),
        }
    }

    /// Compares every row whose id is in `row_ids`.
    fn exact(
        &self,
        row_ids: Interval<u64>,
        rows: Option<&RowSet>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let started = Instant::now();
        let Self { column, queries, k, range, .. } = self;
        let set = rows.map(|rows| &**rows);
        let found = flat::search_all(column, queries, *k, *range, row_ids.clone(), set, progress)?;
        if let Some(trace) = trace {
            let in_column = || column.chunks().iter().map(|chunk| chunk.rows_in(&row_ids).len() as u64);
            let compared =
                rows.map_or_else(|| in_column().sum(), |rows| rows.range_cardinality(row_ids.clone()));
            let detail = format!("compared={}", compared * queries.len() as u64);
            trace.step("exact", detail, total(&found), started);
        }
        Ok(found)
    }

    fn indexed(
        &self,
        access: &IndexAccess,
        rows: Option<&RowSet>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Vec<Candidate>>> {
        if rows.is_some_and(|rows| self.choice(access, rows.len()).is_exact()) {
            return self.exact(self.row_ids.clone(), rows, progress, trace);
        }
        let found = self.probe(access, rows, progress, trace)?;
        let newer = self.newer_rows(access);
        if newer.is_empty() {
            return Ok(found);
        }
        // Rows newer than the index are compared one by one, so that they are found at once.
        let newer = self.exact(newer, rows, progress, trace)?;
        let both = found.into_iter().zip(newer);
        Ok(both.map(|(found, newer)| self.best(found.into_iter().chain(newer))).collect())
    }

    /// The ids of the rows that count although the index does not know them.
    pub fn newer_rows(&self, access: &IndexAccess) -> Interval<u64> {
        access.index.entry().row_id_end..self.row_ids.end
    }

    /// Rows among which the index would have to find those that count: what is gone from the table may still be
    /// in the index.
    fn known_rows(&self, access: &IndexAccess) -> u64 {
        self.column.row_count().max(access.index.entry().rows).max(1)
    }

    /// Asks the index, and recomputes the distances of what it found.
    fn probe(
        &self,
        access: &IndexAccess,
        rows: Option<&RowSet>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let index = access.index.open()?;
        // A filter lets no row through that is gone.
        let rows = rows.or(self.rows_left.as_deref());
        let matching = rows.map(|rows| rows.len() as f64 / self.known_rows(access) as f64);
        let masks = rows.map(|rows| (rows, rows.masks(&access.index, &index)));
        let wanted = masks.as_ref().map(|(rows, masks)| Wanted { rows, masks });
        let probe = Probe { rows: wanted, ..access.probe(self.k, matching, index.calibration()) };
        if let [_] = self.queries.as_slice() {
            return self.probe_group(access, &index, &self.queries, &probe, progress, trace);
        }
        let group = index.group(self.queries.len(), &probe, rayon::current_num_threads());
        let groups = self.queries.par_chunks(group);
        let found = groups.map(|group| self.probe_group(access, &index, group, &probe, progress, trace));
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Asks the index with some of the queries, on this thread.
    fn probe_group(
        &self,
        access: &IndexAccess,
        index: &VectorIndex,
        queries: &[Query],
        probe: &Probe<'_>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let started = Instant::now();
        let found = index.search_all(queries, probe, progress)?;
        if let Some(trace) = trace {
            let candidates = found.iter().map(|found| found.candidates.len()).sum();
            trace.step("probe", describe(&found, index.partitions()), candidates, started);
        }
        if !access.rerank || found.iter().all(|found| found.exact) {
            return Ok(found.into_iter().map(|found| self.best(found.candidates)).collect());
        }
        let started = Instant::now();
        let compared: usize = found.iter().map(|found| found.candidates.len()).sum();
        let reranked = queries.iter().zip(&found).map(|(query, found)| self.rerank(query, &found.candidates));
        let reranked: Vec<_> = reranked.collect();
        if let Some(trace) = trace {
            trace.step("rerank", format!("compared={compared}"), total(&reranked), started);
        }
        Ok(reranked)
    }

    /// The best of some candidates by their exact distances, recomputed from the stored vectors.
    fn rerank(&self, query: &Query, candidates: &[Candidate]) -> Vec<Candidate> {
        // In row order, so that the stored vectors are read from front to back.
        let mut row_ids: Vec<u64> = candidates.iter().map(|candidate| candidate.row_id).collect();
        row_ids.sort_unstable();
        let mut distances = Vec::with_capacity(row_ids.len());
        self.column.distances_of(query, &row_ids, &mut distances);
        let exact = row_ids.into_iter().zip(distances);
        self.best(exact.map(|(row_id, distance)| Candidate { distance, row_id }))
    }

    /// The k nearest of `candidates` within the range asked for.
    fn best(&self, candidates: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
        let mut top = TopK::new(self.k);
        candidates.into_iter().filter(|c| self.range.contains(c.distance)).for_each(|c| top.push(c));
        top.into_sorted()
    }

    /// What a search among `matches` rows has to choose from.
    pub fn choice(&self, access: &IndexAccess, matches: u64) -> Choice {
        let rows = self.known_rows(access);
        Choice {
            matches,
            rows,
            vector_bytes: self.column.dim() * self.column.element().bytes(),
            index_row_bytes: access.row_bytes(),
            probes: access.expected_probes(),
            partitions: access.partitions(),
            candidates: access.expected_candidates(self.k, Some(matches as f64 / rows as f64)),
        }
    }
}

/// Rows that were found for all queries together.
fn total(found: &[Vec<Candidate>]) -> usize {
    found.iter().map(Vec::len).sum()
}

/// What probing took: for one query as it was, for several as sums.
fn describe(found: &[Found], partitions: usize) -> String {
    let searched: usize = found.iter().map(|found| found.partitions_searched).sum();
    let scanned: u64 = found.iter().map(|found| found.rows_scanned).sum();
    let stopped = found.iter().filter(|found| found.stopped_early).count();
    let stopped = if found.len() == 1 { (stopped == 1).to_string() } else { stopped.to_string() };
    format!("partitions_searched={searched} of={partitions} stopped_early={stopped} rows_scanned={scanned}")
}
