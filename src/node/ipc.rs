//! Arrow IPC streams: how tables and schemas cross between Rust and JavaScript.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;

use crate::error::{Error, Result};

/// The batches of a stream, and its schema.
pub(crate) fn read(stream: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let unreadable = |error: arrow::error::ArrowError| {
        Error::invalid("the data", "not a readable Arrow IPC stream", error.to_string())
    };
    let reader = StreamReader::try_new(Cursor::new(stream), None).map_err(unreadable)?;
    let schema = reader.schema();
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(unreadable)?;
    Ok((schema, batches))
}

/// A stream that holds `batches`; with none, just the schema.
pub(crate) fn write(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    write_while(schema, batches, || Ok(()))
}

/// As [`write`], for as long as `go_on` agrees, which is asked after every batch.
pub(crate) fn write_while(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    go_on: impl Fn() -> Result<()>,
) -> Result<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema).map_err(Error::internal)?;
    for batch in batches {
        writer.write(batch).map_err(Error::internal)?;
        go_on()?;
    }
    writer.into_inner().map_err(Error::internal)
}
