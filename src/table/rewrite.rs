//! Rows that take the place of others: written once, and written again only if a faster writer changed
//! which rows they are.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::storage::{Limits, Manifest, NewFiles, SegmentEntry, SegmentWriter};

/// New segments, and what they were made from.
#[derive(Debug)]
pub(super) struct Rewritten<K> {
    written: Option<(K, Vec<SegmentEntry>)>,
}

impl<K: PartialEq> Rewritten<K> {
    pub fn new() -> Self {
        Self { written: None }
    }

    /// Appends to `next` the rows that `rows` gives, which depend on nothing but `key`.
    ///
    /// # Errors
    /// Those of `rows`, and I/O errors.
    pub fn append(
        &mut self,
        next: &mut Manifest,
        table: &std::path::Path,
        key: K,
        new_files: &mut NewFiles,
        rows: impl FnOnce(&mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let known = self.written.take().filter(|(of, _)| *of == key);
        let (key, segments) = match known {
            Some(known) => known,
            None => (key, write(table, next.schema.clone(), new_files, rows)?),
        };
        next.append(&segments);
        self.written = Some((key, segments));
        Ok(())
    }
}

fn write(
    table: &std::path::Path,
    schema: SchemaRef,
    new_files: &mut NewFiles,
    rows: impl FnOnce(&mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()>,
) -> Result<Vec<SegmentEntry>> {
    let mut writer = SegmentWriter::new(table, schema, Limits::default());
    rows(&mut |batch| writer.write(batch))?;
    let (segments, files) = writer.finish()?;
    new_files.append(files);
    Ok(segments)
}
