//! An open version of a table, ready to be searched: its segments and its indexes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use roaring::RoaringTreemap;

use crate::error::Result;
use crate::index::{VectorColumn, VectorIndex};
use crate::query::row_sets::RowSets;
use crate::storage::{IndexEntry, Version};

/// A version of a table, opened for reading. Never changes; shared by any number of readers.
#[derive(Debug)]
pub struct Snapshot {
    version: Arc<Version>,
    indexes: Vec<Arc<OpenIndex>>,
    // Opening a vector column walks all its batches, so it is done once per snapshot.
    vector_columns: Mutex<HashMap<String, Arc<VectorColumn>>>,
    live_row_ids: OnceLock<Arc<RoaringTreemap>>,
    row_sets: RowSets,
}

impl Snapshot {
    /// Prepares `version` for reading. Indexes that `previous` had open stay open.
    pub fn new(version: Arc<Version>, previous: Option<&Snapshot>) -> Self {
        let opened_before = |uuid: &str| {
            previous
                .and_then(|snapshot| snapshot.indexes.iter().find(|open| open.entry.uuid == uuid).cloned())
        };
        let indexes = version
            .manifest()
            .indexes
            .iter()
            .map(|entry| {
                opened_before(&entry.uuid)
                    .unwrap_or_else(|| Arc::new(OpenIndex::new(entry.clone(), version.folder().to_owned())))
            })
            .collect();
        Self {
            version,
            indexes,
            vector_columns: Mutex::default(),
            row_sets: RowSets::default(),
            live_row_ids: OnceLock::new(),
        }
    }

    /// Maps all files of the version, so that it stays readable when they are removed from the table's folder.
    /// Whether all are there; what else is wrong with them, the first reader will say.
    pub fn hold(&self) -> bool {
        let segments = self.version.segments().iter().map(|segment| segment.hold());
        let indexes = self.indexes.iter().map(|index| index.open().map(|_| ()));
        let failed = segments.chain(indexes).filter(Result::is_err).count();
        failed == 0
    }

    /// The version this snapshot shows.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// The indexes of this version, in the order they were made.
    pub fn indexes(&self) -> &[Arc<OpenIndex>] {
        &self.indexes
    }

    /// The rows that a search of `index` has to choose from, because the index knows some that are gone;
    /// `None` if it knows none of these.
    pub fn rows_left(&self, index: &OpenIndex) -> Result<Option<Arc<RoaringTreemap>>> {
        if self.version.rows_below(index.entry.row_id_end)? == index.entry.covered_rows {
            return Ok(None);
        }
        if let Some(live) = self.live_row_ids.get() {
            return Ok(Some(live.clone()));
        }
        let live = Arc::new(self.version.live_row_ids()?);
        Ok(Some(self.live_row_ids.get_or_init(|| live).clone()))
    }

    /// The rows of the filters that were asked for lately.
    pub(crate) fn row_sets(&self) -> &RowSets {
        &self.row_sets
    }

    /// The vector column `name`.
    pub fn vector_column(&self, name: &str) -> Result<Arc<VectorColumn>> {
        let mut columns = self.vector_columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = columns.get(name) {
            return Ok(column.clone());
        }
        let column = Arc::new(VectorColumn::open(&self.version, name)?);
        columns.insert(name.to_owned(), column.clone());
        Ok(column)
    }
}

/// An index of a snapshot. Its file is opened at first use, so that a damaged index does not keep
/// anyone from reading the rows.
pub struct OpenIndex {
    entry: IndexEntry,
    table: PathBuf,
    index: Mutex<Option<Arc<VectorIndex>>>,
}

impl std::fmt::Debug for OpenIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenIndex").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl OpenIndex {
    fn new(entry: IndexEntry, table: PathBuf) -> Self {
        Self { entry, table, index: Mutex::default() }
    }

    /// What the manifest says of the index.
    pub fn entry(&self) -> &IndexEntry {
        &self.entry
    }

    /// The index, opened.
    pub fn open(&self) -> Result<Arc<VectorIndex>> {
        let mut slot = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*slot {
            return Ok(index.clone());
        }
        let index = Arc::new(VectorIndex::open(&self.table, &self.entry)?);
        *slot = Some(index.clone());
        Ok(index)
    }
}
