//! The manifest: one small file that says which files make up a version of the table.
//!
//! Data and index files are written once and never changed. A version becomes visible when its
//! manifest appears, so a reader sees the version before a commit or the one after it, and a
//! crash leaves at worst some files that no manifest names.

mod durable;
mod entries;

use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::storage::files::{self, FileEntry};
use crate::storage::{Durability, checked_json, schema, series};

pub use entries::{ColumnPlace, DeletionsEntry, IndexEntry, PartEntry, RowIdsEntry, SegmentEntry};

/// The newest format that this release reads, and the one it writes.
pub const FORMAT: u32 = 1;

/// One version of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Counts from 1.
    pub version: u64,
    /// Tells a table from another that had its name before or after.
    pub table_id: String,
    /// When the version was made, in milliseconds since 1970 (UTC).
    pub created_ms: i64,
    /// The columns.
    pub schema: SchemaRef,
    /// The version that last changed the columns, or put other rows in the place of all. What was
    /// computed from an earlier one, such as an index, does not fit any more.
    pub generation: u64,
    /// The row id that the next inserted row gets. No row has this id or a higher one.
    pub next_row_id: u64,
    /// The rows, in storage order, which is the order of their ids.
    pub segments: Vec<SegmentEntry>,
    /// The indexes.
    pub indexes: Vec<IndexEntry>,
    /// Whether it was published without waiting for the disk: a power cut may leave its files in halves.
    pub relaxed: bool,
}

/// A manifest as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    version: u64,
    table_id: String,
    created_ms: i64,
    /// For people; `schema` is what counts.
    columns: Vec<String>,
    #[serde(with = "schema::hex")]
    schema: Vec<u8>,
    generation: u64,
    next_row_id: u64,
    segments: Vec<SegmentEntry>,
    indexes: Vec<IndexEntry>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    relaxed: bool,
}

impl Manifest {
    /// The first version of a new table: no rows, no indexes.
    pub fn first(schema: SchemaRef) -> Self {
        Self {
            version: 1,
            table_id: uuid::Uuid::new_v4().to_string(),
            created_ms: now_ms(),
            schema,
            generation: 1,
            next_row_id: 0,
            segments: Vec::new(),
            indexes: Vec::new(),
            relaxed: false,
        }
    }

    /// Adds segments whose row ids count from 0, as a writer made them; gives them their ids.
    pub fn append(&mut self, segments: &[SegmentEntry]) {
        for segment in segments {
            self.segments.push(SegmentEntry { first_row_id: self.next_row_id, ..segment.clone() });
            self.next_row_id += segment.rows;
        }
    }

    /// The version that follows this one, unchanged but for its number and time.
    pub fn successor(&self) -> Self {
        // Clocks go backwards sometimes, versions do not.
        Self { version: self.version + 1, created_ms: now_ms().max(self.created_ms), ..self.clone() }
    }

    /// How many rows the version has.
    pub fn row_count(&self) -> u64 {
        self.segments.iter().map(SegmentEntry::live_rows).sum()
    }

