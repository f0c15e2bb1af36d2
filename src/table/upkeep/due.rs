//! What a table needs, by what its newest version says of itself.
//!
//! While a table is written to, only what is worth doing at once is done: a row is then copied, and an index
//! extended, a few times in all. What is left is done when the table is at rest.

use std::ops::Range;
use std::sync::Arc;

use super::versions::Memory;
use crate::error::Result;
use crate::progress::Progress;
use crate::query::Snapshot;
use crate::storage::{IndexEntry, Manifest, SegmentEntry, Version};
use crate::table::Table;
use crate::table::compact::Compacted;
use crate::table::extend_indexes::GONE_SHARE;
use crate::table::join::worth_joining;
use crate::table::retrain::{is_check_due, reason_to_retrain, rows_from};

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

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Writes neighbouring segments as one, or one segment without its deleted rows.
    Compact(Range<usize>),
    /// Adds rows to the index with this place in the manifest, or takes those out that are gone.
    Extend(usize),
    /// Measures an index of vectors, because many of its rows are new.
    Check(usize),
    /// Trains an index of vectors again, because it has become worse.
    Retrain(usize),
    /// Removes old versions, and what nobody names.
    CleanUp,
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
        if wants_rows(index, manifest, unindexed, resting) {
            return Ok(Some(Task::Extend(at)));
        }
    }
    if memory.wants_cleanup(manifest.version, resting) {
        return Ok(Some(Task::CleanUp));
    }
    // What takes longest comes last.
    let mut indexes = 0..manifest.indexes.len();
    let check = indexes.clone().find(|&at| is_check_due(manifest, at)).map(Task::Check);
    let mut retrain = || indexes.find(|&at| reason_to_retrain(&manifest.indexes[at]).is_some());
    Ok(check.or_else(|| retrain().map(Task::Retrain)))
}

fn is_wasteful(segment: &SegmentEntry) -> bool {
    let deleted = segment.rows - segment.live_rows();
    deleted * DELETED_SHARE >= segment.rows
        && u128::from(segment.column_bytes()) * u128::from(deleted)
            >= u128::from(DELETED_BYTES) * u128::from(segment.rows)
}

/// Whether an index should get the rows that it does not cover, or lose those that are gone.
fn wants_rows(index: &IndexEntry, manifest: &Manifest, unindexed: u64, resting: bool) -> bool {
    let (rows, share) = match resting {
        true => (UNINDEXED_ROWS_RESTING, UNINDEXED_SHARE_RESTING),
        false => (UNINDEXED_ROWS, UNINDEXED_SHARE),
    };
    let gone = index.covered_rows.saturating_sub(manifest.row_count().saturating_sub(unindexed));
    unindexed >= rows.max(index.covered_rows / share)
        || gone >= UNINDEXED_ROWS && gone * GONE_SHARE >= index.covered_rows
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
            Task::Check(index) => self.check_index(snapshot, *index, progress),
            Task::Retrain(index) => self.retrain_index(snapshot, *index, progress),
            Task::CleanUp => {
                let cleaned = self.clean_up(&memory.cleanup(), progress)?;
                memory.cleaned(self, cleaned.versions_removed)?;
                Ok(cleaned.files_removed > 0)
            }
        }
    }
}
