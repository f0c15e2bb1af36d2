//! Where the bytes of a table are.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::error::Result;
use crate::storage::{FileEntry, IndexEntry, Manifest, SegmentEntry};
use crate::table::Table;
use crate::table::cleanup::{files_below, name_of};

/// The bytes of a table's files, by what they are for. The parts add up to the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// Bytes of all files.
    pub total_bytes: u64,
    /// How many files there are.
    pub files: usize,
    /// Rows of the newest version, deleted ones included that are still in its files.
    pub row_bytes: u64,
    /// What says which rows of the newest version are deleted, and which ids they have.
    pub row_set_bytes: u64,
    /// Indexes of the newest version.
    pub index_bytes: u64,
    /// What only earlier versions name. Cleaning up removes it when they go.
    pub old_bytes: u64,
    /// What no version names: it is being written, or its writer was killed. Cleaning up removes it after a day.
    pub unnamed_bytes: u64,
    /// Descriptions of versions, and tags.
    pub manifest_bytes: u64,
}

impl Table {
    /// Where the table's bytes are on the disk.
    ///
    /// # Errors
    /// Those of [`Table::current`]; [`Error::Corrupted`](crate::error::Error::Corrupted) for a version that cannot
    /// be read; I/O errors.
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let table = self.path();
        let newest = self.refresh(std::time::Duration::ZERO)?;
        let newest = newest.version().manifest();
        let names = |files: &mut dyn Iterator<Item = &FileEntry>| -> HashSet<String> {
            files.map(|file| file.path.clone()).collect()
        };
        let rows = names(&mut newest.segments.iter().flat_map(SegmentEntry::column_files));
        let indexes = names(&mut newest.indexes.iter().flat_map(|index: &IndexEntry| &index.files));
        let all = names(&mut newest.files());
        let old = earlier_files(table, newest.version)?;
        let mut usage = DiskUsage::default();
        for path in files_below(table)? {
            // A file may go while they are counted.
            let Ok(bytes) = fs::metadata(&path).map(|metadata| metadata.len()) else { continue };
            let name = name_of(table, &path);
            usage.files += 1;
            usage.total_bytes += bytes;
            let is_manifest = ["versions/", "pinned/", "tags/"].iter().any(|folder| name.starts_with(folder));
            *match name {
                _ if is_manifest => &mut usage.manifest_bytes,
                name if rows.contains(&name) => &mut usage.row_bytes,
                name if indexes.contains(&name) => &mut usage.index_bytes,
                name if all.contains(&name) => &mut usage.row_set_bytes,
                name if old.contains(&name) => &mut usage.old_bytes,
                _ => &mut usage.unnamed_bytes,
            } += bytes;
        }
        Ok(usage)
    }
}

/// The files that versions before `newest` name, and those that have tags.
pub(super) fn earlier_files(table: &Path, newest: u64) -> Result<HashSet<String>> {
    let mut versions = Manifest::versions(table)?;
    versions.retain(|version| *version < newest);
    versions.extend(Manifest::pinned_versions(table)?);
    let mut files = HashSet::new();
    for version in versions {
        // A cleanup may have removed it meanwhile.
        if let Some(manifest) = Manifest::read_if_there(table, version)? {
            files.extend(manifest.files().map(|file| file.path.clone()));
        }
    }
    Ok(files)
}