    /// Every file of the version but the manifest: rows and indexes.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let rows = self.segments.iter().flat_map(SegmentEntry::files);
        rows.chain(self.indexes.iter().flat_map(|index| &index.files))
    }

    /// Whether `path` is one of the version's files, or the folder of one, in the table's folder.
    pub fn names(&self, table: &Path, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(table) else { return false };
        self.files().any(|file| Path::new(&file.path).starts_with(relative))
    }

    /// The file of a version.
    pub fn path(table: &Path, version: u64) -> PathBuf {
        series::path(&Self::versions_folder(table), version)
    }

    /// Publishes this manifest. Unless it is relaxed, every file that it names must be durable already.
    ///
    /// Returns `false` if the version exists, or if the one before is not there any more, or is another
    /// table's of the same name: another writer won. After `true` all readers see the version; it is durable once
    /// [`Manifest::confirm`] returns.
    pub fn publish(&self, table: &Path) -> Result<bool> {
        let base_is_there = || match self.version {
            1 => Self::latest_version(table).map(|latest| latest.is_none()),
            version => self.follows(table, version - 1),
        };
        let durability = if self.relaxed { Durability::Relaxed } else { Durability::Full };
        let folder = Self::versions_folder(table);
        series::publish(&folder, self.version, &self.encode()?, durability, base_is_there)
    }

    /// Whether the version `base` is there, and this table's: one that was dropped and created anew counts
    /// its versions from 1 again.
    fn follows(&self, table: &Path, base: u64) -> Result<bool> {
        match Self::read(table, base) {
            Ok(base) => Ok(base.table_id == self.table_id),
            Err(_) if !Self::path(table, base).exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The oldest versions, those in a row for which `is_old` says so, that may be removed in this order.
    ///
    /// A writer that is about to publish one of these numbers on an outdated base either is seen here, or sees that
    /// its base is gone: so a number that was taken once is never taken again.
    pub fn removable(table: &Path, mut is_old: impl FnMut(&Self) -> bool) -> Result<Vec<u64>> {
        let given_up = Self::oldest(table)?.unwrap_or(0);
        // Another cleaner may have been faster, and damage is left to be found.
        let may_go = |version: &u64| match Self::read(table, *version) {
            Ok(manifest) => is_old(&manifest) || *version < given_up,
            Err(_) => *version < given_up,
        };
        series::removable(&Self::versions_folder(table), may_go)
    }

    /// Puts this manifest in the place of one of the same number that is damaged.
    pub fn replace(&self, table: &Path) -> Result<()> {
        files::replace(&Self::path(table, self.version), &self.encode()?)
    }

    /// Keeps a copy of a version's manifest, so that cleaning up leaves its files alone.
    ///
    /// Returns `false` if the version was removed meanwhile, and perhaps its files too.
    pub fn pin(table: &Path, version: u64) -> Result<bool> {
        let (path, pinned) = (Self::path(table, version), Self::pinned_path(table, version));
        let Some(manifest) = Self::read_if_there(table, version)? else { return Ok(false) };
        match manifest.make_durable(table) {
            Err(_) if !path.exists() => {}
            durable => durable?,
        }
        // An old copy that nobody needs might be removed any moment; a new one is not.
        if !files::touch(&pinned) {
            files::create_folder(&table.join("pinned"))?;
            let bytes = match checked_json::read(&path) {
                Err(_) if !path.exists() => return Ok(false),
                bytes => bytes?,
            };
            files::create_new(&pinned, &bytes)?;
        }
        files::sync_folder(&table.join("pinned"))?;
        Ok(path.exists())
    }

    /// Where the copy of a version's manifest is.
    pub fn pinned_path(table: &Path, version: u64) -> PathBuf {
        checked_json::numbered(&table.join("pinned"), version)
    }

    /// The numbers of the versions of which there is a copy.
    pub fn pinned_versions(table: &Path) -> Result<Vec<u64>> {
        checked_json::numbers_in(&table.join("pinned"))
    }

    /// The copy of a version's manifest.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn read_pinned(table: &Path, version: u64) -> Result<Self> {
        Self::read_from(Self::pinned_path(table, version), version)
    }

    /// The numbers of all versions, ascending; none if there is no table in this folder.
    pub fn versions(table: &Path) -> Result<Vec<u64>> {
        series::numbers(&Self::versions_folder(table))
    }

    fn versions_folder(table: &Path) -> PathBuf {
        table.join("versions")
    }

    /// The number of the newest version; `None` if there is no table in this folder.
    pub fn latest_version(table: &Path) -> Result<Option<u64>> {
        Ok(Self::versions(table)?.pop())
    }

    /// The length of the file of a version.
    pub fn bytes(table: &Path, version: u64) -> Result<u64> {
        files::length(&Self::path(table, version))
    }

    /// The length of the copy of a version's file.
    pub fn pinned_bytes(table: &Path, version: u64) -> Result<u64> {
        files::length(&Self::pinned_path(table, version))
    }

    /// The newest manifest; `None` if there is no table in this folder.
    pub fn latest(table: &Path) -> Result<Option<Self>> {
        Self::latest_version(table)?.map(|version| Self::read(table, version)).transpose()
    }

    /// The manifest of one version.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if it is missing or any byte of it is not as it was written,
    /// [`Error::UnsupportedFormat`] if a newer release wrote it.
    pub fn read(table: &Path, version: u64) -> Result<Self> {
        Self::read_from(Self::path(table, version), version)
    }

    /// The manifest of a version, or else the copy of it; `None` if neither is there, as after a cleanup.
    ///
    /// # Errors
    /// As [`Manifest::read`], for a file that is there.
    pub fn read_if_there(table: &Path, version: u64) -> Result<Option<Self>> {
        match Self::read_from_if_there(Self::path(table, version), version)? {
            None => Self::read_from_if_there(Self::pinned_path(table, version), version),
            found => Ok(found),
        }
    }

    /// The manifests of all versions, ascending, without those that a cleanup removes meanwhile.
    ///
    /// # Errors
    /// As [`Manifest::read`], for a file that is there.
    pub fn all(table: &Path) -> Result<Vec<Self>> {
        loop {
            let versions = Self::versions(table)?;
            let found = versions.iter().map(|&version| Self::read_if_there(table, version));
            let found = found.filter_map(Result::transpose).collect::<Result<Vec<Self>>>()?;
            // Where the newest one went there is a newer one, which may name the same files.
            if found.last().map(|manifest| manifest.version) == versions.last().copied() {
                return Ok(found);
            }
        }
    }

    /// `None` if the file has gone, be it while it was read.
    fn read_from_if_there(path: PathBuf, version: u64) -> Result<Option<Self>> {
        match Self::read_from(path.clone(), version) {
            Err(_) if !path.exists() => Ok(None),
            found => found.map(Some),
        }
    }

    fn read_from(path: PathBuf, version: u64) -> Result<Self> {
        let bytes = checked_json::read(&path)?;
        let manifest = Self::decode(&path, &bytes)?;
        if manifest.version != version {
            let reason = format!("it describes version {}", manifest.version);
            return Err(Error::corrupted(&path, reason));
        }
        Ok(manifest)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let document = Document {
            format: FORMAT,
            version: self.version,
            table_id: self.table_id.clone(),
            created_ms: self.created_ms,
            columns: self.schema.fields().iter().map(|field| schema::describe(field)).collect(),
            schema: schema::encode(&self.schema),
            generation: self.generation,
            next_row_id: self.next_row_id,
            segments: self.segments.clone(),
            indexes: self.indexes.clone(),
            relaxed: self.relaxed,
        };
        checked_json::encode(&document)
    }

    fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let damaged = |reason: String| Error::corrupted(path, reason);
        let document: Document = checked_json::decode(path, bytes, FORMAT)?;
        let manifest = Self {
            version: document.version,
            table_id: document.table_id,
            created_ms: document.created_ms,
            schema: schema::decode(&document.schema).map_err(damaged)?,
            generation: document.generation,
            next_row_id: document.next_row_id,
            segments: document.segments,
            indexes: document.indexes,
            relaxed: document.relaxed,
        };
        manifest.check_segments().map_err(damaged)?;
        Ok(manifest)
    }

    /// Searches by row id rely on segments being in the order of their ids, and reading on columns being somewhere.
    fn check_segments(&self) -> Result<(), String> {
        let mut next = 0;
        for segment in &self.segments {
            let name = &segment.file.path;
            if segment.batches.iter().map(|&rows| u64::from(rows)).sum::<u64>() != segment.rows {
                return Err(format!("the batches of {name} do not add up to its rows"));
            }
            if segment.deletions.as_ref().is_some_and(|deletions| deletions.rows > segment.rows) {
                return Err(format!("more rows of {name} are deleted than it has"));
            }
            if let Some(places) = &segment.columns {
                let is_somewhere = |place: &ColumnPlace| place.part as usize <= segment.parts.len();
                if places.len() != self.schema.fields().len() || !places.iter().flatten().all(is_somewhere) {
                    return Err(format!("the columns of {name} are not where they should be"));
                }
            }
            let packed_end = segment.first_row_id.checked_add(segment.rows).ok_or("row ids overflow")?;
            if segment.first_row_id < next || segment.row_id_end() < packed_end {
                return Err(format!("the row ids of {name} are out of order"));
            }
            next = segment.row_id_end();
        }
        if self.next_row_id < next { Err("the next row id is taken".to_owned()) } else { Ok(()) }
    }
}

/// Milliseconds since 1970 (UTC).
fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests;
