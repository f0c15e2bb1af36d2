//! From a filter to the set of rows it lets through.

use arrow::array::{Array, BooleanArray};
use arrow::buffer::BooleanBuffer;
use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::error::Result;
use crate::filter::Predicate;
use crate::progress::Progress;
use crate::query::gather::read_batch;
use crate::storage::{BatchRef, Version};

/// The ids of all rows that satisfy `predicate`. Reads only the columns it names.
pub(crate) fn matching_rows(
    version: &Version,
    predicate: &Predicate,
    progress: &Progress,
) -> Result<RoaringTreemap> {
    let batches: Vec<BatchRef> = version.batches().collect();
    let sets = batches
        .par_iter()
        .map(|batch| -> Result<RoaringTreemap> {
            let mask = matching_mask(version, batch, predicate, progress)?;
            let mut rows = RoaringTreemap::new();
            for (start, end) in mask.set_slices() {
                rows.insert_range(batch.first_row_id + start as u64..batch.first_row_id + end as u64);
            }
            Ok(rows)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(sets.into_iter().fold(RoaringTreemap::new(), |mut all, rows| {
        all |= rows;
        all
    }))
}

/// How many rows satisfy `predicate`.
pub(crate) fn count_matching(version: &Version, predicate: &Predicate, progress: &Progress) -> Result<u64> {
    let batches: Vec<BatchRef> = version.batches().collect();
    batches
        .par_iter()
        .map(|batch| Ok(matching_mask(version, batch, predicate, progress)?.count_set_bits() as u64))
        .sum()
}

/// Which rows of a batch satisfy `predicate`.
pub(crate) fn matching_mask(
    version: &Version,
    batch: &BatchRef,
    predicate: &Predicate,
    progress: &Progress,
) -> Result<BooleanBuffer> {
    progress.check()?;
    let columns: Vec<usize> = predicate.columns().iter().copied().collect();
    let rows = read_batch(version, batch, &columns)?;
    Ok(true_rows(&predicate.evaluate(&rows)?))
}

/// The places that hold true. Null is not true.
pub(crate) fn true_rows(mask: &BooleanArray) -> BooleanBuffer {
    match mask.nulls() {
        Some(nulls) => mask.values() & nulls.inner(),
        None => mask.values().clone(),
    }
}
