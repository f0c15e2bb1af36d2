//! Joining small files of rows as they come, so that a table that is written to in small steps stays small.
//!
//! Without it, a table of ten thousand appends has ten thousand files, and each version a list of all of them. Whoever
//! makes the last of many small files joins them. What is joined has a limit, so that no write takes long; beyond it,
//! [`Table::compact`] goes on.

use std::ops::Range;

use crate::error::Result;
use crate::progress::Progress;
use crate::storage::{Manifest, SegmentEntry};
use crate::table::Table;
use crate::table::compact::Compacted;

/// How many small segments may be at the end of a table.
const SEGMENTS_MAX: usize = 32;

/// How large a segment is that is not small, and what is joined at most.
const BYTES_MAX: u64 = 8 << 20;

/// A segment is joined with those after it if it has no more than so many times their bytes: so a row is copied only
/// each time that there is severalfold as much of them.
const RATIO: u64 = 8;

impl Table {
    /// Joins the last segments of the newest version if too many of them are small.
    pub(super) fn join_small(&self) -> Result<()> {
        let snapshot = self.current()?;
        match small_tail(snapshot.manifest()) {
            Some(group) => self.compact_group(&snapshot, group, &Progress::none(), &mut Compacted::default()),
            None => Ok(()),
        }
    }
}

/// The last segments, if there are too many small ones and several are worth joining.
fn small_tail(manifest: &Manifest) -> Option<Range<usize>> {
    let segments = &manifest.segments;
    let small = segments.iter().rev().take_while(|segment| bytes(segment) < BYTES_MAX).count();
    if small < SEGMENTS_MAX {
        return None;
    }
    let (mut start, mut after) = (segments.len(), 0);
    for segment in segments.iter().rev().take(small) {
        let before = bytes(segment);
        if after + before > BYTES_MAX || (after > 0 && before > RATIO * after) {
            break;
        }
        (start, after) = (start - 1, after + before);
    }
    (start + 1 < segments.len()).then_some(start..segments.len())
}

fn bytes(segment: &SegmentEntry) -> u64 {
    segment.column_files().map(|file| file.bytes).sum()
}
