//! Putting a table in order: compaction, upkeep of indexes, then the removal of what nobody needs any more.

use std::time::Duration;

use crate::error::Result;
use crate::progress::Progress;
use crate::table::Table;
use crate::table::cleanup::{CleanedUp, CleanupOptions};
use crate::table::compact::Compacted;
use crate::table::extend_indexes::ExtendedIndexes;

/// How many versions stay if nothing else is asked for ...
const KEEP_VERSIONS: usize = 100;
/// ... and how long a version stays in any case.
const KEEP_FOR: Duration = Duration::from_secs(3600);

/// What stays when a table is put in order. Tagged versions always do.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptimizeOptions {
    /// Versions made before this time, in milliseconds since 1970 (UTC), may go.
    pub cleanup_before_ms: Option<i64>,
    /// How many of the newest versions stay.
    pub keep_versions: Option<usize>,
    /// Whether files that no version names go even if they are new. Only safe if nobody else writes.
    pub delete_unverified: bool,
}

impl OptimizeOptions {
    /// With neither a time nor a number, the newest 100 versions stay and all of the last hour. With one of
    /// them, only that counts.
    fn cleanup(&self) -> CleanupOptions {
        let now = chrono::Utc::now().timestamp_millis();
        let hour_ago = now - KEEP_FOR.as_millis() as i64;
        let (keep_versions, before_ms) = match (self.keep_versions, self.cleanup_before_ms) {
            (None, None) => (KEEP_VERSIONS, hour_ago),
            (Some(keep), None) => (keep, i64::MAX),
            (keep, Some(before)) => (keep.unwrap_or(1), before),
        };
        CleanupOptions { before_ms, keep_versions, unnamed_of_any_age: self.delete_unverified }
    }
}

/// What putting a table in order did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optimized {
    /// Rows written anew.
    pub compacted: Compacted,
    /// Rows that joined indexes.
    pub indexes: ExtendedIndexes,
    /// Files removed.
    pub cleaned: CleanedUp,
}

impl Table {
    /// Joins small segments, takes deleted rows off the disk, gives rows that are newer than an index to it, and
    /// removes old versions. Reads and writes go on meanwhile.
    ///
    /// # Errors
    /// Those of [`Table::compact`], [`Table::extend_indexes`] and [`Table::clean_up`].
    pub fn optimize(&self, options: &OptimizeOptions, progress: &Progress) -> Result<Optimized> {
        let compacted = self.compact(progress)?;
        let indexes = self.extend_indexes(progress)?;
        let cleaned = self.clean_up(&options.cleanup(), progress)?;
        Ok(Optimized { compacted, indexes, cleaned })
    }
}
