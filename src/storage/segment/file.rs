//! The file of a segment: everything in it that says where something is, checked before use.
//!
//! ```text
//! ARROW1 | schema | dictionaries | record batches | end | footer | length of the footer | ARROW1
//! ```
//!
//! The footer is covered by a checksum in the manifest. The metadata of each batch is verified as a
//! flatbuffer, and then by `layout` against the columns of the footer.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::ipc;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};

use crate::storage::layout::{self, Body, unsigned};
use crate::storage::statistics::STATISTICS;

/// What precedes the flatbuffer of a message: a marker and its length.
const MESSAGE_PREFIX_BYTES: usize = 8;
/// What follows the footer: its length and the magic `ARROW1`.
const TRAILER_BYTES: usize = 10;

/// An Arrow IPC file whose record batches can be decoded in place, in any order.
pub(super) struct SegmentFile {
    bytes: Buffer,
    schema: SchemaRef,
    decoder: FileDecoder,
    blocks: Vec<ipc::Block>,
    statistics: Option<String>,
}

impl SegmentFile {
    /// Opens a file that should have so many batches, and a footer with this checksum. What is wrong with it
    /// is the error.
    pub fn open(bytes: Buffer, footer_crc32c: u32, batches: usize) -> Result<Self, String> {
        let range = footer_range(&bytes)?;
        let footer = &bytes[range.clone()];
        // Only now can the schema be read: Arrow panics on one that makes no sense.
        if crc32c::crc32c(footer) != footer_crc32c {
            return Err("the checksum of its footer is not the one in the manifest".to_owned());
        }
        let footer = ipc::root_as_footer(footer).map_err(|error| error.to_string())?;
        let schema = fb_to_schema(footer.schema().ok_or("its schema is missing")?);
        let blocks = footer.recordBatches().into_iter().flatten().copied().collect::<Vec<_>>();
        if blocks.len() != batches {
            return Err(format!("it has {} record batches instead of {batches}", blocks.len()));
        }
        blocks.iter().try_for_each(|block| check_block(block, range.start))?;
        let dictionaries = footer.dictionaries().into_iter().flatten().copied().collect::<Vec<_>>();
        dictionaries.iter().try_for_each(|block| check_block(block, range.start))?;
        let decoder = decoder(&bytes, schema.clone(), footer.version(), &dictionaries)?;
        let mut metadata = footer.custom_metadata().into_iter().flatten();
        let statistics = metadata.find(|pair| pair.key() == Some(STATISTICS));
        let statistics = statistics.and_then(|pair| pair.value()).map(str::to_owned);
        Ok(Self { bytes, schema: schema.into(), decoder, blocks, statistics })
    }

    /// What the footer says of the values of the columns, if it does.
    pub fn statistics(&self) -> Option<&str> {
        self.statistics.as_deref()
    }

    /// The columns.
    pub fn fields(&self) -> &Fields {
        self.schema.fields()
    }

    /// Decodes one batch in place. Its columns have the right lengths; that their offsets, keys and
    /// texts are valid is still to be checked before anybody reads them.
    pub fn decode(&self, index: usize, rows: u64) -> Result<RecordBatch, String> {
        let block = &self.blocks[index];
        let message = message(&self.bytes, block)?;
        let header = message.header_as_record_batch().ok_or("a record batch is something else")?;
        layout::check(&header, &self.schema, rows, body(block)?)?;
        let batch = self.decoder.read_record_batch(block, &message_bytes(&self.bytes, block));
        batch.map_err(|error| error.to_string())?.ok_or_else(|| "a record batch is empty".to_owned())
    }
}

/// A decoder that knows the dictionaries of the file.
fn decoder(
    file: &Buffer,
    schema: Schema,
    version: ipc::MetadataVersion,
    dictionaries: &[ipc::Block],
) -> Result<FileDecoder, String> {
    let values_by_id = dictionary_types(&schema);
    let decoder = FileDecoder::new(schema.into(), version).with_require_alignment(true);
    // SAFETY: before the decoder sees a message, `layout` checks that every buffer lies within the
    // file and is as long as its column needs; and `Segment` hands out no column before it has run
    // Arrow's full validation over it.
    let mut decoder = unsafe { decoder.with_skip_validation(true) };
    let mut seen = HashSet::new();
    for block in dictionaries {
        if !seen.insert(check_dictionary(file, block, &values_by_id)?) {
            return Err("a dictionary is stored twice".to_owned());
        }
        decoder.read_dictionary(block, &message_bytes(file, block)).map_err(|error| error.to_string())?;
    }
    Ok(decoder)
}

/// Where the footer is, if the file ends like an Arrow file.
pub(in crate::storage) fn footer_range(file: &[u8]) -> Result<Range<usize>, String> {
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
fn dictionary_types(schema: &Schema) -> HashMap<i64, DataType> {
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
