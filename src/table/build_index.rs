//! Indexes of a table: building, listing and dropping them.

use uuid::Uuid;

use crate::error::{Error, Result, nearest};
use crate::index::scalar::column_path;
use crate::index::{self, Built, IndexConfig};
use crate::progress::Progress;
use crate::query::{Snapshot, column_name};
use crate::storage::{IndexEntry, Manifest, NewFiles, Version};
use crate::table::Table;
use crate::table::retrain::{reason_to_retrain, trained_with};

/// How an index is made.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// Its kind and settings.
    pub config: IndexConfig,
    /// Its name. Default: the column's, with `_idx`.
    pub name: Option<String>,
    /// Whether an index of that name is replaced.
    pub replace: bool,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { config: IndexConfig::Auto, name: None, replace: true }
    }
}

/// An index, and how much of the table it covers.
#[derive(Debug, Clone)]
pub struct IndexInfo {
    /// What the manifest says of it.
    pub entry: IndexEntry,
    /// Rows in the index.
    pub indexed_rows: u64,
    /// Rows newer than the index. They are compared one by one, so they are found too.
    pub unindexed_rows: u64,
    /// Why it should be trained again, if it should.
    pub retrain: Option<String>,
}

impl IndexInfo {
    /// Size of the index's files.
    pub fn size_bytes(&self) -> u64 {
        self.entry.files.iter().map(|file| file.bytes).sum()
    }
}

impl Table {
    /// Builds an index on the column `column` and publishes it with a new version.
    ///
    /// Searches and writes go on meanwhile; rows added during the build are found although the index does
    /// not know them. Cancelled or failed, it leaves neither an index nor files.
    ///
    /// # Errors
    ///
    /// [`Error::IndexExists`] if there is an index of that name and `options.replace` is false,
    /// [`Error::ColumnNotFound`], and whatever is wrong with the settings.
    pub fn create_index(&self, column: &str, options: &IndexOptions, progress: &Progress) -> Result<()> {
        self.check_writable()?;
        let snapshot = self.snapshot()?;
        let column = column_name(snapshot.version().schema(), column);
        let name = options.name.clone().unwrap_or_else(|| format!("{column}_idx"));
        check_free(snapshot.version().manifest(), &name, options.replace)?;

        let (entry, mut new_files) = self.build_index(&snapshot, name, column, &options.config, progress)?;
        self.sync_new(&mut new_files)?;
        // Syncing takes longer than building a small index.
        progress.check()?;
        let covered = snapshot.version().manifest();
        self.commit_files(new_files, |manifest| {
            check_free(manifest, &entry.name, options.replace)?;
            check_same_generation(covered, manifest)?;
            let mut next = manifest.clone();
            next.indexes.retain(|index| index.name != entry.name);
            next.indexes.push(entry.clone());
            Ok(next)
        })?;
        Ok(())
    }

    /// Writes the files of an index that no version names yet.
    pub(super) fn build_index(
        &self,
        snapshot: &Snapshot,
        name: String,
        column: String,
        config: &IndexConfig,
        progress: &Progress,
    ) -> Result<(IndexEntry, NewFiles)> {
        let uuid = Uuid::new_v4().to_string();
        let folder = self.path().join("indexes").join(&uuid);
        let (_, field) = column_path(snapshot.version().schema(), &column)?;
        let built = match config.for_column(field.data_type()) {
            IndexConfig::Scalar(kind) => {
                index::build_scalar(kind, snapshot.version(), &column, &folder, progress)
            }
            config => index::build(&config, &*snapshot.vector_column(&column)?, &folder, progress),
        };
        let built = built.map_err(|error| self.or_dropped(error))?;
        let new_files = NewFiles::one(folder);
        progress.check()?;
        Ok((entry(name, column, uuid, snapshot.version(), built), new_files))
    }

    /// Why a file could not be written: perhaps because somebody dropped the table meanwhile.
    fn or_dropped(&self, error: Error) -> Error {
        match (&error, self.current()) {
            (Error::Io { .. }, Err(gone)) => gone,
            _ => error,
        }
    }

    /// Takes the index `name` out of the newest version.
    ///
    /// # Errors
    ///
    /// [`Error::IndexNotFound`].
    pub fn drop_index(&self, name: &str) -> Result<()> {
        self.commit(|manifest| {
            let mut next = manifest.clone();
            next.indexes.retain(|index| index.name != name);
            if next.indexes.len() == manifest.indexes.len() {
                return Err(not_found(manifest, name));
            }
            Ok(next)
        })?;
        Ok(())
    }

    /// All indexes of the newest version, in the order they were made.
    pub fn list_indices(&self) -> Result<Vec<IndexInfo>> {
        let version = self.current()?;
        let info = |entry: &IndexEntry| {
            let covered = version.rows_below(entry.row_id_end)?;
            // Of the rows that went meanwhile the index may still know some.
            let indexed_rows = entry.rows.min(covered);
            let unindexed_rows = version.row_count() - covered;
            let retrain = reason_to_retrain(entry);
            Ok(IndexInfo { entry: entry.clone(), indexed_rows, unindexed_rows, retrain })
        };
        version.manifest().indexes.iter().map(info).collect()
    }
}

fn entry(name: String, column: String, uuid: String, version: &Version, mut built: Built) -> IndexEntry {
    if built.metric.is_some() {
        trained_with(version.manifest(), &mut built.details);
    }
    IndexEntry {
        name,
        column,
        kind: built.kind.to_owned(),
        uuid,
        metric: built.metric.map_or_else(String::new, |metric| metric.to_string()),
        row_id_end: version.manifest().next_row_id,
        rows: built.rows,
        covered_rows: version.row_count(),
        created_ms: chrono::Utc::now().timestamp_millis(),
        files: built.files,
        details: built.details,
    }
}

/// What is filed by row id stays right while rows come, go and move between files.
fn check_same_generation(read: &Manifest, newest: &Manifest) -> Result<()> {
    if read.generation == newest.generation {
        return Ok(());
    }
    Err(Error::Conflict {
        action: "building the index",
        reason: format!(
            "the rows or columns it was built from were replaced meanwhile, by version {}",
            newest.generation
        ),
    })
}

fn check_free(manifest: &Manifest, name: &str, replace: bool) -> Result<()> {
    if !replace && manifest.indexes.iter().any(|index| index.name == name) {
        return Err(Error::IndexExists { name: name.to_owned() });
    }
    Ok(())
}

fn not_found(manifest: &Manifest, name: &str) -> Error {
    let available: Vec<String> = manifest.indexes.iter().map(|index| index.name.clone()).collect();
    Error::IndexNotFound {
        name: name.to_owned(),
        similar: nearest(name, available.iter().map(String::as_str)),
        available,
    }
}
