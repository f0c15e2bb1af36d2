//! Adding rows to a scalar index that is there: see [`crate::index::extend`].

use std::path::Path;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::ScalarIndex;
use super::build::NewRows;
use crate::error::Result;
use crate::index::extend::{Extended, kept_files};
use crate::progress::Progress;
use crate::storage::{IndexEntry, NewFiles, Version, files};

/// What is done to a scalar index.
#[derive(Debug, Clone, Copy)]
pub struct ScalarExtension<'a> {
    /// The index as it is.
    pub entry: &'a IndexEntry,
    /// The rows that it shall cover.
    pub version: &'a Arc<Version>,
    /// The rows that the table still has, if the index knows others: an index that is written again loses those.
    pub live: Option<&'a RoaringTreemap>,
    /// Whether all files are written again, because too many of their rows are gone.
    pub rewrite: bool,
}

/// Adds the rows of a version that `index` does not cover, in a new file in `folder`, which is `indexes/<uuid>` in
/// the table's folder and must not exist yet. Files that are not much larger than the rows after them are written
/// again together with these; the column is read for new rows only.
///
/// # Errors
/// Those of [`crate::index::extend`].
pub fn extend(
    index: &ScalarIndex,
    extension: &ScalarExtension<'_>,
    folder: &Path,
    progress: &Progress,
) -> Result<Extended> {
    let ScalarExtension { entry, version, live, rewrite } = *extension;
    let (kind, known) = (index.kind(), index.files());
    let file_rows: Vec<u64> = known.iter().map(|file| file.rows()).collect();
    files::create_new_folder(folder)?;
    let new_files = NewFiles::one(folder);
    let new = NewRows::read(kind, version, &entry.column, entry.row_id_end, folder, progress)?;
    let kept = if rewrite { 0 } else { kept_files(&file_rows, new.rows) };
    // What a file says of its number of rows is right without those that are gone only if it has all that are left.
    let live = live.filter(|_| kept == 0);
    let rows = match live {
        Some(_) => version.row_count(),
        None => file_rows[kept..].iter().sum::<u64>() + new.rows,
    };
    let (file, _) = new.write(kind, &known[kept..], live, rows, folder, progress)?;
    new_files.keep();
    let mut all = entry.files[..kept].to_vec();
    all.push(file);
    Ok(Extended { files: all, rows: file_rows[..kept].iter().sum::<u64>() + rows, is_rewritten: kept == 0 })
}
