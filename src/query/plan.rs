//! From a request to ranked rows: what will be done, and doing it.

use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Float32Array, Int32Array, RecordBatch, UInt64Array};
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::filter::Predicate;
use crate::index::Candidate;
use crate::progress::Progress;
use crate::query::gather::gather;
use crate::query::matching::{matching_rows, true_rows};
use crate::query::nearest::NearestPlan;
use crate::query::projection::{Extras, Found, Projection};
use crate::query::request::{DEFAULT_LIMIT, Request, Rows};
use crate::query::scan::Scan;
use crate::query::snapshot::Snapshot;
use crate::query::trace::Trace;

/// A request bound to a snapshot: names are resolved, and it is decided which way to go.
#[derive(Debug)]
pub struct Plan {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) projection: Projection,
    pub(crate) predicate: Option<Arc<Predicate>>,
    pub(crate) path: Path,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

/// The way to the rows.
#[derive(Debug)]
pub(crate) enum Path {
    Scan,
    Take(Vec<u64>),
    Nearest { nearest: Box<NearestPlan>, postfilter: bool },
}

impl Plan {
    /// Binds `request` to `snapshot`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with a request is found here: unknown columns, SQL that does not parse,
    /// query vectors of the wrong length.
    pub fn new(snapshot: Arc<Snapshot>, request: &Request) -> Result<Self> {
        let version = snapshot.version().clone();
        let schema = version.schema().clone();
        let predicate =
            request.filter.as_deref().map(|sql| Predicate::parse(sql, &schema)).transpose()?.map(Arc::new);
        let mut extras = Extras { row_id: request.with_row_id, ..Extras::default() };
        let path = match &request.rows {
            Rows::All => Path::Scan,
            Rows::Offsets(offsets) => {
                let mut offsets = offsets.clone();
                offsets.sort_unstable();
                let ids = offsets.iter().filter_map(|&offset| version.row_id_at(offset).transpose());
                Path::Take(ids.collect::<Result<_>>()?)
            }
            Rows::RowIds(row_ids) => {
                let ids = row_ids.iter().filter_map(|&id| match version.locate(id) {
                    Ok(found) => found.map(|_| Ok(id)),
                    Err(error) => Some(Err(error)),
                });
                Path::Take(ids.collect::<Result<_>>()?)
            }
            Rows::Nearest(nearest) => {
                let limit = request.limit.unwrap_or(DEFAULT_LIMIT);
                if limit == 0 {
                    return Err(Error::invalid("limit", 0, "a vector search returns at least one row"));
                }
                let filtered = predicate.is_some() && !nearest.postfilter;
                let k = limit.saturating_add(request.offset);
                let plan = NearestPlan::new(&snapshot, nearest, k, filtered)?;
                extras = Extras { distance: true, query_index: plan.query_count() > 1, ..extras };
                Path::Nearest { nearest: Box::new(plan), postfilter: nearest.postfilter }
            }
        };
        let limit = match (&path, request.limit) {
            (Path::Nearest { .. }, None) => Some(DEFAULT_LIMIT),
            (_, limit) => limit,
        };
        let projection = Projection::new(&request.select, &schema, extras)?;
        Ok(Self { snapshot, projection, predicate, path, limit, offset: request.offset })
    }

    /// The columns of the result.
    pub fn schema(&self) -> &SchemaRef {
        self.projection.schema()
    }

    /// The rows of the result, as one or more batches (none when there are no rows).
    pub fn run(&self, progress: &Progress) -> Result<Vec<RecordBatch>> {
        self.run_traced(progress, None)
    }

    pub(crate) fn run_traced(&self, progress: &Progress, trace: Option<&Trace>) -> Result<Vec<RecordBatch>> {
        let started = Instant::now();
        let batches = match &self.path {
            Path::Scan => {
                let mut scan = self.scan();
                let mut batches = Vec::new();
                while let Some(batch) = scan.next(&self.projection, progress)? {
                    batches.push(batch);
                }
                batches
            }
            Path::Take(row_ids) => {
                let row_ids = self.keep_matching(row_ids.clone(), |&row_id| row_id)?;
                let row_ids = row_ids.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
                vec![self.take(row_ids.collect(), None, None)?]
            }
            Path::Nearest { nearest, postfilter } => {
                vec![self.find_nearest(nearest, *postfilter, progress, trace)?]
            }
        };
        if let Some(trace) = trace {
            let rows = batches.iter().map(RecordBatch::num_rows).sum();
            trace.step("total", String::new(), rows, started);
        }
        Ok(batches)
    }

