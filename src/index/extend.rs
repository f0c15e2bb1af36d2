//! Adding rows to an index that is there, with the centroids and the codebook that it has.
//!
//! The rows go into a file of their own, so the work grows with them and not with the index. A file that is not
//! much larger than the rows after it is written again together with them: so there are never more than a few, and
//! a row is copied only each time that the index has grown severalfold.

use std::path::Path;

use roaring::RoaringTreemap;

use super::{VectorColumn, VectorIndex};
use crate::error::Result;
use crate::progress::Progress;
use crate::storage::{FileEntry, NewFiles, files};

/// A file with up to so many times the rows that come after it is written again with them.
const MERGE_RATIO: u64 = 8;

/// What is done to an index.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    /// The index's files, in their order.
    pub files: &'a [FileEntry],
    /// Just the rows that the index does not cover yet.
    pub column: &'a VectorColumn,
    /// The rows that the table still has, if the index knows others: what is written again loses those.
    pub live: Option<&'a RoaringTreemap>,
    /// Whether all files are written again, because too many of their rows are gone.
    pub rewrite: bool,
}

/// An index with more rows, waiting to be made durable and named by a manifest.
#[derive(Debug, Clone)]
pub struct Extended {
    /// All its files: some of those it had, and at most one new one.
    pub files: Vec<FileEntry>,
    /// Rows in it.
    pub rows: u64,
    /// Whether every file was written again.
    pub is_rewritten: bool,
}

/// Adds rows to `index`, in a new file in `folder`, which is `indexes/<uuid>` in the table's folder and must not
/// exist yet. Rows without a usable vector are passed over.
///
/// # Errors
/// If the index is damaged, if the disk refuses, or if `progress` says to stop. Then the folder is gone again.
pub fn extend(
    index: &VectorIndex,
    extension: &Extension<'_>,
    folder: &Path,
    progress: &Progress,
) -> Result<Extended> {
    let file_rows = index.file_rows();
    let kept = match extension.rewrite {
        true => 0,
        false => kept_files(&file_rows, extension.column.row_count()),
    };
    files::create_new_folder(folder)?;
    let new_files = NewFiles::one(folder);
    let (rows, file) = index.write_extension(kept, extension.column, extension.live, folder, progress)?;
    let mut all = extension.files[..kept].to_vec();
    if rows > 0 || all.is_empty() {
        all.push(file);
        new_files.keep();
    }
    Ok(Extended { files: all, rows: file_rows[..kept].iter().sum::<u64>() + rows, is_rewritten: kept == 0 })
}

/// How many of the files stay as they are when so many rows are added.
pub(super) fn kept_files(file_rows: &[u64], rows: u64) -> usize {
    let (mut kept, mut after) = (file_rows.len(), rows);
    while let Some(&before) = file_rows[..kept].last() {
        if before > MERGE_RATIO * after {
            break;
        }
        (kept, after) = (kept - 1, after + before);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_grow_in_large_steps_and_stay_few() {
        assert_eq!(kept_files(&[1_000_000], 1000), 1);
        assert_eq!(kept_files(&[1_000_000, 1000], 1000), 1);
        assert_eq!(kept_files(&[1_000_000], 200_000), 0);

        let (mut files, mut copied) = (vec![100_000u64], 0);
        for _ in 0..1000 {
            let kept = kept_files(&files, 100);
            let merged: u64 = files.drain(kept..).sum();
            copied += merged;
            files.push(merged + 100);
            assert!(files.len() <= 5, "{files:?}");
        }
        assert_eq!(files.iter().sum::<u64>(), 200_000);
        assert!(copied < 2_000_000, "{copied} rows were written again for 100 000 new ones");
    }
}
