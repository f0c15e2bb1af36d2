//! A segment: one immutable Arrow IPC file of rows, mapped into memory and read in place.
//!
//! Nothing here trusts the file. Length and footer are compared with the manifest when the file is
//! opened, the metadata of a batch when it is decoded, and the content of a column the first time
//! that it is touched; so damage is an error, never a panic, and untouched columns are never read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};

use crate::error::{Error, Result};
use crate::storage::layout::{self, Body, unsigned};
use crate::storage::manifest::SegmentEntry;
use crate::storage::map::MappedFile;

/// What precedes the flatbuffer of a message: a marker and its length.
const MESSAGE_PREFIX_BYTES: usize = 8;
/// What follows the footer: its length and the magic `ARROW1`.
const TRAILER_BYTES: usize = 10;

/// One immutable file of rows. It is opened when a row of it is first asked for.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    schema: SchemaRef,
    entry: SegmentEntry,
    /// The offset within the segment of each batch's first row.
    batch_starts: Vec<u64>,
    opened: OnceLock<Opened>,
}

#[derive(Debug)]
struct Opened {
    file: Buffer,
    decoder: FileDecoder,
    blocks: Vec<ipc::Block>,
    batches: Vec<Batch>,
}

/// A decoded batch. Its columns may be handed out once they are `valid`.
#[derive(Debug, Default)]
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
                let decoded = self.decode(opened, index).map_err(|reason| self.damaged(reason))?;
                batch.decoded.get_or_init(|| decoded)
            }
        };
        Ok((batch, decoded))
    }

    fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::corrupted(&self.path, reason)
    }

    fn open(&self) -> Result<Opened> {
        let map = MappedFile::open(&self.path, self.entry.file.bytes)?;
        let file = map.buffer();
        let footer = footer_range(&file).map_err(|reason| self.damaged(reason))?;
        if crc32c::crc32c(&file[footer.clone()]) != self.entry.footer_crc32c {
            return Err(self.damaged("the checksum of its footer is not the one in the manifest"));
        }
        self.open_footer(&file, footer).map_err(|reason| self.damaged(reason))
    }

    fn open_footer(&self, file: &Buffer, range: std::ops::Range<usize>) -> Result<Opened, String> {
        let footer = ipc::root_as_footer(&file[range.clone()]).map_err(|error| error.to_string())?;
        let schema = fb_to_schema(footer.schema().ok_or("its schema is missing")?);
        if schema.fields() != self.schema.fields() {
            return Err("its columns are not those of the table".to_owned());
        }
        let mut blocks = Vec::new();
        for block in footer.recordBatches().into_iter().flatten() {
            check_block(block, range.start)?;
            blocks.push(*block);
        }
        if blocks.len() != self.entry.batches.len() {
            let (found, expected) = (blocks.len(), self.entry.batches.len());
            return Err(format!("it has {found} record batches instead of {expected}"));
        }
        let values_by_id = dictionaries(&schema);
        let decoder = FileDecoder::new(schema.into(), footer.version()).with_require_alignment(true);
        // SAFETY: before the decoder sees a message, `layout` checks that every buffer lies within
        // the file and is as long as its column needs; and no column is handed out before
        // `validate` has run Arrow's full validation over it.
        let mut decoder = unsafe { decoder.with_skip_validation(true) };
        let mut seen = HashSet::new();
        for block in footer.dictionaries().into_iter().flatten() {
            check_block(block, range.start)?;
            if !seen.insert(check_dictionary(file, block, &values_by_id)?) {
                return Err("a dictionary is stored twice".to_owned());
            }
            decoder.read_dictionary(block, &message_bytes(file, block)).map_err(|error| error.to_string())?;
        }
        let batches = blocks.iter().map(|_| Batch::default()).collect();
        Ok(Opened { file: file.clone(), decoder, blocks, batches })
    }

    fn decode(&self, opened: &Opened, index: usize) -> Result<RecordBatch, String> {
        let block = &opened.blocks[index];
        let rows = self.entry.batches[index];
        let message = message(&opened.file, block)?;
        let header = message.header_as_record_batch().ok_or("a record batch is something else")?;
        layout::check(&header, &self.schema, u64::from(rows), body(block)?)?;

        let batch = opened.decoder.read_record_batch(block, &message_bytes(&opened.file, block));
        let batch = batch.map_err(|error| error.to_string())?.ok_or("a record batch is empty")?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(self.schema.clone(), batch.columns().to_vec(), &options)
            .map_err(|error| error.to_string())
    }
}

