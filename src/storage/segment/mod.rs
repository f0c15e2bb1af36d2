//! A segment: one immutable Arrow IPC file of rows, mapped into memory and read in place.
//!
//! Nothing here trusts the file. Length and footer are compared with the manifest when the file is
//! opened, the metadata of a batch when it is decoded, and the content of a column the first time
//! that it is touched; so damage is an error, never a panic, and untouched columns are never read.

mod file;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::storage::manifest::SegmentEntry;
use crate::storage::map::MappedFile;

use file::SegmentFile;
pub(super) use file::footer_range;

/// One immutable file of rows. It is opened when a row of it is first asked for.
pub struct Segment {
    path: PathBuf,
    schema: SchemaRef,
    entry: SegmentEntry,
    /// The offset within the segment of each batch's first row.
    batch_starts: Vec<u64>,
    opened: OnceLock<Opened>,
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
        Self { path: entry.file.locate(table), schema, entry, batch_starts, opened: OnceLock::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the manifest says about the segment.
    pub fn entry(&self) -> &SegmentEntry {
        &self.entry
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.entry.rows
    }

    /// The id of its first row; the others follow without gaps.
    pub fn first_row_id(&self) -> u64 {
        self.entry.first_row_id
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

    /// Reads the whole file, its checksum and every value.
    pub fn verify(&self, table: &Path) -> Result<()> {
        self.entry.file.verify(table)?;
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
        let opened = match self.opened.get() {
            Some(opened) => opened,
            None => {
                let opened = self.open()?;
                self.opened.get_or_init(|| opened)
            }
        };
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
