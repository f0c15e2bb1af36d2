//! When enough versions are old to be worth removing.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::storage::Manifest;
use crate::table::cleanup::CleanupOptions;
use crate::table::{Retention, Table};

/// Old versions are removed so many at a time at least, because it takes reading all that stay ...
const VERSIONS_AT_ONCE: usize = 32;
/// ... and one in so many of them; and at rest, one in so many.
const VERSIONS_SHARE: usize = 8;
const VERSIONS_SHARE_RESTING: usize = 16;

/// When files are looked for that killed processes left: after so long, and then each time that so long has passed.
const SWEEP_AFTER: Duration = Duration::from_secs(60);
const SWEEP_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// The least time between two looks at a table that nobody writes to.
const PAUSE_MIN: Duration = Duration::from_secs(10);

/// What is remembered of old versions, so that the folder is not read for every write.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    retention: Retention,
    /// Whether the folder was read.
    pub is_known: bool,
    /// When there are enough old versions to remove some; and at rest.
    busy: Trigger,
    resting: Trigger,
    next_sweep: Instant,
}

/// Versions may go once the newest one has this number, and it is this time (milliseconds since 1970).
#[derive(Debug, Clone, Copy)]
struct Trigger {
    version: u64,
    time_ms: i64,
}

impl Trigger {
    fn is_due(&self, newest: u64) -> bool {
        newest >= self.version && now_ms() >= self.time_ms
    }
}

impl Memory {
    /// Knows nothing yet.
    pub fn new(retention: Retention) -> Self {
        let never = Trigger { version: u64::MAX, time_ms: i64::MAX };
        let next_sweep = Instant::now() + SWEEP_AFTER;
        Self { retention, is_known: false, busy: never, resting: never, next_sweep }
    }

    /// Whether something is to be removed, if `newest` is the newest version.
    pub fn wants_cleanup(&self, newest: u64, resting: bool) -> bool {
        self.busy.is_due(newest)
            || resting && (self.resting.is_due(newest) || Instant::now() >= self.next_sweep)
    }

    /// What may go now.
    pub fn cleanup(&self) -> CleanupOptions {
        self.retention.cleanup(now_ms())
    }

    /// How long until there is something to remove, if nobody writes.
    pub fn next_cleanup(&self, newest: u64) -> Option<Duration> {
        let sweep = self.next_sweep.saturating_duration_since(Instant::now());
        let old = (newest >= self.resting.version)
            .then(|| Duration::from_millis(self.resting.time_ms.saturating_sub(now_ms()).max(0) as u64));
        Some(old.map_or(sweep, |old| old.min(sweep)).max(PAUSE_MIN))
    }

    /// Finds out when enough of the versions that are there may go.
    pub fn look(&mut self, table: &Table) -> Result<()> {
        let versions = Manifest::versions(table.path())?;
        let trigger = |at_once: usize| -> Result<Trigger> {
            let first = versions.first().copied().unwrap_or(1);
            let kept = self.retention.versions.max(1).saturating_add(at_once - 1);
            let version = first.saturating_add(kept as u64);
            let time_ms = match self.retention.age {
                Duration::ZERO => i64::MIN,
                age => {
                    let last =
                        versions.get(at_once - 1).map(|&last| Manifest::read_if_there(table.path(), last));
                    let made_ms = last.transpose()?.flatten().map_or_else(now_ms, |last| last.created_ms);
                    made_ms.saturating_add(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
                }
            };
            Ok(Trigger { version, time_ms })
        };
        self.busy = trigger(VERSIONS_AT_ONCE.max(versions.len() / VERSIONS_SHARE))?;
        // Those that are kept for their age become too old one after the other, the others at once.
        let share = if self.retention.age.is_zero() { 0 } else { versions.len() / VERSIONS_SHARE_RESTING };
        self.resting = trigger(share.max(1))?;
        self.is_known = true;
        Ok(())
    }

    /// After so many versions were removed, notes what there is now. If none could be, somebody needs them for a while.
    pub fn cleaned(&mut self, table: &Table, removed: usize) -> Result<()> {
        self.look(table)?;
        if removed == 0 {
            let soon = now_ms() + PAUSE_MIN.as_millis() as i64;
            for trigger in [&mut self.busy, &mut self.resting] {
                trigger.time_ms = trigger.time_ms.max(soon);
            }
        }
        self.next_sweep = Instant::now() + SWEEP_INTERVAL;
        Ok(())
    }
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
