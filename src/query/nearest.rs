//! The nearest rows to query vectors: how they will be found, and finding them.

use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::distance::{Metric, Query};
use crate::error::Result;
use crate::index::{Candidate, Probe, Range, TopK, VectorColumn, flat};
use crate::progress::Progress;
use crate::query::request::{DEFAULT_PROBES, Nearest};
use crate::query::snapshot::{OpenIndex, Snapshot};
use crate::query::target::{Target, resolve};
use crate::query::trace::Trace;

/// A filter that leaves no more than this many bytes of vectors is answered exactly: reading them takes
/// a few milliseconds, about as long as an approximate search that has to look past what is filtered out.
const EXACT_BYTES: u64 = 64 << 20;

/// Candidates whose distance is recomputed, per result, when the caller does not say.
const DEFAULT_REFINE: usize = 10;
/// ... but at least and at most so many beyond the results themselves.
const REFINE_MIN: usize = 100;
const REFINE_MAX: usize = 10_000;

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
    pub fast_search: bool,
    /// No row of the table has this id or a higher one.
    row_id_end: u64,
}

/// Where the candidates come from.
#[derive(Debug)]
pub(crate) enum Access {
    /// Every row, or every row that the filter lets through, is compared.
    Exact {
        why: String,
    },
    Index(IndexAccess),
    /// Only indexed rows were asked for, and none is.
    Nothing,
}

/// How an index is searched.
#[derive(Debug)]
pub(crate) struct IndexAccess {
    pub index: Arc<OpenIndex>,
    pub probes_min: usize,
    /// `None`: as many as it takes.
    pub probes_max: Option<usize>,
    /// Whether the caller chose how many partitions to search.
    pub probes_fixed: bool,
    pub candidates: usize,
    /// Whether the candidates' distances are recomputed from the stored vectors.
    pub rerank: bool,
}

impl NearestPlan {
    /// Decides how to search `snapshot`. `filtered`: whether a filter is applied before the search.
    pub fn new(snapshot: &Snapshot, nearest: &Nearest, k: usize, filtered: bool) -> Result<Self> {
        let Target { column_name, column, metric, queries } = resolve(snapshot, nearest)?;
        let range = Range { lower: nearest.lower, upper: nearest.upper };
        let k = k.min(column.row_count() as usize).max(1);
        let access = choose_access(snapshot, nearest, &column_name, metric, k, filtered);
        let row_id_end = snapshot.version().manifest().next_row_id;
        let fast_search = nearest.fast_search;
        Ok(Self { column_name, column, metric, queries, k, range, access, fast_search, row_id_end })
    }

    /// How many query vectors there are.
    pub fn query_count(&self) -> usize {
        self.queries.len()
    }

    /// Whether rows were added after the index was built.
    pub fn has_newer_rows(&self, access: &IndexAccess) -> bool {
        access.index.entry().row_id_end < self.row_id_end
    }

