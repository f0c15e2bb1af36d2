//! Deleting rows: a new set of deleted places for each segment that has some of them.

use roaring::RoaringBitmap;

use crate::error::Result;
use crate::filter::Filter;
use crate::progress::Progress;
use crate::storage::{DeletionsEntry, Manifest, NewFiles, Version, write_deletions};
use crate::table::Table;
use crate::table::matching::Matching;

/// What a deletion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// How many rows went.
    pub rows: u64,
    /// The version without them; the one before if there were none.
    pub version: u64,
}

impl Table {
    /// Deletes the rows that `filter` is true for, and publishes a version without them. Without such
    /// rows no version is made.
    ///
    /// If other writers are faster, it applies to what they wrote, too.
    ///
    /// # Errors
    /// Whatever is wrong with the filter, [`Error::Cancelled`](crate::error::Error::Cancelled), and I/O
    /// errors.
    pub fn delete(&self, filter: impl Into<Filter>, progress: &Progress) -> Result<Deleted> {
        let filter = filter.into();
        let mut matching = Matching::new(&filter);
        let mut rows = 0;
        let committed = self.commit_change(NewFiles::default(), |base, new_files| {
            let gone = matching.places(base, progress)?;
            rows = gone.iter().map(|(_, places)| places.len()).sum();
            if rows == 0 {
                return Ok(None);
            }
            without(base.version(), &gone, new_files).map(Some)
        })?;
        Ok(Deleted { rows, version: committed.version })
    }
}

/// The manifest of `version` without the rows at some places of its segments. A segment that loses its last
/// row goes.
pub(super) fn without(
    version: &Version,
    gone: &[(usize, RoaringBitmap)],
    new_files: &mut NewFiles,
) -> Result<Manifest> {
    let mut next = version.manifest().clone();
    let mut emptied = Vec::new();
    for (index, places) in gone {
        let mut deleted = version.segments()[*index].deleted()?.cloned().unwrap_or_default();
        deleted |= places;
        let entry = &mut next.segments[*index];
        if deleted.len() == entry.rows {
            emptied.push(entry.file.path.clone());
        } else {
            let file = write_deletions(version.folder(), &deleted, new_files)?;
            entry.deletions = Some(DeletionsEntry { file, rows: deleted.len() });
        }
    }
    next.segments.retain(|segment| !emptied.contains(&segment.file.path));
    Ok(next)
}
