//! A segment: one immutable Arrow IPC file of rows, mapped into memory and read in place.
//!
//! Nothing here trusts the file. Length and footer are compared with the manifest when the file is
//! opened, the metadata of a batch when it is decoded, and the content of a column the first time
//! that it is touched; so damage is an error, never a panic, and untouched columns are never read.

mod file;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, BooleanBufferBuilder, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::SchemaRef;
use roaring::RoaringBitmap;

use crate::error::{Error, Result};
use crate::storage::manifest::SegmentEntry;
use crate::storage::map::MappedFile;
use crate::storage::row_ids::RowIds;
use crate::storage::sets;

use file::SegmentFile;
pub(super) use file::footer_range;

/// One immutable file of rows. It is opened when a row of it is first asked for.
pub struct Segment {
    table: PathBuf,
    path: PathBuf,
    schema: SchemaRef,
    entry: SegmentEntry,
    /// The offset within the segment of each batch's first row.
    batch_starts: Vec<u64>,
    /// Shared with the same file in other versions, which have other deletions.
    opened: Arc<OnceLock<Opened>>,
    row_ids: OnceLock<RowIds>,
    deleted: OnceLock<RoaringBitmap>,
}

struct Opened {
    file: SegmentFile,
    batches: Vec<Batch>,
}

/// A decoded batch. Its columns may be handed out once they are `valid`.
#[derive(Default)]
struct Batch {
    decoded: OnceLock<RecordBatch>,
    valid: OnceLock<Box<[OnceLock<()>]>>,
}

impl Segment {
    /// The segment that `entry` describes, in the table's folder. Touches no file.
    pub fn new(table: &Path, schema: SchemaRef, entry: SegmentEntry) -> Self {
        let starts = entry.batches.iter().scan(0, |next, &rows| {
            let start = *next;
            *next += u64::from(rows);
            Some(start)
        });
        let batch_starts = starts.collect();
        Self {
            table: table.to_owned(),
            path: entry.file.locate(table),
            schema,
            entry,
            batch_starts,
            opened: Arc::default(),
            row_ids: OnceLock::new(),
            deleted: OnceLock::new(),
        }
    }

    /// As [`Segment::new`], sharing what `other` has read of the same file.
    pub fn sharing(other: &Self, entry: SegmentEntry) -> Self {
        let mut segment = Self::new(&other.table, other.schema.clone(), entry);
        if segment.entry.file == other.entry.file {
            segment.opened = other.opened.clone();
        }
        segment
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the manifest says about the segment.
    pub fn entry(&self) -> &SegmentEntry {
        &self.entry
    }

    /// How many rows its file has, deleted ones included.
    pub fn rows(&self) -> u64 {
        self.entry.rows
    }

    /// The id of its first row.
    pub fn first_row_id(&self) -> u64 {
        self.entry.first_row_id
    }

    /// The ids of all rows, by their place in the segment.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the file that has them is missing or damaged.
    pub fn row_ids(&self) -> Result<&RowIds> {
        if let Some(ids) = self.row_ids.get() {
            return Ok(ids);
        }
        let ids = match &self.entry.row_ids {
            None => RowIds::without_gaps(self.entry.first_row_id, self.entry.rows),
            Some(ids) => {
                RowIds::from_set(&sets::read_row_ids(&self.table, &ids.file, self.entry.rows, ids.end)?)
            }
        };
        Ok(self.row_ids.get_or_init(|| ids))
    }

    /// The places of the deleted rows, if there are any.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the file that has them is missing or damaged.
    pub fn deleted(&self) -> Result<Option<&RoaringBitmap>> {
        let Some(entry) = &self.entry.deletions else { return Ok(None) };
        if let Some(deleted) = self.deleted.get() {
            return Ok(Some(deleted));
        }
        let deleted = sets::read_deletions(&self.table, &entry.file, entry.rows, self.entry.rows)?;
        Ok(Some(self.deleted.get_or_init(|| deleted)))
    }

    /// Which rows of a batch are not deleted; `None` if all are there.
    ///
    /// # Errors
    /// As [`Segment::deleted`].
    pub fn live(&self, batch: usize) -> Result<Option<BooleanBuffer>> {
        let Some(deleted) = self.deleted()? else { return Ok(None) };
        let (start, rows) = self.batch_rows(batch);
        let places = start as u32..(start as usize + rows) as u32;
        if deleted.range_cardinality(places.clone()) == 0 {
            return Ok(None);
        }
        let mut live = BooleanBufferBuilder::new(rows);
        live.append_n(rows, true);
        for place in deleted.range(places.clone()) {
            live.set_bit((place - places.start) as usize, false);
        }
        Ok(Some(live.finish()))
    }

    /// How many record batches it has.
    pub fn batch_count(&self) -> usize {
        self.entry.batches.len()
    }

    /// The offset within the segment of a batch's first row, and how many rows the batch has.
    pub(super) fn batch_rows(&self, batch: usize) -> (u64, usize) {
        (self.batch_starts[batch], self.entry.batches[batch] as usize)
    }

    /// Which batch the row at `offset` is in, and where in it.
    pub(super) fn locate(&self, offset: u64) -> (usize, usize) {
        let batch = self.batch_starts.partition_point(|&start| start <= offset).saturating_sub(1);
        (batch, (offset - self.batch_starts[batch]) as usize)
    }

    /// A batch with all columns, in place.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the file is not what the manifest and its own metadata say.
    pub fn batch(&self, index: usize) -> Result<RecordBatch> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let (batch, decoded) = self.decoded(index)?;
        self.validate(batch, decoded, &all)?;
        Ok(decoded.clone())
    }

