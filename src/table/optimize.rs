//! Putting a table in order: compaction, then the removal of what nobody needs any more.

use std::time::Duration;

use crate::error::Result;
use crate::progress::Progress;
use crate::storage::FileEntry;
use crate::table::Table;
use crate::table::cleanup::{CleanedUp, CleanupOptions};
use crate::table::compact::Compacted;

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
    /// Files removed.
    pub cleaned: CleanedUp,
}

/// What is wrong with a table.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Files read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are missing or damaged, each with the reason.
    pub problems: Vec<String>,
}

impl Table {
    /// Joins small segments, takes deleted rows off the disk, gives the rows that are newer than a scalar index to
    /// it, and removes old versions. Reads and writes go on meanwhile.
    ///
    /// # Errors
    /// Those of [`Table::compact`], [`Table::reindex`] and [`Table::clean_up`].
    pub fn optimize(&self, options: &OptimizeOptions, progress: &Progress) -> Result<Optimized> {
        let compacted = self.compact(progress)?;
        self.reindex(progress)?;
        let cleaned = self.clean_up(&options.cleanup(), progress)?;
        Ok(Optimized { compacted, cleaned })
    }

    /// Reads every file of the version that the handle shows, and compares it with its checksum.
    ///
    /// # Errors
    /// I/O errors and [`Error::Cancelled`](crate::error::Error::Cancelled). Damage is no error here.
    pub fn verify(&self, progress: &Progress) -> Result<Verified> {
        let version = self.current()?;
        let files: Vec<&FileEntry> = version.manifest().files().collect();
        let total = files.iter().map(|file| file.bytes).sum();
        let mut verified = Verified::default();
        for file in files {
            progress.step("verify", verified.bytes, total)?;
            if let Err(error) = file.verify(version.folder()) {
                verified.problems.push(error.to_string());
            }
            verified.files += 1;
            verified.bytes += file.bytes;
        }
        progress.step("verify", total, total)?;
        if verified.problems.is_empty()
            && let Err(error) = version.verify()
        {
            verified.problems.push(error.to_string());
        }
        Ok(verified)
    }
}
