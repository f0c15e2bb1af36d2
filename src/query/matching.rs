//! From a filter to the set of rows it lets through.

use arrow::array::{Array, BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use rayon::prelude::*;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Error, Result};
use crate::filter::Predicate;
use crate::progress::Progress;
use crate::query::gather::read_batch;
use crate::storage::{BatchRef, RowIds, Version};

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
            set_of(&mask, &version.row_ids(batch)?)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(sets.into_iter().fold(RoaringTreemap::new(), |mut all, rows| {
        all |= rows;
        all
    }))
}

/// The ids at the places that are set.
fn set_of(mask: &BooleanBuffer, ids: &RowIds) -> Result<RoaringTreemap> {
    /// Below this many rows, one after the other is as fast.
    const RUN_MIN: u64 = 64;
    let mut rows = RoaringTreemap::new();
    let mut place = 0;
    for run in ids.ranges(0..ids.len()) {
        let count = (run.end - run.start) as usize;
        let part = mask.slice(place, count);
        place += count;
        // A bitmap of bits takes them as they are, from a byte's first bit on.
        let (high, lead) = (run.start >> 32, run.start % 8);
        if run.end - run.start < RUN_MIN || (run.end - 1) >> 32 != high {
            let ids = part.set_indices().map(|at| run.start + at as u64);
            rows.append(ids).map_err(Error::internal)?;
            continue;
        }
        let mut bits = BooleanBufferBuilder::new(count + lead as usize);
        bits.append_n(lead as usize, false);
        bits.append_buffer(&part);
        let bits = bits.finish();
        let bitmap = RoaringBitmap::from_lsb0_bytes((run.start - lead) as u32, bits.values());
        rows |= RoaringTreemap::from_bitmaps([(high as u32, bitmap)]);
    }
    Ok(rows)
}

/// The ids of those of some rows that satisfy `predicate`. No other row is looked at.
pub(crate) fn matching_among(
    version: &Version,
    rows: &RoaringTreemap,
    predicate: &Predicate,
    progress: &Progress,
) -> Result<RoaringTreemap> {
    let batches: Vec<BatchRef> = version.batches().collect();
    let columns: Vec<usize> = predicate.columns().iter().copied().collect();
    let found = batches
        .par_iter()
        .map(|batch| -> Result<Vec<u64>> {
            progress.check()?;
            let ids = version.row_ids(batch)?;
            let Some(places) = places_of(rows, &ids) else { return Ok(Vec::new()) };
            let mask = matching_of_live(&read_batch(version, batch, &columns)?, places, predicate)?;
            Ok(mask.set_indices().map(|row| ids.id(row as u64)).collect())
        })
        .collect::<Result<Vec<_>>>()?;
    RoaringTreemap::from_sorted_iter(found.into_iter().flatten()).map_err(Error::internal)
}

/// Where among `ids` those of `rows` are; `None` if there is none.
pub(crate) fn places_of(rows: &RoaringTreemap, ids: &RowIds) -> Option<BooleanBuffer> {
    let last = ids.len().checked_sub(1).map(|last| ids.id(last))?;
    let mut found = rows.iter();
    found.advance_to(ids.id(0));
    let mut found = found.take_while(|&id| id <= last).filter_map(|id| ids.place(id)).peekable();
    found.peek()?;
    let mut places = BooleanBufferBuilder::new(ids.len() as usize);
    places.append_n(ids.len() as usize, false);
    found.for_each(|place| places.set_bit(place as usize, true));
    Some(places.finish())
}

/// The places of the rows of one segment that satisfy `predicate`.
///
/// # Errors
/// Those of [`Predicate::evaluate`], and of reading the columns it names.
pub fn matching_places(
    version: &Version,
    segment: usize,
    predicate: &Predicate,
    progress: &Progress,
) -> Result<RoaringBitmap> {
    let batches: Vec<BatchRef> = version.batches().filter(|batch| batch.segment == segment).collect();
    let masks = batches
        .par_iter()
        .map(|batch| Ok((batch.start, matching_mask(version, batch, predicate, progress)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut places = RoaringBitmap::new();
    for (start, mask) in masks {
        for (first, end) in mask.set_slices() {
            places.insert_range(start as u32 + first as u32..start as u32 + end as u32);
        }
    }
    Ok(places)
}

/// How many rows satisfy `predicate`.
pub(crate) fn count_matching(version: &Version, predicate: &Predicate, progress: &Progress) -> Result<u64> {
    let batches: Vec<BatchRef> = version.batches().collect();
    batches
        .par_iter()
        .map(|batch| Ok(matching_mask(version, batch, predicate, progress)?.count_set_bits() as u64))
        .sum()
}

/// Which rows of a batch satisfy `predicate` and are not deleted.
pub(crate) fn matching_mask(
    version: &Version,
    batch: &BatchRef,
    predicate: &Predicate,
    progress: &Progress,
) -> Result<BooleanBuffer> {
    progress.check()?;
    let columns: Vec<usize> = predicate.columns().iter().copied().collect();
    let rows = read_batch(version, batch, &columns)?;
    let Some(live) = version.live(batch)? else { return Ok(true_rows(&predicate.evaluate(&rows)?)) };
    match predicate.evaluate(&rows) {
        Ok(matching) => Ok(&true_rows(&matching) & &live),
        // Perhaps for the sake of a row that is gone.
        Err(_) => matching_of_live(&rows, live, predicate),
    }
}

/// Which rows of a batch are `live` and satisfy `predicate`, without a look at the others.
fn matching_of_live(rows: &RecordBatch, live: BooleanBuffer, predicate: &Predicate) -> Result<BooleanBuffer> {
    let kept = filter_record_batch(rows, &live.clone().into()).map_err(Error::internal)?;
    let matching = true_rows(&predicate.evaluate(&kept)?);
    let mut mask = BooleanBufferBuilder::new(live.len());
    mask.append_n(live.len(), false);
    live.set_indices()
        .zip(&matching)
        .filter(|(_, matches)| *matches)
        .for_each(|(row, _)| mask.set_bit(row, true));
    Ok(mask.finish())
}

/// The places that hold true. Null is not true.
pub(crate) fn true_rows(mask: &BooleanArray) -> BooleanBuffer {
    match mask.nulls() {
        Some(nulls) => mask.values() & nulls.inner(),
        None => mask.values().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_makes_the_same_set_wherever_its_ids_begin() {
        let mask: BooleanBuffer = (0..300).map(|place| place % 3 == 0 || place > 250).collect();
        let gaps: RoaringTreemap = (3..100).chain(105..160).chain(1000..1148).collect();
        for ids in [
            RowIds::without_gaps(0, 300),
            RowIds::without_gaps(65_500, 300),
            RowIds::without_gaps((1 << 32) - 130, 300),
            RowIds::without_gaps((1 << 33) + 5, 300),
            RowIds::from_set(&gaps),
        ] {
            let expected: RoaringTreemap = mask.set_indices().map(|place| ids.id(place as u64)).collect();

            assert_eq!(set_of(&mask, &ids).unwrap(), expected);
            let part = ids.slice(7..150);
            let expected: RoaringTreemap =
                mask.slice(7, 143).set_indices().map(|place| part.id(place as u64)).collect();
            assert_eq!(set_of(&mask.slice(7, 143), &part).unwrap(), expected);
        }
    }
}