    /// Turns the plan into its rows, one batch at a time. A scan reads a batch only when it is asked for.
    pub fn into_stream(self) -> Stream {
        let scan = matches!(self.path, Path::Scan).then(|| self.scan());
        Stream { plan: self, scan, found: None }
    }

    fn scan(&self) -> Scan {
        Scan::new(self.snapshot.version().clone(), self.predicate.clone(), self.offset, self.limit)
    }

    fn find_nearest(
        &self,
        nearest: &NearestPlan,
        postfilter: bool,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<RecordBatch> {
        let rows = match &self.predicate {
            Some(predicate) if !postfilter => {
                let started = Instant::now();
                let rows = matching_rows(self.snapshot.version(), predicate, progress)?;
                if let Some(trace) = trace {
                    trace.step(
                        "filter",
                        format!("predicate=\"{}\"", predicate.sql()),
                        rows.len() as usize,
                        started,
                    );
                }
                Some(rows)
            }
            _ => None,
        };
        let mut found = nearest.run(rows.as_ref(), progress, trace)?;
        if let (Some(predicate), true) = (&self.predicate, postfilter) {
            let started = Instant::now();
            for candidates in &mut found {
                *candidates = self.keep_matching(take(candidates), |candidate| candidate.row_id)?;
            }
            if let Some(trace) = trace {
                let rows = found.iter().map(Vec::len).sum();
                trace.step("postfilter", format!("predicate=\"{}\"", predicate.sql()), rows, started);
            }
        }
        let started = Instant::now();
        let result = self.rank(&found)?;
        if let Some(trace) = trace {
            trace.step("rows", String::new(), result.num_rows(), started);
        }
        Ok(result)
    }

    /// Those of some rows that satisfy the filter, if there is one.
    fn keep_matching<T: Copy>(&self, found: Vec<T>, row_id: impl Fn(&T) -> u64) -> Result<Vec<T>> {
        let Some(predicate) = &self.predicate else { return Ok(found) };
        let columns: Vec<usize> = predicate.columns().iter().copied().collect();
        let row_ids: Vec<u64> = found.iter().map(row_id).collect();
        let rows = gather(self.snapshot.version(), &row_ids, &columns)?;
        let kept = true_rows(&predicate.evaluate(&rows)?);
        Ok(kept.set_indices().map(|i| found[i]).collect())
    }

    /// Cuts each query's rows to offset and limit, and reads them.
    fn rank(&self, found: &[Vec<Candidate>]) -> Result<RecordBatch> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let ranked: Vec<(i32, Candidate)> = found
            .iter()
            .zip(0..)
            .flat_map(|(candidates, query)| {
                candidates.iter().skip(self.offset).take(limit).map(move |candidate| (query, *candidate))
            })
            .collect();
        let row_ids = ranked.iter().map(|(_, candidate)| candidate.row_id).collect();
        let distances = ranked.iter().map(|(_, candidate)| candidate.distance).collect();
        let queries = ranked.iter().map(|(query, _)| *query).collect();
        self.take(row_ids, Some(distances), Some(queries))
    }

    fn take(
        &self,
        row_ids: Vec<u64>,
        distances: Option<Float32Array>,
        query_indexes: Option<Int32Array>,
    ) -> Result<RecordBatch> {
        let rows = gather(self.snapshot.version(), &row_ids, self.projection.reads())?;
        self.projection.apply(&Found { rows, row_ids: UInt64Array::from(row_ids), distances, query_indexes })
    }
}

/// The rows of a result, one batch at a time.
pub struct Stream {
    plan: Plan,
    scan: Option<Scan>,
    found: Option<std::vec::IntoIter<RecordBatch>>,
}

impl Stream {
    /// The columns of every batch.
    pub fn schema(&self) -> &SchemaRef {
        self.plan.schema()
    }

    /// The next batch; `None` after the last.
    pub fn next(&mut self, progress: &Progress) -> Result<Option<RecordBatch>> {
        if let Some(scan) = &mut self.scan {
            return scan.next(&self.plan.projection, progress);
        }
        if self.found.is_none() {
            self.found = Some(self.plan.run(progress)?.into_iter());
        }
        Ok(self.found.as_mut().and_then(Iterator::next))
    }
}
