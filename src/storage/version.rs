//! An open version: the rows that a manifest names, found by position and by row id.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::SchemaRef;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::Result;
use crate::storage::TemporaryFolder;
use crate::storage::manifest::Manifest;
use crate::storage::row_ids::RowIds;
use crate::storage::segment::Segment;

/// An open version of a table. It never changes, and stays readable while newer ones appear.
#[derive(Debug)]
pub struct Version {
    folder: PathBuf,
    manifest: Manifest,
    segments: Vec<Arc<Segment>>,
    /// How many rows the segments before each have.
    segment_starts: Vec<u64>,
    row_count: u64,
    /// Kept as long as the version, which opens files in it late.
    _home: Option<Arc<TemporaryFolder>>,
}

/// One record batch of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRef {
    /// The position of its segment in [`Version::segments`].
    pub segment: usize,
    /// Its position in the segment.
    pub batch: usize,
    /// The place in the segment of its first row.
    pub start: u64,
    /// How many rows it has, deleted ones included.
    pub rows: usize,
}

impl Version {
    /// The version that `manifest` describes, in the table's `folder`. Opens no file; segments
    /// that `previous` has too are shared with it, and with what it has mapped already.
    pub fn new(folder: &Path, manifest: Manifest, previous: Option<&Self>) -> Self {
        let same_columns = previous.is_some_and(|version| version.manifest.schema == manifest.schema);
        let known = previous.map_or(&[][..], |version| &version.segments);
        let known: HashMap<&str, &Arc<Segment>> =
            known.iter().map(|segment| (segment.entry().file.path.as_str(), segment)).collect();
        let segments = manifest.segments.iter().map(|entry| match known.get(entry.file.path.as_str()) {
            Some(&same) if same_columns && same.entry() == entry => same.clone(),
            Some(older) => Arc::new(Segment::sharing(older, manifest.schema.clone(), entry.clone())),
            None => Arc::new(Segment::new(folder, manifest.schema.clone(), entry.clone())),
        });
        let segments: Vec<_> = segments.collect();
        let mut row_count = 0;
        let mut segment_starts = Vec::with_capacity(segments.len());
        for segment in &segments {
            segment_starts.push(row_count);
            row_count += segment.entry().live_rows();
        }
        Self { folder: folder.to_owned(), manifest, segments, segment_starts, row_count, _home: None }
    }

    /// Keeps the temporary folder that the table lives in, if it lives in one.
    pub fn kept_by(self, home: Option<Arc<TemporaryFolder>>) -> Self {
        Self { _home: home, ..self }
    }

