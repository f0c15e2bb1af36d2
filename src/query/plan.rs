//! From a request to ranked rows: what will be done, and doing it.

use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Float32Array, Int32Array, RecordBatch, UInt64Array};
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::filter::{Filter, Predicate};
use crate::index::Candidate;
use crate::progress::Progress;
use crate::query::gather::gather;
use crate::query::indexed::IndexedFilter;
use crate::query::matching::{Matcher, true_rows};
use crate::query::nearest::NearestPlan;
use crate::query::order::Order;
use crate::query::projection::{Extras, Found, Projection};
use crate::query::request::{DEFAULT_LIMIT, Request, Rows};
use crate::query::row_set::RowSet;
use crate::query::scan::{Chosen, Scan};
use crate::query::snapshot::Snapshot;
use crate::query::trace::Trace;

/// A request bound to a snapshot: names are resolved, and it is decided which way to go.
#[derive(Debug)]
pub struct Plan {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) projection: Projection,
    pub(crate) filter: Option<Filtered>,
    pub(crate) order: Option<Order>,
    pub(crate) path: Path,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

/// A filter, and what it is bound to.
#[derive(Debug)]
pub(crate) struct Filtered {
    pub filter: Filter,
    pub predicate: Arc<Predicate>,
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
        let filter = request.filter.as_ref().map(|filter| -> Result<Filtered> {
            Ok(Filtered { filter: filter.clone(), predicate: Arc::new(Predicate::of(filter, &schema)?) })
        });
        let filter = filter.transpose()?;
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
                let filtered = filter.is_some() && !nearest.postfilter;
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
        let order = Order::new(&request.order_by, &schema, extras)?;
        Ok(Self { snapshot, projection, filter, order, path, limit, offset: request.offset })
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
        let batches = match (&self.path, &self.order) {
            (Path::Scan, Some(order)) => vec![self.scan_in_order(order, progress, trace)?],
            (Path::Scan, None) => {
                let mut scan = self.scan(progress, trace)?;
                let mut batches = Vec::new();
                while let Some(batch) = scan.next(&self.projection, progress)? {
                    batches.push(batch);
                }
                if let Some(trace) = trace {
                    let rows = batches.iter().map(RecordBatch::num_rows).sum();
                    trace.step("scan", scan.describe(), rows, started);
                }
                batches
            }
            (Path::Take(row_ids), _) => {
                let row_ids = self.keep_matching(row_ids.clone(), |&row_id| row_id)?;
                let row_ids = row_ids.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
                vec![self.take(row_ids.collect(), None, None)?]
            }
            (Path::Nearest { nearest, postfilter }, _) => {
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
        Stream { plan: self, source: None }
    }

    fn scan(&self, progress: &Progress, trace: Option<&Trace>) -> Result<Scan> {
        let chosen = match &self.filter {
            None => Chosen::All,
            Some(Filtered { predicate, .. }) => match self.indexed_scan()? {
                Some(_) => Chosen::Rows(self.matches(progress, trace)?.unwrap_or_default()),
                None => Chosen::Matching(Matcher::new(self.snapshot.version(), predicate)?),
            },
        };
        Ok(Scan::new(self.snapshot.version().clone(), chosen, self.offset, self.limit))
    }

    /// The filter's way through indexes, if a scan is better off with it: one that a limit ends reads little anyway,
    /// unless few rows match.
    pub(crate) fn indexed_scan(&self) -> Result<Option<IndexedFilter<'_>>> {
        let most = self.snapshot.version().row_count() / if self.limit.is_some() { 16 } else { 1 };
        let indexed = self.indexed()?;
        Ok(indexed.filter(|indexed| indexed.steps.iter().any(|step| step.rows <= most)))
    }

