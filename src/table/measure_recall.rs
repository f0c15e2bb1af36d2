//! How good an index is on the table's own rows: its answers beside the exact ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;

use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::index::VectorColumn;
use crate::progress::Progress;
use crate::query::{Nearest, Plan, ROW_ID, Request, Rows, Select, Snapshot, column_name};
use crate::table::Table;

/// What is measured.
#[derive(Debug, Clone)]
pub struct RecallOptions {
    /// Neighbours per query.
    pub k: usize,
    /// Rows that are asked with, spread evenly over the table.
    pub sample: usize,
    /// Partitions searched. Default: as in a query that does not say.
    pub probes: Option<usize>,
    /// Candidates reranked per neighbour. Default: as in a query that does not say.
    pub refine_factor: Option<u32>,
    /// The recall that queries ask for, instead of `probes`. Default: as in a query that does not say.
    pub target_recall: Option<f64>,
}

impl Default for RecallOptions {
    fn default() -> Self {
        Self { k: 10, sample: 200, probes: None, refine_factor: None, target_recall: None }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredRecall {
    /// The share of the true nearest neighbours that the index found, 0 to 1.
    pub recall: f64,
    /// How many rows were asked with.
    pub queries: usize,
    /// Time of each query with the index, shortest first.
    pub indexed: Vec<Duration>,
    /// Time of each exact query, shortest first.
    pub exact: Vec<Duration>,
}

impl Table {
    /// Asks for the neighbours of some of the column's own rows, with its index and without, and compares.
    /// A row does not count as its own neighbour.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the column has no index, or `k` or `sample` is 0;
    /// [`Error::NotEnoughRows`] if no row has a vector to ask with.
    pub fn measure_recall(
        &self,
        column: &str,
        options: &RecallOptions,
        progress: &Progress,
    ) -> Result<MeasuredRecall> {
        for (name, value) in [("k", options.k), ("sample", options.sample)] {
            if value == 0 {
                return Err(Error::invalid(name, value, "it must be a positive whole number"));
            }
        }
        if let (Some(target), Some(probes)) = (options.target_recall, options.probes) {
            let expected = format!("nprobes, which is {probes}, decides that already: give one of the two");
            return Err(Error::invalid("targetRecall", target, expected));
        }
        let snapshot = self.snapshot()?;
        let column = column_name(snapshot.version().schema(), column);
        if !snapshot.indexes().iter().any(|index| index.entry().column == column) {
            let expected = "the column has no vector index to measure: build one with createIndex";
            return Err(Error::invalid("column", format!("'{column}'"), expected));
        }
        let vectors = snapshot.vector_column(&column)?;
        let queries = sample(&vectors, options.sample);
        if queries.is_empty() {
            let reason = format!("no row of column '{column}' has a vector to ask with; add rows first");
            return Err(Error::NotEnoughRows { reason });
        }
        compare(&snapshot, &column, None, &queries, options, progress)
    }
}

/// A row, and its vector.
pub(super) struct Sampled {
    row_id: u64,
    vector: Vec<f64>,
}

/// Up to `count` rows with usable vectors, one from each of as many equal stretches of the column.
pub(super) fn sample(column: &VectorColumn, count: usize) -> Vec<Sampled> {
    let rows = column.row_count();
    let count = (count as u64).min(rows);
    let offsets = (0..count).map(|i| (u128::from(i) * u128::from(rows) / u128::from(count)) as u64);
    let places = offsets.filter_map(|offset| column.locate_offset(offset));
    let usable = places.filter(|(chunk, row)| !chunk.is_null(*row)).map(|(chunk, row)| {
        let mut vector = vec![0.0; column.dim()];
        chunk.vectors().slice(row..row + 1, column.dim()).to_f64(&mut vector);
        Sampled { row_id: chunk.row_id(row), vector }
    });
    usable.filter(|sampled| sampled.vector.iter().all(|value| value.is_finite())).collect()
}

/// The answers to `queries` with an index of `column`, beside the exact ones. Without a `metric`, that of a search that
/// does not say.
pub(super) fn compare(
    snapshot: &Arc<Snapshot>,
    column: &str,
    metric: Option<Metric>,
    queries: &[Sampled],
    options: &RecallOptions,
    progress: &Progress,
) -> Result<MeasuredRecall> {
    let (mut found, mut wanted) = (0, 0);
    let (mut indexed, mut exact) = (Vec::new(), Vec::new());
    for (asked, query) in queries.iter().enumerate() {
        progress.step("measure", asked as u64, queries.len() as u64)?;
        let with_index = Nearest {
            vectors: vec![query.vector.clone()],
            column: Some(column.to_owned()),
            metric,
            probes_min: options.probes,
            refine_factor: options.refine_factor,
            target_recall: options.target_recall,
            ..Nearest::default()
        };
        let without = Nearest { bypass_index: true, ..with_index.clone() };
        let truth = neighbours(snapshot, without, query.row_id, options.k, &mut exact, progress)?;
        let answer = neighbours(snapshot, with_index, query.row_id, options.k, &mut indexed, progress)?;
        found += truth.iter().filter(|row_id| answer.contains(row_id)).count();
        wanted += truth.len();
    }
    progress.step("measure", queries.len() as u64, queries.len() as u64)?;
    indexed.sort_unstable();
    exact.sort_unstable();
    // Where no row has a neighbour, none was missed.
    let recall = if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 };
    Ok(MeasuredRecall { recall, queries: queries.len(), indexed, exact })
}

/// The ids of the `k` rows nearest to a row of the table, which is left out.
fn neighbours(
    snapshot: &Arc<Snapshot>,
    nearest: Nearest,
    own_id: u64,
    k: usize,
    times: &mut Vec<Duration>,
    progress: &Progress,
) -> Result<Vec<u64>> {
    let started = Instant::now();
    let request = Request {
        rows: Rows::Nearest(nearest),
        select: Select::Columns(vec![ROW_ID.to_owned()]),
        limit: Some(k.saturating_add(1)),
        ..Request::default()
    };
    let batches = Plan::new(snapshot.clone(), &request)?.run(progress)?;
    times.push(started.elapsed());
    let ids = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<UInt64Type>().values());
    Ok(ids.copied().filter(|row_id| *row_id != own_id).take(k).collect())
}
