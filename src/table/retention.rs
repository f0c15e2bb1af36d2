//! How long versions stay that are not the newest any more.

use std::time::Duration;

use crate::table::cleanup::CleanupOptions;

/// Which versions stay when a table is put in order: the newest `versions`, and all that are younger than `age`.
/// Those that have a tag, or that somebody reads, stay in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retention {
    /// How many of the newest versions stay, whatever their age. The newest one always does.
    pub versions: usize,
    /// How long a version stays, however many there are after it.
    pub age: Duration,
}

impl Default for Retention {
    /// The last 100, and everything of the last hour.
    fn default() -> Self {
        Self { versions: 100, age: Duration::from_secs(3600) }
    }
}

impl Retention {
    /// Just the newest `versions`.
    pub fn last(versions: usize) -> Self {
        Self { versions, age: Duration::ZERO }
    }

    /// Versions made before this time, in milliseconds since 1970 (UTC), are not kept for their age.
    pub(super) fn before_ms(&self, now_ms: i64) -> i64 {
        match self.age {
            // Clocks differ: those that seem to be of the future go too.
            Duration::ZERO => i64::MAX,
            age => now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// What may go at `now_ms`.
    pub(super) fn cleanup(&self, now_ms: i64) -> CleanupOptions {
        CleanupOptions {
            before_ms: self.before_ms(now_ms),
            keep_versions: self.versions,
            unnamed_of_any_age: false,
        }
    }
}
