//! Putting a table in order: compaction, upkeep of indexes, then the removal of what nobody needs any more.

use crate::error::Result;
use crate::progress::Progress;
use crate::table::cleanup::{CleanedUp, CleanupOptions};
use crate::table::compact::Compacted;
use crate::table::extend_indexes::ExtendedIndexes;
use crate::table::{Retention, Retrain, Table};

/// What stays when a table is put in order. Tagged versions always do.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptimizeOptions {
    /// Versions made before this time, in milliseconds since 1970 (UTC), may go.
    pub cleanup_before_ms: Option<i64>,
    /// Which versions stay. Default: with a time given just the newest, else what [`TableOptions::retention`] says.
    ///
    /// [`TableOptions::retention`]: crate::table::TableOptions::retention
    pub keep: Option<Retention>,
    /// Which indexes of vectors are trained again. Default: none.
    pub retrain: Retrain,
    /// Whether files that no version names go even if they are new. Only safe if nobody else writes.
    pub delete_unverified: bool,
}

impl OptimizeOptions {
    /// What may go, if `default` is what the table was opened with. Of a time and a retention both must agree.
    fn cleanup(&self, default: Retention) -> CleanupOptions {
        let before = self.cleanup_before_ms;
        let keep = self.keep.unwrap_or(if before.is_some() { Retention::last(1) } else { default });
        let cleanup = keep.cleanup(chrono::Utc::now().timestamp_millis());
        CleanupOptions {
            before_ms: before.unwrap_or(i64::MAX).min(cleanup.before_ms),
            unnamed_of_any_age: self.delete_unverified,
            ..cleanup
        }
    }
}

/// What putting a table in order did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optimized {
    /// Rows written anew.
    pub compacted: Compacted,
    /// Rows that joined indexes.
    pub indexes: ExtendedIndexes,
    /// Indexes that were trained again.
    pub retrained: usize,
    /// Files removed.
    pub cleaned: CleanedUp,
}

impl Table {
    /// Joins small segments, takes deleted rows off the disk, gives rows that are newer than an index to it, and
    /// removes old versions. Reads and writes go on meanwhile.
    ///
    /// # Errors
    /// Those of [`Table::compact`], [`Table::extend_indexes`], [`Table::retrain`] and [`Table::clean_up`].
    pub fn optimize(&self, options: &OptimizeOptions, progress: &Progress) -> Result<Optimized> {
        let _paused = self.pause_upkeep();
        let compacted = self.compact(progress)?;
        let indexes = self.extend_indexes(progress)?;
        let retrained = self.retrain(options.retrain, progress)?;
        let cleaned = self.clean_up(&options.cleanup(self.handle.options.retention), progress)?;
        Ok(Optimized { compacted, indexes, retrained, cleaned })
    }
}
