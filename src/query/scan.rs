//! Reading rows in storage order.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::query::gather::read_batch;
use crate::query::matching::{Matcher, places_of};
use crate::query::projection::{Found, Projection};
use crate::query::row_set::RowSet;
use crate::storage::{BatchRef, Version};

/// The rows of a version, or of them those that were chosen, batch by batch.
pub(crate) struct Scan {
    version: Arc<Version>,
    batches: std::vec::IntoIter<BatchRef>,
    chosen: Chosen,
    to_skip: usize,
    to_return: usize,
}

/// Which rows a scan returns.
pub(crate) enum Chosen {
    All,
    /// Those that satisfy a filter.
    Matching(Matcher),
    /// Those with these ids.
    Rows(Arc<RowSet>),
}

impl Scan {
    pub fn new(version: Arc<Version>, chosen: Chosen, offset: usize, limit: Option<usize>) -> Self {
        let batches = version.batches().collect::<Vec<_>>().into_iter();
        Self { version, batches, chosen, to_skip: offset, to_return: limit.unwrap_or(usize::MAX) }
    }

    /// For plans: how many segments there are, and how many are not read because the filter excludes them.
    pub fn describe(&self) -> String {
        match &self.chosen {
            Chosen::Matching(matcher) => matcher.to_string(),
            _ => format!("segments={}", self.version.segments().len()),
        }
    }

    /// The next batch of rows, made into the result's columns; `None` after the last.
    pub fn next(&mut self, projection: &Projection, progress: &Progress) -> Result<Option<RecordBatch>> {
        while self.to_return > 0 {
            let Some(batch) = self.batches.next() else { return Ok(None) };
            progress.check()?;
            if let Some(rows) = self.read(&batch, projection, progress)? {
                return projection.apply(&rows).map(Some);
            }
        }
        Ok(None)
    }

    fn read(
        &mut self,
        batch: &BatchRef,
        projection: &Projection,
        progress: &Progress,
    ) -> Result<Option<Found>> {
        let mask = match &self.chosen {
            Chosen::Matching(matcher) => matcher.mask(batch, progress)?,
            Chosen::Rows(rows) => match places_of(rows, &self.version.row_ids(batch)?) {
                Some(places) => places,
                None => return Ok(None),
            },
            Chosen::All => match self.version.live(batch)? {
                Some(live) => live,
                None => return self.read_all(batch, projection),
            },
        };
        let mask = self.cut(mask);
        let kept = mask.count_set_bits();
        if kept == 0 {
            return Ok(None);
        }
        self.to_return -= kept;
        let rows = read_batch(&self.version, batch, projection.reads())?;
        let ids = self.version.row_ids(batch)?;
        let row_ids = mask.set_indices().map(|row| ids.id(row as u64)).collect();
        let rows = filter_record_batch(&rows, &mask.into()).map_err(Error::internal)?;
        Ok(Some(Found { rows, row_ids, distances: None, query_indexes: None }))
    }

    fn read_all(&mut self, batch: &BatchRef, projection: &Projection) -> Result<Option<Found>> {
        let skipped = self.to_skip.min(batch.rows);
        self.to_skip -= skipped;
        let kept = self.to_return.min(batch.rows - skipped);
        if kept == 0 {
            return Ok(None);
        }
        self.to_return -= kept;
        let ids = self.version.row_ids(batch)?.slice(skipped as u64..(skipped + kept) as u64);
        let rows = read_batch(&self.version, batch, projection.reads())?.slice(skipped, kept);
        let row_ids = UInt64Array::from_iter_values(ids.ranges(0..ids.len()).flatten());
        Ok(Some(Found { rows, row_ids, distances: None, query_indexes: None }))
    }

    /// Clears the matches before the offset and after the limit.
    fn cut(&mut self, mask: BooleanBuffer) -> BooleanBuffer {
        let matches = mask.count_set_bits();
        let skipped = self.to_skip.min(matches);
        self.to_skip -= skipped;
        if skipped == 0 && matches <= self.to_return {
            return mask;
        }
        let keep = skipped..skipped.saturating_add(self.to_return).min(matches);
        let kept: Vec<usize> = mask.set_indices().skip(keep.start).take(keep.len()).collect();
        let mut cut = arrow::array::BooleanBufferBuilder::new(mask.len());
        cut.append_n(mask.len(), false);
        kept.into_iter().for_each(|row| cut.set_bit(row, true));
        cut.finish()
    }
}
