//! An open version of a table, ready to be searched: its segments and its indexes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::index::scalar::{ScalarIndex, ScalarKind};
use crate::index::{VectorColumn, VectorIndex};
use crate::query::row_set::RowSet;
use crate::query::row_sets::RowSets;
use crate::storage::{IndexEntry, Version};

/// A version of a table, opened for reading. Never changes; shared by any number of readers.
#[derive(Debug)]
pub struct Snapshot {
    version: Arc<Version>,
    indexes: Vec<Arc<OpenIndex>>,
    // Opening a vector column walks all its batches, so it is done once per snapshot.
    vector_columns: Mutex<HashMap<String, Arc<VectorColumn>>>,
    live_row_ids: OnceLock<Arc<RowSet>>,
    row_sets: RowSets,
}

impl Snapshot {
    /// Prepares `version` for reading. Indexes that `previous` had open stay open.
    pub fn new(version: Arc<Version>, previous: Option<&Snapshot>) -> Self {
        let opened_before = |entry: &IndexEntry| {
            previous.and_then(|snapshot| snapshot.indexes.iter().find(|open| open.entry == *entry).cloned())
        };
        let indexes = version
            .manifest()
            .indexes
            .iter()
            .map(|entry| {
                opened_before(entry)
                    .unwrap_or_else(|| Arc::new(OpenIndex::new(entry.clone(), version.folder().to_owned())))
            })
            .collect();
        let row_sets = RowSets::of_rows(version.manifest().next_row_id);
        Self { version, indexes, vector_columns: Mutex::default(), row_sets, live_row_ids: OnceLock::new() }
    }

    /// Maps all files of the version, so that it stays readable when they are removed from the table's folder.
    /// Whether all are there; what else is wrong with them, the first reader will say.
    pub fn hold(&self) -> bool {
        let segments = self.version.segments().iter().map(|segment| segment.hold());
        let indexes = self.indexes.iter().map(|index| index.hold());
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
    pub fn rows_left(&self, index: &OpenIndex) -> Result<Option<Arc<RowSet>>> {
        if self.version.rows_below(index.entry.row_id_end)? == index.entry.covered_rows {
            return Ok(None);
        }
        self.live_row_ids().map(Some)
    }

    /// The ids of all rows.
    pub fn live_row_ids(&self) -> Result<Arc<RowSet>> {
        if let Some(live) = self.live_row_ids.get() {
            return Ok(live.clone());
        }
        let live = Arc::new(self.version.live_row_ids()?.into());
        Ok(self.live_row_ids.get_or_init(|| live).clone())
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
    opened: Mutex<Option<Opened>>,
}

/// An index of either sort.
#[derive(Clone)]
enum Opened {
    Vector(Arc<VectorIndex>),
    Scalar(Arc<ScalarIndex>),
}

impl std::fmt::Debug for OpenIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenIndex").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl OpenIndex {
    fn new(entry: IndexEntry, table: PathBuf) -> Self {
        Self { entry, table, opened: Mutex::default() }
    }

    /// What the manifest says of the index.
    pub fn entry(&self) -> &IndexEntry {
        &self.entry
    }

    /// How many partitions an index of vectors has; `None` for one of values.
    pub fn partitions(&self) -> Option<usize> {
        let partitions = self.entry.details.get("settings")?.get("numPartitions")?.as_u64()?;
        Some(partitions.max(1) as usize)
    }

    /// The index of vectors, opened.
    pub fn open(&self) -> Result<Arc<VectorIndex>> {
        match self.opened()? {
            Opened::Vector(index) => Ok(index),
            Opened::Scalar(_) => Err(Error::internal("a scalar index was asked for vectors")),
        }
    }

    /// The index of values, opened.
    pub fn open_scalar(&self) -> Result<Arc<ScalarIndex>> {
        match self.opened()? {
            Opened::Scalar(index) => Ok(index),
            Opened::Vector(_) => Err(Error::internal("an index of vectors was asked for values")),
        }
    }

    /// Maps the file, so that it stays readable when it is removed.
    fn hold(&self) -> Result<()> {
        self.opened().map(drop)
    }

    fn opened(&self) -> Result<Opened> {
        let mut slot = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*slot {
            return Ok(opened.clone());
        }
        let opened = match ScalarKind::parse(&self.entry.kind) {
            Some(_) => Opened::Scalar(Arc::new(ScalarIndex::open(&self.table, &self.entry)?)),
            None => Opened::Vector(Arc::new(VectorIndex::open(&self.table, &self.entry)?)),
        };
        *slot = Some(opened.clone());
        Ok(opened)
    }
}
