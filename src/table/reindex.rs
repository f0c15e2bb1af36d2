//! Bringing scalar indexes up to the newest rows.

use crate::error::Result;
use crate::index::IndexConfig;
use crate::index::scalar::ScalarKind;
use crate::progress::Progress;
use crate::storage::{IndexEntry, NewFiles, Version};
use crate::table::Table;

/// If one row in so many that an index knows is gone, it is worth building again.
const GONE_SHARE: u64 = 10;

impl Table {
    /// Builds the scalar indexes again of which rows are missing, or that know many rows that are gone; each in
    /// a version of its own. Indexes of vectors stay as they are.
    ///
    /// Where another writer dropped or replaced the index meanwhile, or the rows, nothing is done.
    ///
    /// # Errors
    /// Those of [`Table::create_index`].
    pub fn reindex(&self, progress: &Progress) -> Result<()> {
        self.check_writable()?;
        for old in &self.current()?.manifest().indexes {
            let snapshot = self.snapshot()?;
            let Some(kind) = ScalarKind::parse(&old.kind) else { continue };
            if !is_behind(old, snapshot.version())? {
                continue;
            }
            let (name, column) = (old.name.clone(), old.column.clone());
            let config = IndexConfig::Scalar(kind);
            let (entry, new_files) = self.build_index(&snapshot, name, column, &config, progress)?;
            let generation = snapshot.version().manifest().generation;
            self.commit_change(new_files, |base, _: &mut NewFiles| {
                let mut next = base.version().manifest().clone();
                let place = next.indexes.iter().position(|index| index.uuid == old.uuid);
                let Some(place) = place.filter(|_| next.generation == generation) else { return Ok(None) };
                next.indexes[place] = entry.clone();
                Ok(Some(next))
            })?;
        }
        Ok(())
    }
}

fn is_behind(index: &IndexEntry, version: &Version) -> Result<bool> {
    let covered = version.rows_below(index.row_id_end)?;
    let gone = index.covered_rows.saturating_sub(covered);
    Ok(version.row_count() > covered || gone > 0 && gone * GONE_SHARE >= index.covered_rows)
}