    /// The nearest rows to each query vector, nearest first. Only those in `rows`, if given.
    pub fn run(
        &self,
        rows: Option<&RoaringTreemap>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Vec<Candidate>>> {
        match self.queries.as_slice() {
            [query] => Ok(vec![self.run_one(query, rows, progress, trace)?]),
            queries => queries.par_iter().map(|query| self.run_one(query, rows, progress, trace)).collect(),
        }
    }

    fn run_one(
        &self,
        query: &Query,
        rows: Option<&RoaringTreemap>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Candidate>> {
        match &self.access {
            Access::Nothing => Ok(Vec::new()),
            Access::Exact { .. } => self.exact(query, 0, rows, progress, trace),
            Access::Index(access) => self.indexed(access, query, rows, progress, trace),
        }
    }

    /// Compares every row whose id is at least `first_row_id`.
    fn exact(
        &self,
        query: &Query,
        first_row_id: u64,
        rows: Option<&RoaringTreemap>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Candidate>> {
        let started = Instant::now();
        let found = flat::search(&self.column, query, self.k, self.range, first_row_id, rows, progress)?;
        if let Some(trace) = trace {
            let compared =
                rows.map_or(self.column.row_count().saturating_sub(first_row_id), RoaringTreemap::len);
            trace.step("exact", format!("compared={compared}"), found.len(), started);
        }
        Ok(found)
    }

    fn indexed(
        &self,
        access: &IndexAccess,
        query: &Query,
        rows: Option<&RoaringTreemap>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Candidate>> {
        let row_id_end = access.index.entry().row_id_end;
        if let Some(rows) = rows
            && self.is_small(rows)
        {
            if !self.fast_search {
                return self.exact(query, 0, Some(rows), progress, trace);
            }
            let mut indexed = rows.clone();
            indexed.remove_range(row_id_end..);
            return self.exact(query, 0, Some(&indexed), progress, trace);
        }

        let candidates = self.probe(access, query, rows, progress, trace)?;
        if self.fast_search || !self.has_newer_rows(access) {
            return Ok(candidates);
        }
        // Rows newer than the index are compared one by one, so that they are found at once.
        let newer = self.exact(query, row_id_end, rows, progress, trace)?;
        Ok(self.best(candidates.into_iter().chain(newer)))
    }

    /// Asks the index, and recomputes the distances of what it found.
    fn probe(
        &self,
        access: &IndexAccess,
        query: &Query,
        rows: Option<&RoaringTreemap>,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<Vec<Candidate>> {
        let started = Instant::now();
        let index = access.index.open()?;
        let probe = Probe {
            candidates: access.candidates,
            probes_min: self.probes(access, rows),
            probes_max: access.probes_max,
            rows,
        };
        let found = index.search(query, &probe, progress)?;
        if let Some(trace) = trace {
            let detail = format!(
                "partitions_searched={} rows_scanned={}",
                found.partitions_searched, found.rows_scanned
            );
            trace.step("probe", detail, found.candidates.len(), started);
        }
        if found.exact || !access.rerank {
            return Ok(self.best(found.candidates));
        }
        self.rerank(query, &found.candidates, trace)
    }

    /// Recomputes distances from the stored vectors.
    fn rerank(
        &self,
        query: &Query,
        candidates: &[Candidate],
        trace: Option<&Trace>,
    ) -> Result<Vec<Candidate>> {
        let started = Instant::now();
        // In row order, so that the stored vectors are read from front to back.
        let mut row_ids: Vec<u64> = candidates.iter().map(|candidate| candidate.row_id).collect();
        row_ids.sort_unstable();
        let mut distances = Vec::with_capacity(row_ids.len());
        self.column.distances_of(query, &row_ids, &mut distances);
        let exact =
            row_ids.into_iter().zip(distances).map(|(row_id, distance)| Candidate { distance, row_id });
        let best = self.best(exact);
        if let Some(trace) = trace {
            trace.step("rerank", format!("compared={}", candidates.len()), best.len(), started);
        }
        Ok(best)
    }

    /// The k nearest of `candidates` within the range asked for.
    fn best(&self, candidates: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
        let mut top = TopK::new(self.k);
        candidates.into_iter().filter(|c| self.range.contains(c.distance)).for_each(|c| top.push(c));
        top.into_sorted()
    }

    /// Whether so few rows are left that comparing all of them is the better search.
    fn is_small(&self, rows: &RoaringTreemap) -> bool {
        let vector_bytes = (self.column.dim() * size_of::<f32>()) as u64;
        rows.len() <= (self.k as u64).max(EXACT_BYTES / vector_bytes)
    }

    /// With a filter, more partitions hold the same number of rows worth comparing.
    fn probes(&self, access: &IndexAccess, rows: Option<&RoaringTreemap>) -> usize {
        let Some(rows) = rows else { return access.probes_min };
        if access.probes_fixed {
            return access.probes_min;
        }
        let share = rows.len() as f64 / self.column.row_count().max(1) as f64;
        (access.probes_min as f64 / share.clamp(1e-6, 1.0)).ceil() as usize
    }
}

fn choose_access(
    snapshot: &Snapshot,
    nearest: &Nearest,
    column: &str,
    metric: Metric,
    k: usize,
    filtered: bool,
) -> Access {
    let exact = |why: &str| Access::Exact { why: why.to_owned() };
    let on_column = || snapshot.indexes().iter().filter(|index| index.entry().column == column);
    if nearest.bypass_index {
        return exact("bypassVectorIndex was asked for");
    }
    let Some(index) = on_column().rev().find(|index| index.entry().metric == metric.to_string()) else {
        return match (nearest.fast_search, on_column().next()) {
            (true, _) => Access::Nothing,
            (false, None) => exact("the column has no index"),
            (false, Some(other)) => Access::Exact {
                why: format!(
                    "index '{}' measures {}, not {metric}",
                    other.entry().name,
                    other.entry().metric
                ),
            },
        };
    };
    // An index finds the nearest rows, which are just those that a lower bound excludes.
    if nearest.lower.is_some_and(|lower| metric == Metric::Dot || lower > 0.0) {
        return exact("distanceRange has a lower bound");
    }
    Access::Index(index_access(index.clone(), nearest, k, filtered))
}

fn index_access(index: Arc<OpenIndex>, nearest: &Nearest, k: usize, filtered: bool) -> IndexAccess {
    let probes_min = nearest.probes_min.unwrap_or_else(|| match nearest.probes_max {
        Some(most) => most.min(DEFAULT_PROBES),
        None => DEFAULT_PROBES,
    });
    let probes_max = match nearest.probes_max {
        Some(most) => Some(most.max(probes_min)),
        None if filtered => None,
        None => Some(probes_min),
    };
    let candidates = match nearest.refine_factor {
        Some(factor) => k.saturating_mul(factor.max(1) as usize),
        None => (k * DEFAULT_REFINE).clamp(REFINE_MIN, k + REFINE_MAX),
    };
    IndexAccess {
        index,
        probes_min,
        probes_max,
        probes_fixed: nearest.probes_min.is_some(),
        candidates,
        rerank: nearest.refine_factor != Some(0),
    }
}
