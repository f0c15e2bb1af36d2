//! Upkeep of indexes: rows that came after an index was built join it, and those that are gone leave it.

use std::sync::Arc;

use uuid::Uuid;

use crate::error::Result;
use crate::index::scalar::{self, ScalarExtension, ScalarKind};
use crate::index::{Extended, Extension, extend};
use crate::progress::Progress;
use crate::query::{OpenIndex, Snapshot};
use crate::storage::{IndexEntry, Manifest, NewFiles};
use crate::table::Table;

/// One in so many of an index's rows may be gone before it is written again without them.
pub(super) const GONE_SHARE: u64 = 5;

/// What was done to indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtendedIndexes {
    /// Rows that an index covers now and did not before, over all indexes.
    pub rows_added: u64,
    /// Indexes that cover all rows now and did not before, or that lost rows which were gone.
    pub indexes: usize,
}

impl Table {
    /// Adds the rows that indexes do not cover to them, to those of vectors with the centroids and codebooks that
    /// they have: no training, and work that grows with the new rows. An index of which a fifth is gone is written
    /// again without that. Each index is a version of its own.
    ///
    /// Where an index was replaced or dropped meanwhile, or its rows were, it is left as it is.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) if rows or an index cannot be read,
    /// [`Error::Cancelled`](crate::error::Error::Cancelled), and I/O errors.
    pub fn extend_indexes(&self, progress: &Progress) -> Result<ExtendedIndexes> {
        self.check_writable()?;
        let mut done = ExtendedIndexes::default();
        let snapshot = self.snapshot()?;
        for index in snapshot.indexes() {
            let Some(rows_added) = self.extend_index(&snapshot, index, progress)? else { continue };
            done.rows_added += rows_added;
            done.indexes += 1;
        }
        Ok(done)
    }

    /// How many rows an index got; `None` if nothing was done.
    pub(super) fn extend_index(
        &self,
        snapshot: &Arc<Snapshot>,
        index: &OpenIndex,
        progress: &Progress,
    ) -> Result<Option<u64>> {
        let (version, entry) = (snapshot.version(), index.entry());
        let covered = version.rows_below(entry.row_id_end)?;
        let gone = entry.covered_rows.saturating_sub(covered);
        let rewrite = gone > 0 && gone * GONE_SHARE >= entry.covered_rows;
        if covered == version.row_count() && !rewrite {
            return Ok(None);
        }
        let live = snapshot.rows_left(index)?;
        let live = live.as_ref().map(|live| &***live);
        let folder = self.path().join("indexes").join(Uuid::new_v4().to_string());
        let extended = match ScalarKind::parse(&entry.kind) {
            Some(_) => {
                let extension = ScalarExtension { entry, version, live, rewrite };
                scalar::extend(&*index.open_scalar()?, &extension, &folder, progress)?
            }
            None => {
                let column = snapshot.vector_column(&entry.column)?.rows_from(entry.row_id_end);
                let extension = Extension { files: &entry.files, column: &column, live, rewrite };
                extend(&*index.open()?, &extension, &folder, progress)?
            }
        };
        let new_files = if folder.exists() { NewFiles::one(folder) } else { NewFiles::default() };
        progress.check()?;

        let added = version.row_count() - covered;
        let next = with_rows(entry, &extended, version.manifest(), added, covered);
        let read = version.manifest().generation;
        let mut applied = false;
        self.commit_change(new_files, |base, _| {
            let mut manifest = base.version().manifest().clone();
            let same = manifest.indexes.iter_mut().find(|other| *other == entry);
            applied = same.is_some() && base.version().manifest().generation == read;
            let Some(same) = same.filter(|_| applied) else { return Ok(None) };
            *same = next.clone();
            Ok(Some(manifest))
        })?;
        Ok(applied.then_some(added))
    }
}

/// The entry of an index that covers all rows of `manifest` now: `added` ones, and the `covered` ones that are left
/// of those it covered before.
fn with_rows(
    entry: &IndexEntry,
    extended: &Extended,
    manifest: &Manifest,
    added: u64,
    covered: u64,
) -> IndexEntry {
    let before = if extended.is_rewritten { covered } else { entry.covered_rows };
    IndexEntry {
        row_id_end: manifest.next_row_id,
        rows: extended.rows,
        covered_rows: before + added,
        files: extended.files.clone(),
        ..entry.clone()
    }
}
