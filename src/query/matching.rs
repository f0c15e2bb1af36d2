//! From a filter to the set of rows it lets through.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use rayon::prelude::*;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Error, Result};
use crate::filter::Predicate;
use crate::progress::Progress;
use crate::query::exclusion::{Verdict, verdicts};
use crate::query::gather::read_batch;
use crate::storage::{BatchRef, RowIds, Version};

/// A filter bound to a version, and what is known of each segment before a row is read.
#[derive(Debug)]
pub struct Matcher {
    version: Arc<Version>,
    predicate: Arc<Predicate>,
    verdicts: Vec<Verdict>,
}

impl Matcher {
    /// Binds `predicate` to `version`, and looks at the statistics of its segments.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if a segment's files are missing or damaged.
    pub fn new(version: &Arc<Version>, predicate: &Arc<Predicate>) -> Result<Self> {
        let verdicts = verdicts(version, predicate)?;
        Ok(Self { version: version.clone(), predicate: predicate.clone(), verdicts })
    }

    /// The batches of which a row may match.
    fn batches(&self) -> Vec<BatchRef> {
        self.version.batches().filter(|batch| self.verdicts[batch.segment] != Verdict::None).collect()
    }

    /// The ids of all rows that match. Reads only the columns that the filter names.
    pub(crate) fn rows(&self, progress: &Progress) -> Result<RoaringTreemap> {
        let sets = self.batches().into_par_iter().map(|batch| -> Result<RoaringTreemap> {
            set_of(&self.mask(&batch, progress)?, &self.version.row_ids(&batch)?)
        });
        let sets = sets.collect::<Result<Vec<_>>>()?;
        Ok(sets.into_iter().fold(RoaringTreemap::new(), |mut all, rows| {
            all |= rows;
            all
        }))
    }

    /// How many rows match.
    pub(crate) fn count(&self, progress: &Progress) -> Result<u64> {
        let batches = self.batches().into_par_iter();
        batches.map(|batch| Ok(self.mask(&batch, progress)?.count_set_bits() as u64)).sum()
    }

    /// The ids of those of some rows that match. No other row is looked at.
    pub(crate) fn among(&self, rows: &RoaringTreemap, progress: &Progress) -> Result<RoaringTreemap> {
        among(&self.version, self.batches(), rows, &self.predicate, progress)
    }

    /// The places of the rows of one segment that match.
    ///
    /// # Errors
    /// Those of [`Predicate::evaluate`], and of reading the columns it names.
    pub fn places(&self, segment: usize, progress: &Progress) -> Result<RoaringBitmap> {
        let batches = self.batches().into_par_iter().filter(|batch| batch.segment == segment);
        let masks = batches
            .map(|batch| Ok((batch.start, self.mask(&batch, progress)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut places = RoaringBitmap::new();
        for (start, mask) in masks {
            for (first, end) in mask.set_slices() {
                places.insert_range(start as u32 + first as u32..start as u32 + end as u32);
            }
        }
        Ok(places)
    }

    /// Which rows of a batch match and are not deleted.
    pub(crate) fn mask(&self, batch: &BatchRef, progress: &Progress) -> Result<BooleanBuffer> {
        progress.check()?;
        let live = self.version.live(batch)?;
        match self.verdicts[batch.segment] {
            Verdict::None => return Ok(BooleanBuffer::new_unset(batch.rows)),
            Verdict::All => return Ok(live.unwrap_or_else(|| BooleanBuffer::new_set(batch.rows))),
            Verdict::Some => {}
        }
        let columns: Vec<usize> = self.predicate.columns().iter().copied().collect();
        let rows = read_batch(&self.version, batch, &columns)?;
        let Some(live) = live else { return Ok(true_rows(&self.predicate.evaluate(&rows)?)) };
        match self.predicate.evaluate(&rows) {
            Ok(matching) => Ok(&true_rows(&matching) & &live),
            // Perhaps for the sake of a row that is gone.
            Err(_) => matching_of_live(&rows, live, &self.predicate),
        }
    }
}

/// For plans: how many segments there are, and how many of them are not read.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excluded = self.verdicts.iter().filter(|verdict| **verdict == Verdict::None).count();
        write!(f, "segments={} excluded={excluded}", self.verdicts.len())
    }
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
    among(version, version.batches().collect(), rows, predicate, progress)
}

fn among(
    version: &Version,
    batches: Vec<BatchRef>,
    rows: &RoaringTreemap,
    predicate: &Predicate,
    progress: &Progress,
) -> Result<RoaringTreemap> {
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
