//! A segment: some rows in an immutable Arrow IPC file, mapped into memory and read in place. Columns that were
//! added later are in files of their own.
//!
//! Nothing here trusts a file. Length and footer are compared with the manifest when the file is
//! opened, the metadata of a batch when it is decoded, and the content of a column the first time
//! that it is touched; so damage is an error, never a panic, and untouched columns are never read.

mod file;
mod part;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, BooleanBufferBuilder, RecordBatch, RecordBatchOptions, make_array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::SchemaRef;
use roaring::RoaringBitmap;

use crate::error::{Error, Result};
use crate::storage::manifest::{ColumnPlace, SegmentEntry};
use crate::storage::row_ids::RowIds;
use crate::storage::sets;
use crate::storage::statistics::ColumnStatistics;

pub(super) use file::footer_range;
use part::Part;

/// Some rows, in one immutable file or, where columns were added later, in several. They are opened when
/// something in them is first asked for.
pub struct Segment {
    table: PathBuf,
    path: PathBuf,
    schema: SchemaRef,
    entry: SegmentEntry,
    /// The offset within the segment of each batch's first row.
    batch_starts: Vec<u64>,
    /// Its files, shared with versions that have other deletions or columns.
    parts: Vec<Arc<Part>>,
    /// For each file, that its columns were found to be those that the manifest says.
    fits: Vec<OnceLock<()>>,
    row_ids: OnceLock<RowIds>,
    deleted: OnceLock<RoaringBitmap>,
}

impl Segment {
    /// The segment that `entry` describes, in the table's folder. Touches no file.
    pub fn new(table: &Path, schema: SchemaRef, entry: SegmentEntry) -> Self {
        Self::with_parts_of(&[], table, schema, entry)
    }

    /// As [`Segment::new`], sharing what `other` has read of the same files.
    pub fn sharing(other: &Self, schema: SchemaRef, entry: SegmentEntry) -> Self {
        Self::with_parts_of(&other.parts, &other.table, schema, entry)
    }

    fn with_parts_of(known: &[Arc<Part>], table: &Path, schema: SchemaRef, entry: SegmentEntry) -> Self {
        let starts = entry.batches.iter().scan(0, |next, &rows| {
            let start = *next;
            *next += u64::from(rows);
            Some(start)
        });
        let batch_starts = starts.collect();
        let parts: Vec<Arc<Part>> = entry
            .all_parts()
            .map(|part| match known.iter().find(|known| known.entry().file == part.file) {
                Some(known) => known.clone(),
                None => Arc::new(Part::new(table, part)),
            })
            .collect();
        Self {
            table: table.to_owned(),
            path: entry.file.locate(table),
            schema,
            entry,
            batch_starts,
            fits: vec![OnceLock::new(); parts.len()],
            parts,
            row_ids: OnceLock::new(),
            deleted: OnceLock::new(),
        }
    }

    /// The file, or the first of several.
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
    /// [`Error::Corrupted`] if a file is not what the manifest and its own metadata say.
    pub fn batch(&self, index: usize) -> Result<RecordBatch> {
        let columns = (0..self.schema.fields().len()).map(|column| self.column(index, column));
        self.record_batch(index, self.schema.clone(), columns.collect::<Result<_>>()?)
    }

    /// A batch with the columns `projection` (their positions in the schema), in place. Other
    /// columns are not read.
    ///
    /// # Errors
    /// As [`Segment::batch`], for these columns.
    pub fn column_batch(&self, index: usize, projection: &[usize]) -> Result<RecordBatch> {
        let columns = projection.iter().map(|&column| self.column(index, column)).collect::<Result<_>>()?;
        let schema = self.schema.project(projection).map_err(Error::internal)?;
        self.record_batch(index, schema.into(), columns)
    }

    fn record_batch(&self, index: usize, schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        let rows = self.entry.batches[index] as usize;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options);
        batch.map_err(|error| Error::corrupted(&self.path, error.to_string()))
    }

    /// One column of a batch.
    fn column(&self, batch: usize, column: usize) -> Result<ArrayRef> {
        let field = self.schema.field(column);
        let rows = &self.entry.batches;
        let Some(ColumnPlace { part, column }) = self.entry.place(column) else {
            return Ok(new_null_array(field.data_type(), rows[batch] as usize));
        };
        self.check_part(part as usize)?;
        let part = &self.parts[part as usize];
        let array = part.column(batch, column as usize, rows)?;
        if field.is_nullable() || array.null_count() == 0 {
            return Ok(array.clone());
        }
        // A column that allows no nulls any more may have some in rows that are gone.
        self.without_deleted_nulls(batch, array)
            .ok_or_else(|| part.damaged(format!("column '{}' has nulls, but allows none", field.name())))
    }

    fn without_deleted_nulls(&self, batch: usize, array: &ArrayRef) -> Option<ArrayRef> {
        let live = self.live(batch).ok()??;
        if array.nulls().is_none_or(|nulls| (nulls.inner() & &live) != live) {
            return None;
        }
        let data = array.to_data().into_builder().nulls(None).build();
        data.ok().map(make_array)
    }

    /// What is known of the values of a column without a look at them; `None` if nothing is.
    ///
    /// # Errors
    /// As [`Segment::batch`].
    pub fn statistics(&self, column: usize) -> Result<Option<ColumnStatistics>> {
        let Some(ColumnPlace { part, column }) = self.entry.place(column) else {
            return Ok(Some(ColumnStatistics::all_null(self.rows())));
        };
        self.check_part(part as usize)?;
        let part = &self.parts[part as usize];
        Ok(part.statistics(column as usize, &self.entry.batches)?.cloned())
    }

    /// An error unless the columns of a file are those that the table has in it.
    fn check_part(&self, index: usize) -> Result<()> {
        if self.fits[index].get().is_some() {
            return Ok(());
        }
        let part = &self.parts[index];
        let found = part.fields(&self.entry.batches)?;
        let fits = match &self.entry.columns {
            None => found == self.schema.fields(),
            Some(places) => self.schema.fields().iter().zip(places).all(|(field, place)| {
                let here = place.filter(|place| place.part as usize == index);
                here.is_none_or(|place| {
                    let stored = found.get(place.column as usize);
                    stored.is_some_and(|stored| stored.data_type() == field.data_type())
                })
            }),
        };
        if !fits {
            return Err(part.damaged("its columns are not those of the table"));
        }
        let _ = self.fits[index].set(());
        Ok(())
    }

    /// Maps and reads what is needed to read any row later, whatever becomes of the files' names.
    pub fn hold(&self) -> Result<()> {
        self.row_ids()?;
        self.deleted()?;
        (0..self.parts.len()).try_for_each(|part| self.check_part(part))
    }

    /// Reads its files, their checksums and every value.
    pub fn verify(&self) -> Result<()> {
        self.entry.files().try_for_each(|file| file.verify(&self.table))?;
        self.row_ids()?;
        self.deleted()?;
        (0..self.batch_count()).try_for_each(|index| self.batch(index).map(|_| ()))
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
