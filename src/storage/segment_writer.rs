//! Writes rows into segments, in bounded memory whatever the sizes of the batches that arrive.

use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};

use crate::error::{Error, Result};
use crate::storage::files::{ChecksumWriter, FileEntry, NewFiles};
use crate::storage::layout::ALIGNMENT;
use crate::storage::manifest::{PartEntry, SegmentEntry};
use crate::storage::map::MappedFile;
use crate::storage::segment::footer_range;
use crate::storage::statistics::{Collector, STATISTICS};

/// How large batches and segments become.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows of a record batch, at most. Default 65,536.
    pub batch_rows: usize,
    /// Bytes of a record batch, about. Default 32 MiB.
    pub batch_bytes: usize,
    /// Rows at which a segment is finished. Default 1,048,576.
    pub segment_rows: u64,
    /// Bytes at which a segment is finished. Default 2 GiB.
    pub segment_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batch_rows: 1 << 16, batch_bytes: 32 << 20, segment_rows: 1 << 20, segment_bytes: 2 << 30 }
    }
}

/// Writes batches of one schema into new segments of a table.
///
/// Small batches are joined and large ones cut. Dropped before [`SegmentWriter::finish`], it
/// removes what it wrote.
pub struct SegmentWriter {
    table: PathBuf,
    schema: SchemaRef,
    limits: Limits,
    /// Rows that are not yet in a file: together at most one batch.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    // Before `files`, so that an open file is closed before it is removed.
    open: Option<OpenSegment>,
    finished: Vec<SegmentEntry>,
    files: NewFiles,
}

impl SegmentWriter {
    /// Will write rows of `schema` into the folder `data` of `table`.
    pub fn new(table: &Path, schema: SchemaRef, limits: Limits) -> Self {
        Self {
            table: table.to_owned(),
            schema,
            limits,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            open: None,
            finished: Vec::new(),
            files: NewFiles::default(),
        }
    }

    /// Adds the rows of `batch`, which has the writer's schema.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let rest = batch.slice(start, (batch.num_rows() - start).min(self.limits.batch_rows));
            let rows = self.rows_that_fit(&rest);
            if rows > 0 {
                let part = rest.slice(0, rows);
                self.pending_rows += rows;
                self.pending_bytes += slice_bytes(&part);
                self.pending.push(part);
                start += rows;
            }
            if rows < rest.num_rows() || self.pending_rows == self.limits.batch_rows {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// How many of the first rows of `batch` still go into the pending batch.
    fn rows_that_fit(&self, batch: &RecordBatch) -> usize {
        let (rows, bytes) = (batch.num_rows(), slice_bytes(batch));
        let room = self.limits.batch_bytes.saturating_sub(self.pending_bytes);
        let by_bytes =
            if bytes <= room { rows } else { (rows as f64 * (room as f64 / bytes as f64)) as usize };
        let by_rows = self.limits.batch_rows - self.pending_rows;
        // A row that is larger than a batch should be goes alone.
        rows.min(by_rows).min(by_bytes).max(usize::from(self.pending.is_empty()))
    }

    /// Writes the pending rows as one batch, or as several if their dictionaries do not go into one.
    fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        (self.pending_rows, self.pending_bytes) = (0, 0);
        match pending.as_slice() {
            [] => Ok(()),
            [batch] => self.write_batch(batch),
            batches => match concat_batches(&self.schema, batches) {
                Ok(batch) => self.write_batch(&batch),
                Err(_) => batches.iter().try_for_each(|batch| self.write_batch(batch)),
            },
        }
    }

    fn write_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let open = match self.open.take() {
            Some(open) if open.takes(batch, &self.limits) => self.open.insert(open),
            full => {
                self.open = full;
                self.finish_segment()?;
                self.open.insert(OpenSegment::create(&self.table, &self.schema, &mut self.files)?)
            }
        };
        open.write(batch)
    }

    fn finish_segment(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            self.finished.push(open.finish()?);
        }
        Ok(())
    }

    /// Ends the last segment. The row ids of the entries count from 0; the files go when the second value is
    /// dropped, and are not durable yet.
    pub fn finish(mut self) -> Result<(Vec<SegmentEntry>, NewFiles)> {
        self.flush()?;
        self.finish_segment()?;
        let mut first_row_id = 0;
        for entry in &mut self.finished {
            entry.first_row_id = first_row_id;
            first_row_id += entry.rows;
        }
        Ok((self.finished, self.files))
    }
}

