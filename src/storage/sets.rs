//! Sets of rows on disk: which rows of a segment are deleted, and which ids its rows have.
//!
//! Both are files of their own in Roaring's portable format, written once like everything else: a
//! deletion writes a new set and names it in the next version. Their checksums are in the manifest.

use std::io::Write;
use std::path::Path;

use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Error, IoContext, Result};
use crate::storage::files::{self, ChecksumWriter, FileEntry, NewFiles};

/// Writes the places of a segment's deleted rows.
pub fn write_deletions(table: &Path, deleted: &RoaringBitmap, new_files: &mut NewFiles) -> Result<FileEntry> {
    let mut bytes = Vec::with_capacity(deleted.serialized_size());
    deleted.serialize_into(&mut bytes).map_err(Error::internal)?;
    write(table, "deletions", &bytes, new_files)
}

/// Writes the ids of a segment's rows.
pub fn write_row_ids(table: &Path, ids: &RoaringTreemap, new_files: &mut NewFiles) -> Result<FileEntry> {
    let mut bytes = Vec::with_capacity(ids.serialized_size());
    ids.serialize_into(&mut bytes).map_err(Error::internal)?;
    write(table, "row_ids", &bytes, new_files)
}

/// Reads the places of deleted rows, of which there are `count`, all below `rows`.
pub(super) fn read_deletions(table: &Path, file: &FileEntry, count: u64, rows: u64) -> Result<RoaringBitmap> {
    let deleted = RoaringBitmap::deserialize_from(file.read(table)?.as_slice());
    let deleted = deleted.map_err(|error| damaged(table, file, error.to_string()))?;
    let fits = deleted.len() == count && deleted.max().is_none_or(|last| u64::from(last) < rows);
    if fits {
        Ok(deleted)
    } else {
        Err(damaged(table, file, "it names other rows than it should".to_owned()))
    }
}

/// Reads `count` row ids, all below `end`.
pub(super) fn read_row_ids(table: &Path, file: &FileEntry, count: u64, end: u64) -> Result<RoaringTreemap> {
    let ids = RoaringTreemap::deserialize_from(file.read(table)?.as_slice());
    let ids = ids.map_err(|error| damaged(table, file, error.to_string()))?;
    let fits = ids.len() == count && ids.max().is_none_or(|last| last < end);
    if fits { Ok(ids) } else { Err(damaged(table, file, "it has other row ids than it should".to_owned())) }
}

fn damaged(table: &Path, file: &FileEntry, reason: String) -> Error {
    Error::corrupted(&file.locate(table), reason)
}

fn write(table: &Path, folder: &str, bytes: &[u8], new_files: &mut NewFiles) -> Result<FileEntry> {
    let name = format!("{folder}/{}.bin", uuid::Uuid::new_v4());
    let path = table.join(&name);
    // Tables that were made before there was such a folder have none.
    files::create_folder(&table.join(folder))?;
    let mut writer = ChecksumWriter::create(&path)?;
    new_files.add(&path);
    writer.write_all(bytes).at("write", &path)?;
    writer.finish(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = NewFiles::default();
        let deleted: RoaringBitmap = [1, 5, 6].into();
        let ids: RoaringTreemap = [3, 9, 1 << 40].into();

        let entry = write_deletions(folder.path(), &deleted, &mut files).unwrap();
        assert_eq!(read_deletions(folder.path(), &entry, 3, 7).unwrap(), deleted);
        for (count, rows) in [(2, 7), (3, 6)] {
            let error = read_deletions(folder.path(), &entry, count, rows).unwrap_err();
            assert_eq!(error.code(), "CORRUPTED");
        }
        let entry = write_row_ids(folder.path(), &ids, &mut files).unwrap();
        assert_eq!(read_row_ids(folder.path(), &entry, 3, (1 << 40) + 1).unwrap(), ids);
        assert_eq!(read_row_ids(folder.path(), &entry, 3, 1 << 40).unwrap_err().code(), "CORRUPTED");
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = NewFiles::default();
        let entry = write_deletions(folder.path(), &[1, 2, 3].into(), &mut files).unwrap();
        let path = entry.locate(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).unwrap();

        let error = read_deletions(folder.path(), &entry, 3, 7).unwrap_err();

        assert!(error.to_string().contains(&entry.path), "{error}");
    }
}
