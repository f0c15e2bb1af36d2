//! Changing the columns: adding, altering and dropping them, each as one version.
//!
//! Rows stay where they are. A new column, or one of another type, is written into a file of its own beside those
//! that hold the others, and a column that goes or gets another name is a matter of the manifest alone. Compaction
//! brings the columns of a segment together again where some of them are not needed any more.

mod add;
mod alter;
mod drop;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::error::{Error, Result};
use crate::index::scalar::column_path;
use crate::progress::Progress;
use crate::query::column_name;
use crate::storage::{IndexEntry, Manifest, NewFiles, PartEntry, Version, stored_schema, write_part};

pub use add::NewColumn;
pub use alter::{Alteration, NewType};

/// What the values of new columns are made from and how: rows in, columns out.
type Values<'a> = dyn Fn(&RecordBatch, u64) -> Result<RecordBatch> + 'a;

/// New columns of segments, remembered while a change is tried again because other writers were faster. A file of
/// rows never changes, and rows that were deleted meanwhile do not matter.
#[derive(Default)]
struct Written {
    generation: u64,
    /// By the path of the segment's first file.
    parts: HashMap<String, PartEntry>,
}

impl Written {
    /// Writes columns of `schema` for all rows of a segment. Of the table's columns `values` sees those in `reads`,
    /// and the number of rows in the table before its first one.
    fn part(
        &mut self,
        version: &Version,
        segment: usize,
        schema: &SchemaRef,
        (reads, values): (&[usize], &Values<'_>),
        progress: &Progress,
        new_files: &mut NewFiles,
    ) -> Result<PartEntry> {
        let generation = version.manifest().generation;
        if self.generation != generation {
            (self.generation, self.parts) = (generation, HashMap::new());
        }
        let segments = &version.manifest().segments;
        let name = &segments[segment].file.path;
        if let Some(known) = self.parts.get(name) {
            return Ok(known.clone());
        }
        let mut first: u64 = segments[..segment].iter().map(|segment| segment.live_rows()).sum();
        let batches = version.batches().filter(|batch| batch.segment == segment).map(|batch| {
            progress.check()?;
            let rows = version.column_batch(&batch, reads)?;
            // A row that is gone has no value, not even one that cannot be computed.
            let live = version.live(&batch)?;
            let there = match &live {
                None => rows,
                Some(live) => filter_record_batch(&rows, &live.clone().into()).map_err(Error::internal)?,
            };
            let columns = values(&there, first)?;
            first += there.num_rows() as u64;
            live.map_or(Ok(columns.clone()), |live| spread(&columns, &live))
        });
        let part = write_part(version.folder(), schema, batches, new_files)?;
        self.parts.insert(name.clone(), part.clone());
        Ok(part)
    }
}

/// `rows` at the places that are `live`, and nulls elsewhere.
fn spread(rows: &RecordBatch, live: &BooleanBuffer) -> Result<RecordBatch> {
    let mut next = 0;
    let places = live.iter().map(|live| {
        next += u32::from(live);
        live.then(|| next - 1)
    });
    take_record_batch(rows, &UInt32Array::from_iter(places)).map_err(Error::internal)
}

/// The schema of a file with new columns: all of them allow nulls, for the rows that are gone.
fn part_schema<'a>(columns: impl IntoIterator<Item = &'a Field>) -> SchemaRef {
    let fields = columns.into_iter().map(|field| field.clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// `manifest` with other columns, about which nothing that was read before is right.
fn with_schema(mut manifest: Manifest, fields: Vec<FieldRef>) -> Result<Manifest> {
    let schema = Schema::new_with_metadata(fields, manifest.schema.metadata().clone());
    for (at, field) in schema.fields().iter().enumerate() {
        if schema.fields()[..at].iter().any(|other| other.name() == field.name()) {
            return Err(Error::ColumnExists { name: field.name().clone() });
        }
    }
    manifest.schema = stored_schema(&schema)?;
    manifest.generation = manifest.version + 1;
    Ok(manifest)
}

/// The position of the column `name`.
fn position(schema: &Schema, name: &str) -> Result<usize> {
    let known = schema.fields().iter().map(|field| field.name().as_str());
    let nested = name.split('.').next().filter(|first| *first != name);
    if let Some(index) = schema.fields().iter().position(|field| *field.name() == column_name(schema, name)) {
        return Ok(index);
    }
    match nested.filter(|first| schema.field_with_name(first).is_ok()) {
        Some(parent) => Err(Error::invalid(
            "the column",
            format!("'{name}', a part of '{parent}'"),
            "a column of the table itself; add a column with the value that you want, and drop the old one",
        )),
        None => Err(Error::column_not_found(name, known)),
    }
}

/// The position of the column that an index is on, or on a part of: `a.b` is a column, or else a field of `a`.
fn indexed_position(schema: &Schema, index: &IndexEntry) -> Option<usize> {
    let (path, _) = column_path(schema, &index.column).ok()?;
    schema.index_of(&path[0]).ok()
}

/// The type in which values of `data_type` are stored: a file has room for one dictionary only, so there is none.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}