/// Writes columns for all rows of a segment into a file of its own. `batches` are as large as those of the segment,
/// and have no dictionaries.
pub fn write_part(
    table: &Path,
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    new_files: &mut NewFiles,
) -> Result<PartEntry> {
    let mut open = OpenSegment::create(table, schema, new_files)?;
    for batch in batches {
        open.write(&batch?)?;
    }
    let SegmentEntry { file, footer_crc32c, .. } = open.finish()?;
    Ok(PartEntry { file, footer_crc32c, unused_columns: 0 })
}

struct OpenSegment {
    path: PathBuf,
    name: String,
    writer: FileWriter<ChecksumWriter>,
    rows: u64,
    batches: Vec<u32>,
    statistics: Collector,
    /// A file can hold only one dictionary per column.
    dictionaries: Vec<ArrayRef>,
}

impl OpenSegment {
    fn create(table: &Path, schema: &SchemaRef, files: &mut NewFiles) -> Result<Self> {
        let name = format!("data/{}.arrow", uuid::Uuid::new_v4());
        let path = table.join(&name);
        let file = ChecksumWriter::create(&path)?;
        files.add(&path);
        let options = IpcWriteOptions::try_new(ALIGNMENT as usize, false, MetadataVersion::V5);
        let options = options.map_err(|error| failed(error, &path))?;
        let writer = FileWriter::try_new_with_options(file, schema, options);
        let writer = writer.map_err(|error| failed(error, &path))?;
        let statistics = Collector::new(schema);
        Ok(Self { path, name, writer, rows: 0, batches: Vec::new(), statistics, dictionaries: Vec::new() })
    }

    /// Whether `batch` can go into this segment too.
    fn takes(&self, batch: &RecordBatch, limits: &Limits) -> bool {
        let rows = self.rows + batch.num_rows() as u64;
        rows <= limits.segment_rows
            && self.writer.get_ref().bytes() < limits.segment_bytes
            && dictionaries(batch) == self.dictionaries
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|error| failed(error, &self.path))?;
        self.statistics.add(batch)?;
        if self.batches.is_empty() {
            self.dictionaries = dictionaries(batch);
        }
        self.rows += batch.num_rows() as u64;
        self.batches.push(u32::try_from(batch.num_rows()).map_err(Error::internal)?);
        Ok(())
    }

    fn finish(mut self) -> Result<SegmentEntry> {
        self.writer.write_metadata(STATISTICS, self.statistics.finish()?);
        self.writer.finish().map_err(|error| failed(error, &self.path))?;
        let file = self.writer.into_inner().map_err(|error| failed(error, &self.path))?;
        let file = file.finish(self.name)?;
        let footer_crc32c = footer_crc32c(&self.path, &file)?;
        Ok(SegmentEntry {
            file,
            rows: self.rows,
            first_row_id: 0,
            row_ids: None,
            batches: self.batches,
            footer_crc32c,
            deletions: None,
            parts: Vec::new(),
            columns: None,
            unused_columns: 0,
        })
    }
}

/// The checksum of the footer of a file that was just written.
fn footer_crc32c(path: &Path, entry: &FileEntry) -> Result<u32> {
    let map = MappedFile::open(path, entry.bytes)?;
    let footer = footer_range(map.bytes()).map_err(Error::internal)?;
    Ok(crc32c::crc32c(&map.bytes()[footer]))
}

/// How many bytes the rows of a batch take, not counting what its buffers hold beyond them.
fn slice_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| {
        let data = column.to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| data.get_array_memory_size())
    };
    batch.columns().iter().map(bytes).sum()
}

/// The values of all dictionaries in a batch, also of nested ones, in the order of the columns.
fn dictionaries(batch: &RecordBatch) -> Vec<ArrayRef> {
    let mut found = Vec::new();
    for column in batch.columns() {
        collect_dictionaries(column, &mut found);
    }
    found
}

fn collect_dictionaries(array: &ArrayRef, found: &mut Vec<ArrayRef>) {
    match array.data_type() {
        DataType::Dictionary(..) => found.push(array.as_any_dictionary().values().clone()),
        DataType::List(_) => collect_dictionaries(array.as_list::<i32>().values(), found),
        DataType::LargeList(_) => collect_dictionaries(array.as_list::<i64>().values(), found),
        DataType::FixedSizeList(..) => collect_dictionaries(array.as_fixed_size_list().values(), found),
        DataType::Map(..) => {
            array.as_map().entries().columns().iter().for_each(|child| collect_dictionaries(child, found));
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().for_each(|child| collect_dictionaries(child, found));
        }
        _ => {}
    }
}

fn failed(error: ArrowError, path: &Path) -> Error {
    match error {
        ArrowError::IoError(_, source) => Error::Io { action: "write", path: path.to_owned(), source },
        other => Error::internal(other),
    }
}

#[cfg(test)]
mod tests;
