//! Learning, when an index has been built, how far its queries have to look.
//!
//! Some hundred rows of the column, spread evenly, are asked for their neighbours, each without itself:
//! `exact` finds the true ones in one pass over the column, as a product of matrices, and `trace` follows each
//! query through the finished index and notes where its true neighbours turn up. `fit` reads off how far the
//! queries should have gone to find 90, 95, 99 ... of 100 on average. A row's own code and its own distance of
//! zero are kept out of everything that a query could not know, so that rows are no easier than other queries.
//!
//! The work grows with the rows as one pass over them does, and the number of queries falls to
//! [`QUERIES_MIN`]: a share of the build that shrinks as tables grow, because that grows faster than the rows.

mod exact;
mod fit;
mod trace;

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::sample::offsets;
use super::{Calibration, IndexFile, Ranked, Ranking, Space, subtract};
use crate::distance::{Metric, Query};
use crate::error::Result;
use crate::index::{TopK, VectorColumn};
use crate::progress::Progress;
use fit::{Cost, fit};
use trace::Trace;

/// How many neighbours are asked for.
const NEIGHBOURS: [usize; 3] = [1, 10, 100];

/// An index of fewer rows is searched fast enough without being measured.
const ROWS_MIN: u64 = 1024;

/// Queries are as many as take this many multiplications and additions (a third of a second on two cores),
/// within bounds. Fewer than the lower one would measure little more than chance.
const FLOPS: u64 = 40_000_000_000;
const QUERIES_MIN: u64 = 160;
const QUERIES_MAX: u64 = 512;

/// One query in so many is followed until its hundred nearest are found; the others, whose answers vary more,
/// until their ten nearest are.
const DEEP: usize = 3;

/// Sets this sample apart from others of the same seed.
const SALT: u64 = 0xCA11;

/// Offers the rows of a partition to the candidates, and returns how many it looked at; is told the partition
/// that probably follows.
pub(crate) type ScanPartition<'a> = dyn FnMut(Ranked, Option<usize>, &mut TopK) -> Result<u64> + 'a;

/// A finished index as its calibration sees it.
pub(crate) trait Calibrated: Sync {
    fn file(&self) -> &IndexFile;

    /// The ids of a partition's rows.
    fn row_ids(&self, partition: usize) -> Result<&[u64]>;

    /// Bytes that a scan reads for each row; `None` if it computes exact distances, so that the candidates are
    /// the answer.
    fn code_bytes(&self) -> Option<usize>;

    /// Hands the query's ranking of the partitions, and the way to scan one, to `each`.
    fn visit(
        &self,
        query: &Query,
        each: &mut dyn FnMut(&mut Ranking<'_>, &mut ScanPartition<'_>) -> Result<()>,
    ) -> Result<()>;
}

/// Rows that are asked with.
struct Queries {
    row_ids: Vec<u64>,
    vectors: Vec<Query>,
    /// Rows x dimensions; the mean removed, except for dot.
    points: Vec<f32>,
}

/// Measures the index of a column. `None` if there are too few rows for it; the second is what `indexStats`
/// tells of it.
///
/// The same column, index and seed give the same calibration, whatever the number of threads.
///
/// # Errors
/// If the index is damaged already, or if `progress` says to stop.
pub(crate) fn calibrate(
    index: &impl Calibrated,
    column: &VectorColumn,
    space: &Space,
    seed: u64,
    progress: &Progress,
) -> Result<(Option<Calibration>, Value)> {
    if index.file().header().rows < ROWS_MIN {
        return Ok((None, Value::Null));
    }
    let meter = Meter { progress, done: AtomicU64::new(0), total: 2 * column.row_count() };
    let queries = sample(column, space, index.file().mean(), seed);
    let count = queries.row_ids.len();
    if count == 0 {
        return Ok((None, Value::Null));
    }
    let most = NEIGHBOURS[NEIGHBOURS.len() - 1];
    let neighbours = exact::nearest(column, space, index.file().mean(), &queries, most, &meter)?;
    let homes = trace::homes(index, &neighbours, progress)?;
    let traces: Vec<Trace> = (0..count)
        .into_par_iter()
        .with_max_len(1)
        .map(|i| {
            let wanted = if i.is_multiple_of(DEEP) { most } else { NEIGHBOURS[NEIGHBOURS.len() - 2] };
            let truth = &neighbours[i][..wanted.min(neighbours[i].len())];
            let trace =
                trace::follow(index, &queries.vectors[i], queries.row_ids[i], truth, &homes, progress)?;
            meter.add(column.row_count() / count as u64)?;
            Ok(trace)
        })
        .collect::<Result<_>>()?;

    let vector_bytes = column.dim() * column.element().bytes();
    let cost = Cost::new(index.code_bytes(), vector_bytes, index.file().header());
    let entries = (0..NEIGHBOURS.len()).flat_map(|i| fit(&traces, i, &cost)).collect();
    let calibration = Calibration::new(entries);
    progress.step("calibrate", meter.total, meter.total)?;
    let told = calibration.as_ref().map_or(Value::Null, |calibration| report(calibration, count));
    Ok((calibration, told))
}

/// How far the calibration is, in rows: once past all queries, and once the queries' part of them.
struct Meter<'a> {
    progress: &'a Progress,
    done: AtomicU64,
    total: u64,
}

impl Meter<'_> {
    fn add(&self, rows: u64) -> Result<()> {
        let done = self.done.fetch_add(rows, Ordering::Relaxed) + rows;
        self.progress.step("calibrate", done.min(self.total), self.total)
    }
}

/// Rows with a usable vector, one from each of as many equal stretches of the column.
fn sample(column: &VectorColumn, space: &Space, mean: &[f32], seed: u64) -> Queries {
    let per_query = 2 * column.row_count().saturating_mul(space.dim() as u64).max(1);
    let wanted = (FLOPS / per_query).clamp(QUERIES_MIN, QUERIES_MAX);
    let mut queries = Queries { row_ids: Vec::new(), vectors: Vec::new(), points: Vec::new() };
    for offset in offsets(column.row_count(), wanted as usize, seed ^ SALT) {
        let Some((chunk, row)) = column.locate_offset(offset).filter(|(chunk, row)| !chunk.is_null(*row))
        else {
            continue;
        };
        let mut vector = vec![0.0; column.dim()];
        chunk.vectors().slice(row..row + 1, column.dim()).to_f64(&mut vector);
        let query = Query::new(space.metric, &vector);
        let Some(mut point) = space.query_point(&query) else { continue };
        if space.metric != Metric::Dot {
            subtract(&mut point, mean);
        }
        queries.row_ids.push(chunk.row_id(row));
        queries.vectors.push(query);
        queries.points.extend(point);
    }
    queries
}

/// The efforts that `indexStats` shows.
fn report(calibration: &Calibration, queries: usize) -> Value {
    let round = |value: f32| (f64::from(value) * 1e4).round() / 1e4;
    let mut efforts = Vec::new();
    for k in NEIGHBOURS {
        for target in [0.9, 0.95, 0.99] {
            let effort = calibration.effort(k, target);
            efforts.push(json!({
                "k": k,
                "targetRecall": target,
                "measuredRecall": round(effort.recall),
                "nprobes": (f64::from(effort.probes) * 10.0).round() / 10.0,
                "candidates": effort.candidates,
            }));
        }
    }
    json!({ "queries": queries, "efforts": efforts })
}
