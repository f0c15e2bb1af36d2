//! One file of a segment: some of its columns, in all of its batches.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::Fields;

use super::file::SegmentFile;
use crate::error::{Error, Result};
use crate::storage::manifest::PartEntry;
use crate::storage::map::MappedFile;
use crate::storage::statistics::{self, ColumnStatistics};

/// A file that is opened when a column of it is first asked for. Shared by all versions that name it.
pub(super) struct Part {
    path: PathBuf,
    entry: PartEntry,
    opened: OnceLock<Opened>,
}

/// The open file, and what was decoded of it.
pub(super) struct Opened {
    file: SegmentFile,
    batches: Vec<Batch>,
    /// Of each column; none if the file has none.
    statistics: OnceLock<Vec<Option<ColumnStatistics>>>,
}

/// A decoded batch. Its columns may be handed out once they are `valid`.
#[derive(Default)]
struct Batch {
    decoded: OnceLock<RecordBatch>,
    valid: OnceLock<Box<[OnceLock<()>]>>,
}

impl Part {
    pub fn new(table: &Path, entry: PartEntry) -> Self {
        Self { path: entry.file.locate(table), entry, opened: OnceLock::new() }
    }

    pub fn entry(&self) -> &PartEntry {
        &self.entry
    }

    /// The columns of the file, which has batches of `rows` rows.
    pub fn fields(&self, rows: &[u32]) -> Result<&Fields> {
        Ok(self.opened(rows)?.file.fields())
    }

    /// A column of a batch, once its content was found to be valid.
    pub fn column(&self, batch: usize, column: usize, rows: &[u32]) -> Result<&ArrayRef> {
        let opened = self.opened(rows)?;
        let Batch { decoded, valid } = &opened.batches[batch];
        let decoded = match decoded.get() {
            Some(known) => known,
            None => {
                let new = opened.file.decode(batch, u64::from(rows[batch]));
                let new = new.map_err(|reason| self.damaged(reason))?;
                decoded.get_or_init(|| new)
            }
        };
        let valid = &valid.get_or_init(|| vec![OnceLock::new(); decoded.num_columns()].into())[column];
        if valid.get().is_none() {
            // What the decoder did not check: that offsets, keys and texts make sense.
            let checked = decoded.column(column).to_data().validate_full();
            let name = opened.file.fields()[column].name();
            checked.map_err(|error| self.damaged(format!("column '{name}': {error}")))?;
            let _ = valid.set(());
        }
        Ok(decoded.column(column))
    }

    /// What is known of the values of a column, without a look at them.
    pub fn statistics(&self, column: usize, rows: &[u32]) -> Result<Option<&ColumnStatistics>> {
        let Opened { file, statistics, .. } = self.opened(rows)?;
        if let Some(known) = statistics.get() {
            return Ok(known.get(column).and_then(Option::as_ref));
        }
        let text = file.statistics();
        let parsed = text.map_or(Ok(Vec::new()), |text| statistics::parse(text, file.fields().len()));
        let parsed = parsed.map_err(|reason| self.damaged(reason))?;
        Ok(statistics.get_or_init(|| parsed).get(column).and_then(Option::as_ref))
    }

    pub fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::corrupted(&self.path, reason)
    }

    fn opened(&self, rows: &[u32]) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let bytes = MappedFile::open(&self.path, self.entry.file.bytes)?.buffer();
        let file = SegmentFile::open(bytes, self.entry.footer_crc32c, rows.len());
        let file = file.map_err(|reason| self.damaged(reason))?;
        let batches = rows.iter().map(|_| Batch::default()).collect();
        Ok(self.opened.get_or_init(|| Opened { file, batches, statistics: OnceLock::new() }))
    }
}
