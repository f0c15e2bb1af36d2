//! What a table needs, by what its newest version says of itself.
//!
//! While a table is written to, only what is worth doing at once is done: a row is then copied, and an index
//! extended, a few times in all. What is left is done when the table is at rest.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::index::scalar::ScalarKind;
use crate::progress::Progress;
use crate::query::Snapshot;
use crate::storage::{IndexEntry, Manifest, SegmentEntry, Version};
use crate::table::compact::Compacted;
use crate::table::extend_indexes::GONE_SHARE;
use crate::table::join::worth_joining;
use crate::table::{Retention, Table};

/// A segment is written again without its deleted rows if they are one in so many ...
const DELETED_SHARE: u64 = 4;
/// ... and about so many bytes.
const DELETED_BYTES: u64 = 1 << 20;

/// An index gets the rows that it does not cover when there are so many: comparing these with a query one by one takes
/// about as long as the index does for all others. And at rest, when there are so many.
const UNINDEXED_ROWS: u64 = 4096;
const UNINDEXED_ROWS_RESTING: u64 = 256;
/// Or one for so many that it covers, if that is more.
const UNINDEXED_SHARE: u64 = 100;
const UNINDEXED_SHARE_RESTING: u64 = 1000;

/// Scalar indexes are built anew for new rows, so they wait for more of them.
const UNINDEXED_ROWS_SCALAR: u64 = 16_384;
const UNINDEXED_SHARE_SCALAR: u64 = 8;

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

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Writes neighbouring segments as one, or one segment without its deleted rows.
    Compact(Range<usize>),
    /// Adds rows to the index of vectors with this place in the manifest, or takes those out that are gone.
    Extend(usize),
    /// Builds scalar indexes again.
    Reindex,
    /// Removes old versions, and what nobody names.
    CleanUp,
}

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

    fn wants_cleanup(&self, newest: u64, resting: bool) -> bool {
        self.busy.is_due(newest)
            || resting && (self.resting.is_due(newest) || Instant::now() >= self.next_sweep)
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
        self.resting = trigger((versions.len() / VERSIONS_SHARE_RESTING).max(1))?;
        self.is_known = true;
        Ok(())
    }

    /// After old versions were removed, notes what there is now. Some may not have gone, because somebody needs them:
    /// they can wait.
    fn cleaned(&mut self, table: &Table) -> Result<()> {
        self.look(table)?;
        let soon = now_ms() + PAUSE_MIN.as_millis() as i64;
        let newest = table.version()?;
        for trigger in
            [&mut self.busy, &mut self.resting].into_iter().filter(|trigger| trigger.is_due(newest))
        {
            trigger.time_ms = soon;
        }
        self.next_sweep = Instant::now() + SWEEP_INTERVAL;
        Ok(())
    }
}

/// Whether a version that was just written probably leaves something to do at once.
pub(super) fn is_urgent(manifest: &Manifest, memory: &Memory) -> bool {
    let rows_from = |row_id| Ok(rows_from(manifest, row_id));
    !memory.is_known || !matches!(next_task(manifest, memory, false, &rows_from), Ok(None))
}

/// What is to be done next; `resting` if nobody has written for a while.
///
/// # Errors
/// If a file that says which rows there are cannot be read.
pub(super) fn next(version: &Version, memory: &Memory, resting: bool) -> Result<Option<Task>> {
    let rows_from = |row_id| Ok(version.row_count() - version.rows_below(row_id)?);
    next_task(version.manifest(), memory, resting, &rows_from)
}

/// `rows_from` says how many rows have an id or a later one.
fn next_task(
    manifest: &Manifest,
    memory: &Memory,
    resting: bool,
    rows_from: &dyn Fn(u64) -> Result<u64>,
) -> Result<Option<Task>> {
    if let Some(group) = worth_joining(manifest, resting) {
        return Ok(Some(Task::Compact(group)));
    }
    if let Some(at) = manifest.segments.iter().position(is_wasteful) {
        return Ok(Some(Task::Compact(at..at + 1)));
    }
    for (at, index) in manifest.indexes.iter().enumerate() {
        let unindexed = rows_from(index.row_id_end)?;
        if ScalarKind::parse(&index.kind).is_some() {
            if unindexed >= UNINDEXED_ROWS_SCALAR.max(index.covered_rows / UNINDEXED_SHARE_SCALAR) {
                return Ok(Some(Task::Reindex));
            }
        } else if wants_rows(index, manifest, unindexed, resting) {
            return Ok(Some(Task::Extend(at)));
        }
    }
    Ok(memory.wants_cleanup(manifest.version, resting).then_some(Task::CleanUp))
}

fn is_wasteful(segment: &SegmentEntry) -> bool {
    let deleted = segment.rows - segment.live_rows();
    let bytes: u64 = segment.column_files().map(|file| file.bytes).sum();
    deleted * DELETED_SHARE >= segment.rows
        && u128::from(bytes) * u128::from(deleted) >= u128::from(DELETED_BYTES) * u128::from(segment.rows)
}

/// Whether an index of vectors should get the rows that it does not cover, or lose those that are gone.
fn wants_rows(index: &IndexEntry, manifest: &Manifest, unindexed: u64, resting: bool) -> bool {
    let (rows, share) = match resting {
        true => (UNINDEXED_ROWS_RESTING, UNINDEXED_SHARE_RESTING),
        false => (UNINDEXED_ROWS, UNINDEXED_SHARE),
    };
    let gone = index.covered_rows.saturating_sub(manifest.row_count().saturating_sub(unindexed));
    unindexed >= rows.max(index.covered_rows / share)
        || gone >= UNINDEXED_ROWS && gone * GONE_SHARE >= index.covered_rows
}

/// How many rows have this id or a later one; of a segment that has earlier ones too, about so many.
fn rows_from(manifest: &Manifest, row_id: u64) -> u64 {
    let after = manifest.segments.iter().rev().take_while(|segment| segment.row_id_end() > row_id);
    after
        .map(|segment| {
            let first = segment.first_row_id.max(row_id);
            segment.live_rows().min(segment.row_id_end() - first)
        })
        .sum()
}

impl Table {
    /// Does a task of upkeep; whether it changed something.
    pub(super) fn look_after(
        &self,
        snapshot: &Arc<Snapshot>,
        task: &Task,
        memory: &mut Memory,
        progress: &Progress,
    ) -> Result<bool> {
        match task {
            Task::Compact(group) => {
                let mut compacted = Compacted::default();
                self.compact_group(snapshot.version(), group.clone(), progress, &mut compacted)?;
                Ok(compacted != Compacted::default())
            }
            Task::Extend(index) => {
                Ok(self.extend_index(snapshot, &snapshot.indexes()[*index], progress)?.is_some())
            }
            Task::Reindex => {
                let before = self.version()?;
                self.reindex(progress)?;
                Ok(self.version()? > before)
            }
            Task::CleanUp => {
                let cleaned = self.clean_up(&memory.retention.cleanup(now_ms()), progress)?;
                memory.cleaned(self)?;
                Ok(cleaned.files_removed > 0)
            }
        }
    }
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