    /// The filter's way through indexes, if that is worth while.
    pub(crate) fn indexed(&self) -> Result<Option<IndexedFilter<'_>>> {
        match &self.filter {
            Some(Filtered { predicate, .. }) => IndexedFilter::new(&self.snapshot, predicate),
            None => Ok(None),
        }
    }

    /// The first of all matching rows, in the order asked for.
    fn scan_in_order(
        &self,
        order: &Order,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<RecordBatch> {
        let version = self.snapshot.version();
        let row_ids: Vec<u64> = match self.matches(progress, trace)? {
            Some(rows) => rows.iter().collect(),
            None => version.live_row_ids()?.iter().collect(),
        };
        progress.check()?;
        let started = Instant::now();
        let end = self.limit.map_or(row_ids.len(), |limit| self.offset.saturating_add(limit));
        let places = order.first(version, &row_ids, None, end.min(row_ids.len()))?;
        let first: Vec<u64> = places.into_iter().skip(self.offset).map(|place| row_ids[place]).collect();
        if let Some(trace) = trace {
            trace.step("sort", format!("rows={}", row_ids.len()), first.len(), started);
        }
        self.take(first, None, None)
    }

    /// The rows that the filter lets through, if there is one.
    pub(crate) fn matches(&self, progress: &Progress, trace: Option<&Trace>) -> Result<Option<Arc<RowSet>>> {
        let Some(Filtered { filter, predicate }) = &self.filter else { return Ok(None) };
        let started = Instant::now();
        let known = self.snapshot.row_sets().get(filter);
        let (rows, source) = match known {
            Some(rows) => (rows, "remembered".to_owned()),
            None => {
                let (rows, source) = match self.indexed()? {
                    Some(indexed) => (indexed.run(progress)?, "indexed".to_owned()),
                    None => {
                        let matcher = Matcher::new(self.snapshot.version(), predicate)?;
                        (matcher.rows(progress)?, format!("evaluated {matcher}"))
                    }
                };
                let rows = Arc::new(RowSet::from(rows));
                // Another time, `now()` lets other rows through.
                if !predicate.is_volatile() {
                    self.snapshot.row_sets().put(filter, &rows, self.snapshot.indexes());
                }
                (rows, source)
            }
        };
        if let Some(trace) = trace {
            let detail = format!("predicate=\"{}\" {source}", predicate.sql());
            trace.step("filter", detail, rows.len() as usize, started);
        }
        Ok(Some(rows))
    }

    fn find_nearest(
        &self,
        nearest: &NearestPlan,
        postfilter: bool,
        progress: &Progress,
        trace: Option<&Trace>,
    ) -> Result<RecordBatch> {
        let rows = if postfilter { None } else { self.matches(progress, trace)? };
        let mut found = nearest.run(rows.as_deref(), progress, trace)?;
        if let (Some(Filtered { predicate, .. }), true) = (&self.filter, postfilter) {
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
        let Some(Filtered { predicate, .. }) = &self.filter else { return Ok(found) };
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
        let ranked = self.in_order(ranked)?;
        let row_ids = ranked.iter().map(|(_, candidate)| candidate.row_id).collect();
        let distances = ranked.iter().map(|(_, candidate)| candidate.distance).collect();
        let queries = ranked.iter().map(|(query, _)| *query).collect();
        self.take(row_ids, Some(distances), Some(queries))
    }

    /// The nearest rows, of all queries together, in the order asked for.
    fn in_order(&self, ranked: Vec<(i32, Candidate)>) -> Result<Vec<(i32, Candidate)>> {
        let Some(order) = &self.order else { return Ok(ranked) };
        let row_ids: Vec<u64> = ranked.iter().map(|(_, candidate)| candidate.row_id).collect();
        let distances = ranked.iter().map(|(_, candidate)| candidate.distance).collect();
        let places = order.first(self.snapshot.version(), &row_ids, Some(distances), ranked.len())?;
        Ok(places.into_iter().map(|place| ranked[place]).collect())
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
    /// `None` until the first batch is asked for.
    source: Option<Source>,
}

enum Source {
    Scan(Scan),
    Found(std::vec::IntoIter<RecordBatch>),
}

impl Stream {
    /// The columns of every batch.
    pub fn schema(&self) -> &SchemaRef {
        self.plan.schema()
    }

    /// The next batch; `None` after the last.
    pub fn next(&mut self, progress: &Progress) -> Result<Option<RecordBatch>> {
        let source = match self.source.take() {
            Some(source) => source,
            None if matches!(self.plan.path, Path::Scan) && self.plan.order.is_none() => {
                Source::Scan(self.plan.scan(progress, None)?)
            }
            None => Source::Found(self.plan.run(progress)?.into_iter()),
        };
        match self.source.insert(source) {
            Source::Scan(scan) => scan.next(&self.plan.projection, progress),
            Source::Found(found) => Ok(found.next()),
        }
    }
}