/// Where the footer is, if the file ends like an Arrow file.
pub(super) fn footer_range(file: &[u8]) -> Result<std::ops::Range<usize>, String> {
    let trailer = file.last_chunk::<TRAILER_BYTES>().ok_or("it is too short for an Arrow file")?;
    let length = read_footer_length(*trailer).map_err(|error| error.to_string())?;
    let end = file.len() - TRAILER_BYTES;
    let start = end.checked_sub(length).ok_or("its footer is longer than the file")?;
    Ok(start..end)
}

/// An error unless the block lies before the footer, with room for a message and aligned.
fn check_block(block: &ipc::Block, end: usize) -> Result<(), String> {
    let (offset, body) = (unsigned(block.offset())?, unsigned(block.bodyLength())?);
    let metadata = unsigned(i64::from(block.metaDataLength()))?;
    let block_end = offset.checked_add(metadata).and_then(|start| start.checked_add(body));
    if block_end.is_none_or(|block_end| block_end > end as u64) {
        return Err("a record batch reaches beyond the file".to_owned());
    }
    if metadata < MESSAGE_PREFIX_BYTES as u64 || !offset.is_multiple_of(layout::ALIGNMENT) {
        return Err("a record batch is out of place".to_owned());
    }
    Ok(())
}

/// The body of a block that [`check_block`] has passed.
fn body(block: &ipc::Block) -> Result<Body, String> {
    let start = unsigned(block.offset())? + unsigned(i64::from(block.metaDataLength()))?;
    Ok(Body { start, bytes: unsigned(block.bodyLength())? })
}

/// The metadata and body of a block that [`check_block`] has passed.
fn message_bytes(file: &Buffer, block: &ipc::Block) -> Buffer {
    let bytes = block.metaDataLength() as usize + block.bodyLength() as usize;
    file.slice_with_length(block.offset() as usize, bytes)
}

/// The verified metadata of a block that [`check_block`] has passed.
fn message<'a>(file: &'a Buffer, block: &ipc::Block) -> Result<ipc::Message<'a>, String> {
    let metadata = &file[block.offset() as usize..][..block.metaDataLength() as usize];
    let (prefix, flatbuffer) = metadata.split_at(MESSAGE_PREFIX_BYTES);
    if prefix[..4] != [0xff; 4] {
        return Err("a message does not begin with its marker".to_owned());
    }
    ipc::root_as_message(flatbuffer).map_err(|error| format!("a message is malformed: {error}"))
}

/// Checks a dictionary's message and returns its id.
fn check_dictionary(
    file: &Buffer,
    block: &ipc::Block,
    values_by_id: &HashMap<i64, DataType>,
) -> Result<i64, String> {
    let message = message(file, block)?;
    let header = message.header_as_dictionary_batch().ok_or("a dictionary is something else")?;
    let batch = header.data().ok_or("a dictionary is empty")?;
    let values = values_by_id.get(&header.id()).ok_or("a dictionary belongs to no column")?;
    if header.isDelta() {
        return Err("a dictionary is in parts".to_owned());
    }
    let schema = Schema::new(vec![Field::new("dictionary", values.clone(), true)]);
    layout::check(&batch, &schema, unsigned(batch.length())?, body(block)?)?;
    Ok(header.id())
}

/// The type of the values of each dictionary, by the id that the file gives it.
fn dictionaries(schema: &Schema) -> HashMap<i64, DataType> {
    schema
        .flattened_fields()
        .into_iter()
        .filter_map(|field| match field.data_type() {
            // The id is deprecated in fields that people make; files still have it.
            #[expect(deprecated)]
            DataType::Dictionary(_, values) => Some((field.dict_id()?, values.as_ref().clone())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