    /// A batch with the columns `projection` (their positions in the schema), in place. Other
    /// columns are not read.
    ///
    /// # Errors
    /// As [`Segment::batch`], for these columns.
    pub fn column_batch(&self, index: usize, projection: &[usize]) -> Result<RecordBatch> {
        let (batch, decoded) = self.decoded(index)?;
        self.validate(batch, decoded, projection)?;
        decoded.project(projection).map_err(Error::internal)
    }

    /// Maps and reads what is needed to read any row later, whatever becomes of the files' names.
    pub fn hold(&self) -> Result<()> {
        self.row_ids()?;
        self.deleted()?;
        self.opened().map(|_| ())
    }

    /// Reads its files, their checksums and every value.
    pub fn verify(&self) -> Result<()> {
        self.entry.files().try_for_each(|file| file.verify(&self.table))?;
        self.row_ids()?;
        self.deleted()?;
        (0..self.batch_count()).try_for_each(|index| self.batch(index).map(|_| ()))
    }

    /// Checks what the decoder did not: that offsets, keys and texts of these columns are valid.
    fn validate(&self, batch: &Batch, decoded: &RecordBatch, columns: &[usize]) -> Result<()> {
        let valid = batch.valid.get_or_init(|| vec![OnceLock::new(); decoded.num_columns()].into());
        for &column in columns {
            if valid[column].get().is_some() {
                continue;
            }
            let checked = decoded.column(column).to_data().validate_full();
            checked.map_err(|error| {
                self.damaged(format!("column '{}': {error}", self.schema.field(column).name()))
            })?;
            let _ = valid[column].set(());
        }
        Ok(())
    }

    fn decoded(&self, index: usize) -> Result<(&Batch, &RecordBatch)> {
        let opened = self.opened()?;
        let batch = &opened.batches[index];
        let decoded = match batch.decoded.get() {
            Some(decoded) => decoded,
            None => {
                let decoded = self.decode(&opened.file, index).map_err(|reason| self.damaged(reason))?;
                batch.decoded.get_or_init(|| decoded)
            }
        };
        Ok((batch, decoded))
    }

    fn opened(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.open()?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::corrupted(&self.path, reason)
    }

    fn open(&self) -> Result<Opened> {
        let bytes = MappedFile::open(&self.path, self.entry.file.bytes)?.buffer();
        let file =
            SegmentFile::open(bytes, &self.schema, &self.entry).map_err(|reason| self.damaged(reason))?;
        let batches = self.entry.batches.iter().map(|_| Batch::default()).collect();
        Ok(Opened { file, batches })
    }

    fn decode(&self, file: &SegmentFile, index: usize) -> Result<RecordBatch, String> {
        let rows = self.entry.batches[index];
        let batch = file.decode(index, &self.schema, u64::from(rows))?;
        // The table's own schema, which all its batches share.
        let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(self.schema.clone(), batch.columns().to_vec(), &options)
            .map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Segment {
    // Names the file only: columns that were not validated must not be looked at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({}, {} rows)", self.path.display(), self.rows())
    }
}

#[cfg(test)]
mod tests;
