//! Asking all files of a scalar index.

use std::path::Path;
use std::sync::OnceLock;

use roaring::RoaringTreemap;

use super::ScalarKind;
use super::collect::Collector;
use super::reader::{KeyRange, ScalarFile};
use crate::error::{Error, Result};
use crate::storage::{IndexEntry, KeyType, Keys};

/// An open scalar index: the file that was built, and those with rows that came later. Row ids ascend from file to
/// file.
pub struct ScalarIndex {
    files: Vec<ScalarFile>,
    row_id_end: u64,
    nulls: OnceLock<RoaringTreemap>,
}

impl ScalarIndex {
    /// Opens the index that `entry` describes, in the table's folder.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if a file is missing or damaged, [`Error::UnsupportedFormat`] if a newer release
    /// wrote it.
    pub fn open(table: &Path, entry: &IndexEntry) -> Result<Self> {
        let damaged = |reason: String| Error::corrupted(&table.join("indexes").join(&entry.uuid), reason);
        let files = entry.files.iter().map(|file| ScalarFile::open(table, file));
        let files = files.collect::<Result<Vec<_>>>()?;
        let Some(first) = files.first() else { return Err(damaged("a scalar index has a file".to_owned())) };
        let key_type = first.key_type();
        if let Some(other) = files.iter().find(|file| file.key_type() != key_type) {
            return Err(other.damaged("its keys are not those of the index that it belongs to"));
        }
        if let Some(other) = files.iter().find(|file| file.kind().name() != entry.kind) {
            let reason = format!("it is {}, but the manifest says {}", other.kind().name(), entry.kind);
            return Err(other.damaged(&reason));
        }
        Ok(Self { files, row_id_end: entry.row_id_end, nulls: OnceLock::new() })
    }

    /// Which kind it is.
    pub fn kind(&self) -> ScalarKind {
        self.files[0].kind()
    }

    /// What its keys are made of.
    pub fn key_type(&self) -> KeyType {
        self.files[0].key_type()
    }

    pub(super) fn files(&self) -> &[ScalarFile] {
        &self.files
    }

    /// The rows that have no value.
    ///
    /// # Errors
    /// [`Error::Corrupted`].
    pub fn nulls(&self) -> Result<&RoaringTreemap> {
        if let Some(nulls) = self.nulls.get() {
            return Ok(nulls);
        }
        let nulls = self.files.iter().try_fold(RoaringTreemap::new(), |all, file| Ok(all | file.nulls()?))?;
        Ok(self.nulls.get_or_init(|| nulls))
    }

    /// The rows that have a value within a range.
    ///
    /// # Errors
    /// [`Error::Corrupted`].
    pub fn rows_between(&self, range: KeyRange) -> Result<RoaringTreemap> {
        let expected = self.files.iter().map(|file| file.pairs_near(range)).sum();
        let mut rows = Collector::new(expected, self.row_id_end);
        self.files.iter().try_for_each(|file| file.add_between(range, &mut rows))?;
        Ok(rows.finish())
    }

    /// About how many rows that are: exactly, if no row has several values.
    ///
    /// # Errors
    /// [`Error::Corrupted`].
    pub fn count_between(&self, range: KeyRange) -> Result<u64> {
        self.files.iter().map(|file| file.count_between(range)).sum()
    }

    /// The rows that have one of some values.
    ///
    /// # Errors
    /// [`Error::Corrupted`].
    pub fn rows_of(&self, values: &Keys) -> Result<RoaringTreemap> {
        let keys = values.sorted();
        let mut rows = Collector::new(keys.len() as u64, self.row_id_end);
        for file in &self.files {
            keys.iter().try_for_each(|key| file.add_of(key, &mut rows))?;
        }
        Ok(rows.finish())
    }

    /// The rows of lists that have all of some values; none if there are no values.
    ///
    /// # Errors
    /// [`Error::Corrupted`].
    pub fn rows_of_all(&self, values: &Keys) -> Result<RoaringTreemap> {
        let mut all: Option<RoaringTreemap> = None;
        for key in values.sorted() {
            let mut rows = Collector::new(0, self.row_id_end);
            self.files.iter().try_for_each(|file| file.add_of(&key, &mut rows))?;
            let rows = rows.finish();
            all = Some(match all {
                Some(all) => all & rows,
                None => rows,
            });
        }
        Ok(all.unwrap_or_default())
    }

    /// How many rows have one of some values; a row of several counts several times.
    ///
    /// # Errors
    /// [`Error::Corrupted`].
    pub fn count_of(&self, values: &Keys) -> Result<u64> {
        let keys = values.sorted();
        let of_file = |file: &ScalarFile| keys.iter().map(|key| file.count_of(key)).sum::<Result<u64>>();
        self.files.iter().map(of_file).sum()
    }
}

impl std::fmt::Debug for ScalarIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ScalarIndex({}, {} files)", self.kind().name(), self.files.len())
    }
}
