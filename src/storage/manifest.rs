//! The manifest: one small file that says which files make up a version of the table.
//!
//! Data and index files are written once and never changed. A version becomes visible when its
//! manifest appears, so a reader sees the version before a commit or the one after it, and a
//! crash leaves at worst some files that no manifest names.

use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::storage::files::{self, FileEntry};
use crate::storage::{checked_json, schema};

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
}

/// One immutable file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// The file.
    pub file: FileEntry,
    /// How many rows the file has, deleted ones included.
    pub rows: u64,
    /// The row id of its first row.
    pub first_row_id: u64,
    /// The ids of the others, unless they follow without gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_ids: Option<RowIdsEntry>,
    /// How many rows each of its record batches has.
    pub batches: Vec<u32>,
    /// CRC-32C of the footer, which is all that a reader needs to find the batches.
    pub footer_crc32c: u32,
    /// Which of its rows are gone, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<DeletionsEntry>,
    /// Files with columns that were added or changed later, in the same batches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartEntry>,
    /// Where each of the table's columns is, unless the file has just these, in this order. A column that is
    /// nowhere is null in every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Option<ColumnPlace>>>,
    /// Columns in the first file that the table does not have any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unused_columns: u32,
}

/// A file with some of a segment's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    /// The file.
    pub file: FileEntry,
    /// CRC-32C of its footer.
    pub footer_crc32c: u32,
    /// Columns in it that the table does not have any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unused_columns: u32,
}

/// Where a column of a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPlace {
    /// 0 for the segment's first file, else one more than the position among `parts`.
    pub part: u32,
    /// The position in that file.
    pub column: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The ids of a segment's rows, where they have gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowIdsEntry {
    /// The file: a set in Roaring's portable 64-bit format.
    pub file: FileEntry,
    /// The id after that of the last row.
    pub end: u64,
}

/// The rows of a segment that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionsEntry {
    /// The file: a set of places, counted from 0, in Roaring's portable format.
    pub file: FileEntry,
    /// How many there are.
    pub rows: u64,
}

impl SegmentEntry {
    /// How many rows it has that are not deleted.
    pub fn live_rows(&self) -> u64 {
        self.rows - self.deletions.as_ref().map_or(0, |deletions| deletions.rows)
    }

    /// The id after that of its last row.
    pub fn row_id_end(&self) -> u64 {
        self.row_ids.as_ref().map_or(self.first_row_id + self.rows, |ids| ids.end)
    }

    /// The segment's files.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let row_ids = self.row_ids.as_ref().map(|ids| &ids.file);
        let deletions = self.deletions.as_ref().map(|deletions| &deletions.file);
        self.column_files().chain(row_ids).chain(deletions)
    }

    /// Whether its files have columns that the table does not have any more.
    pub fn has_unused_columns(&self) -> bool {
        self.unused_columns > 0 || self.parts.iter().any(|part| part.unused_columns > 0)
    }

    /// The files that have its columns.
    pub fn column_files(&self) -> impl Iterator<Item = &FileEntry> {
        [&self.file].into_iter().chain(self.parts.iter().map(|part| &part.file))
    }

    /// The files that have its columns, in the order in which [`ColumnPlace::part`] counts them.
    pub fn all_parts(&self) -> impl Iterator<Item = PartEntry> + '_ {
        let Self { file, footer_crc32c, unused_columns, .. } = self.clone();
        let first = PartEntry { file, footer_crc32c, unused_columns };
        [first].into_iter().chain(self.parts.iter().cloned())
    }

    /// Where a column of the table is, by its position; `None` if it is null in every row.
    pub fn place(&self, column: usize) -> Option<ColumnPlace> {
        match &self.columns {
            None => Some(ColumnPlace { part: 0, column: column as u32 }),
            Some(places) => places[column],
        }
    }

    /// Notes that what is at some places is no column of the table any more. A file that has no other goes, except
    /// the first.
    pub fn forget(&mut self, gone: impl IntoIterator<Item = ColumnPlace>) {
        for place in gone {
            match (place.part as usize).checked_sub(1) {
                None => self.unused_columns += 1,
                Some(part) => self.parts[part].unused_columns += 1,
            }
        }
        let Some(places) = &mut self.columns else { return };
        for part in (1..=self.parts.len() as u32).rev() {
            if places.iter().flatten().all(|place| place.part != part) {
                self.parts.remove(part as usize - 1);
                places
                    .iter_mut()
                    .flatten()
                    .filter(|place| place.part > part)
                    .for_each(|place| place.part -= 1);
            }
        }
    }

    /// Where each of `count` columns is.
    pub fn places(&self, count: usize) -> Vec<Option<ColumnPlace>> {
        (0..count).map(|column| self.place(column)).collect()
    }
}

/// One index of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Unique within the table.
    pub name: String,
    /// The indexed column, with dots between the parts of a nested one.
    pub column: String,
    /// `IVF_PQ` or `IVF_FLAT`.
    pub kind: String,
    /// The name of its folder in `indexes/`.
    pub uuid: String,
    /// `l2`, `cosine`, `dot` or `hamming`.
    pub metric: String,
    /// Rows with a smaller id are covered.
    pub row_id_end: u64,
    /// How many rows are in the index.
    pub rows: u64,
    /// How many rows the table had with smaller ids, those without a vector included. If there are
    /// fewer now, the index still knows some that are gone.
    pub covered_rows: u64,
    /// When it was built, in milliseconds since 1970 (UTC).
    pub created_ms: i64,
    /// Its files.
    pub files: Vec<FileEntry>,
    /// Its settings, and what building it took.
    pub details: serde_json::Value,
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
        checked_json::numbered(&table.join("versions"), version)
    }

    /// Publishes this manifest, every file of which must be durable already.
    ///
    /// Returns `false` if the version exists, or if the one before is not there any more: another writer
    /// won. After `true` all readers see the version; it is durable once the folder `versions` is synced.
    pub fn publish(&self, table: &Path) -> Result<bool> {
        let path = Self::path(table, self.version);
        // With the claim made first, no cleaner removes a version of this number unseen: it was never taken.
        let base_is_there = || match self.version {
            1 => Self::latest_version(table).map(|latest| latest.is_none()),
            version => Ok(Self::path(table, version - 1).exists()),
        };
        files::create_new_if(&path, &self.encode()?, &Self::temporary_prefix(self.version), base_is_there)
    }

    /// Puts this manifest in the place of one of the same number that is damaged.
    pub fn replace(&self, table: &Path) -> Result<()> {
        files::replace(&Self::path(table, self.version), &self.encode()?)
    }

    /// What the temporary file of a version that is about to be published begins with.
    pub fn temporary_prefix(version: u64) -> String {
        format!(".tmp-{version:020}-")
    }

    /// Keeps a copy of a version's manifest, so that cleaning up leaves its files alone.
    ///
    /// Returns `false` if the version was removed meanwhile, and perhaps its files too.
    pub fn pin(table: &Path, version: u64) -> Result<bool> {
        let pinned = Self::pinned_path(table, version);
        // An old copy that nobody needs might be removed any moment; a new one is not.
        if !files::touch(&pinned) {
            let folder = table.join("pinned");
            files::create_folder(&folder)?;
            let Ok(bytes) = checked_json::read(&Self::path(table, version)) else { return Ok(false) };
            files::create_new(&pinned, &bytes)?;
            files::sync_folder(&folder)?;
        }
        Ok(Self::path(table, version).exists())
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
        checked_json::numbers_in(&table.join("versions"))
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
