//! An open version: the rows that a manifest names, found by position and by row id.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::storage::manifest::Manifest;
use crate::storage::segment::Segment;
use crate::storage::temporary::TemporaryFolder;

/// An open version of a table. It never changes, and stays readable while newer ones appear.
#[derive(Debug)]
pub struct Version {
    folder: PathBuf,
    manifest: Manifest,
    segments: Vec<Arc<Segment>>,
    /// The offset in the table of each segment's first row.
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
    /// The id of its first row; the others follow without gaps.
    pub first_row_id: u64,
    /// The offset in the table of its first row.
    pub first_offset: u64,
    /// How many rows it has.
    pub rows: usize,
}

impl Version {
    /// The version that `manifest` describes, in the table's `folder`. Opens no file; segments
    /// that `previous` has too are shared with it, and with what it has mapped already.
    pub fn new(folder: &Path, manifest: Manifest, previous: Option<&Self>) -> Self {
        let previous = previous.map_or(&[][..], |version| &version.segments);
        let segments = manifest.segments.iter().enumerate().map(|(index, entry)| {
            let shared = previous.get(index).filter(|segment| segment.entry() == entry);
            shared
                .cloned()
                .unwrap_or_else(|| Arc::new(Segment::new(folder, manifest.schema.clone(), entry.clone())))
        });
        let segments: Vec<_> = segments.collect();
        let mut row_count = 0;
        let mut segment_starts = Vec::with_capacity(segments.len());
        for segment in &segments {
            segment_starts.push(row_count);
            row_count += segment.rows();
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
        let rows = self.manifest.segments.iter().map(|segment| segment.file.bytes);
        let indexes = self.manifest.indexes.iter().flat_map(|index| &index.files).map(|file| file.bytes);
        rows.chain(indexes).sum()
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
        BatchRef {
            segment,
            batch,
            first_row_id: self.segments[segment].first_row_id() + start,
            first_offset: self.segment_starts[segment] + start,
            rows,
        }
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

    /// The batch that has the row with this id, and the row's place in it.
    pub fn locate(&self, row_id: u64) -> Option<(BatchRef, usize)> {
        let after = self.segments.partition_point(|segment| segment.first_row_id() <= row_id);
        let index = after.checked_sub(1)?;
        self.locate_in(index, row_id - self.segments[index].first_row_id())
    }

    /// The batch that has the row at this offset in the table, and the row's place in it.
    pub fn locate_offset(&self, offset: u64) -> Option<(BatchRef, usize)> {
        // Of several segments that begin here, all but the last are empty.
        let after = self.segment_starts.partition_point(|&start| start <= offset);
        let index = after.checked_sub(1)?;
        self.locate_in(index, offset - self.segment_starts[index])
    }

    fn locate_in(&self, segment: usize, offset: u64) -> Option<(BatchRef, usize)> {
        if offset >= self.segments[segment].rows() {
            return None;
        }
        let (batch, row) = self.segments[segment].locate(offset);
        Some((self.batch_ref(segment, batch), row))
    }

    /// Reads every file of the version and checks every byte.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) naming the first file that is missing
    /// or damaged.
    pub fn verify(&self) -> Result<()> {
        self.segments.iter().try_for_each(|segment| segment.verify(&self.folder))?;
        let mut index_files = self.manifest.indexes.iter().flat_map(|index| &index.files);
        index_files.try_for_each(|file| file.verify(&self.folder))
    }
}