    /// What makes up the version.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The table's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.manifest.schema
    }

    /// How many rows it has.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Its segments, in storage order.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// The bytes of all files of the version: rows and indexes.
    pub fn total_bytes(&self) -> u64 {
        self.manifest.files().map(|file| file.bytes).sum()
    }

    /// All batches in storage order, which is the order of the row ids too.
    pub fn batches(&self) -> impl Iterator<Item = BatchRef> + '_ {
        let batches = |(index, segment): (usize, &Arc<Segment>)| {
            (0..segment.batch_count()).map(move |batch| (index, batch))
        };
        let all = self.segments.iter().enumerate().flat_map(batches);
        all.map(|(segment, batch)| self.batch_ref(segment, batch))
    }

    fn batch_ref(&self, segment: usize, batch: usize) -> BatchRef {
        let (start, rows) = self.segments[segment].batch_rows(batch);
        BatchRef { segment, batch, start, rows }
    }

    /// The ids of a batch's rows.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) if a file that has them is missing or
    /// damaged.
    pub fn row_ids(&self, batch: &BatchRef) -> Result<RowIds> {
        Ok(self.segments[batch.segment].row_ids()?.slice(batch.start..batch.start + batch.rows as u64))
    }

    /// Which rows of a batch are not deleted; `None` if all are there.
    ///
    /// # Errors
    /// As [`Version::row_ids`].
    pub fn live(&self, batch: &BatchRef) -> Result<Option<BooleanBuffer>> {
        self.segments[batch.segment].live(batch.batch)
    }

    /// How many rows have an id below `row_id`.
    ///
    /// # Errors
    /// As [`Version::row_ids`].
    pub fn rows_below(&self, row_id: u64) -> Result<u64> {
        let mut rows = 0;
        for segment in &self.segments {
            if segment.entry().row_id_end() <= row_id {
                rows += segment.entry().live_rows();
            } else if segment.first_row_id() < row_id {
                let places = segment.row_ids()?.rank(row_id);
                let deleted =
                    segment.deleted()?.map_or(0, |deleted| deleted.range_cardinality(..places as u32));
                rows += places - deleted;
            }
        }
        Ok(rows)
    }

    /// The ids of all rows.
    ///
    /// # Errors
    /// As [`Version::row_ids`].
    pub fn live_row_ids(&self) -> Result<RoaringTreemap> {
        let mut all = RoaringTreemap::new();
        for segment in &self.segments {
            let ids = segment.row_ids()?;
            for range in ids.ranges(0..ids.len()) {
                all.insert_range(range);
            }
            for place in segment.deleted()?.into_iter().flatten() {
                all.remove(ids.id(u64::from(place)));
            }
        }
        Ok(all)
    }

    /// A batch with all columns, in place: no row is copied.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) if the segment's file is missing or
    /// damaged.
    pub fn batch(&self, batch: &BatchRef) -> Result<RecordBatch> {
        self.segments[batch.segment].batch(batch.batch)
    }

    /// A batch with the columns `projection` (their positions in the schema), in that order and in
    /// place. Other columns are neither read nor checked.
    ///
    /// # Errors
    /// As [`Version::batch`].
    pub fn column_batch(&self, batch: &BatchRef, projection: &[usize]) -> Result<RecordBatch> {
        self.segments[batch.segment].column_batch(batch.batch, projection)
    }

    /// The batch that has the row with this id, and the row's place in it; `None` if there is no such
    /// row, or none any more.
    ///
    /// # Errors
    /// As [`Version::row_ids`].
    pub fn locate(&self, row_id: u64) -> Result<Option<(BatchRef, usize)>> {
        let after = self.segments.partition_point(|segment| segment.first_row_id() <= row_id);
        let Some(index) = after.checked_sub(1) else { return Ok(None) };
        let segment = &self.segments[index];
        let Some(place) = segment.row_ids()?.place(row_id) else { return Ok(None) };
        if segment.deleted()?.is_some_and(|deleted| deleted.contains(place as u32)) {
            return Ok(None);
        }
        Ok(Some(self.locate_in(index, place)))
    }

    /// The id of the row at this offset in the table; `None` if there are not so many rows.
    ///
    /// # Errors
    /// As [`Version::row_ids`].
    pub fn row_id_at(&self, offset: u64) -> Result<Option<u64>> {
        if offset >= self.row_count {
            return Ok(None);
        }
        // Of several segments that begin here, all but the last are empty.
        let index = self.segment_starts.partition_point(|&start| start <= offset) - 1;
        let segment = &self.segments[index];
        let rank = offset - self.segment_starts[index];
        let place = match segment.deleted()? {
            None => rank,
            Some(deleted) => live_place(deleted, rank, segment.rows()),
        };
        Ok(Some(segment.row_ids()?.id(place)))
    }

    fn locate_in(&self, segment: usize, place: u64) -> (BatchRef, usize) {
        let (batch, row) = self.segments[segment].locate(place);
        (self.batch_ref(segment, batch), row)
    }

    /// Reads every file of the version and checks every byte.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) naming the first file that is missing
    /// or damaged.
    pub fn verify(&self) -> Result<()> {
        self.segments.iter().try_for_each(|segment| segment.verify())?;
        let mut index_files = self.manifest.indexes.iter().flat_map(|index| &index.files);
        index_files.try_for_each(|file| file.verify(&self.folder))
    }
}

/// The place of the row that has `rank` rows before it which are not deleted.
fn live_place(deleted: &RoaringBitmap, rank: u64, rows: u64) -> u64 {
    let (mut low, mut high) = (rank, rows - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if middle + 1 - deleted.rank(middle as u32) > rank {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
