//! Which small neighbours to write as one, so that a table that is written to in small steps stays small.
//!
//! Without it, a table of ten thousand appends has ten thousand files, and each version a list of all of them. To join
//! some on every write would copy the same rows again and again. So segments are joined when there are many of about
//! one size, and what comes of it is many times as large as each of them: a row is copied a few times in all, however
//! many are added, and a table of any size has some tens of small segments at most.
//!
//! Upkeep does this in the background. Where it is off, or falls behind, whoever makes the last of many small files
//! joins them; then what is joined has a limit, so that no write takes long.

use std::ops::Range;

use crate::error::Result;
use crate::progress::Progress;
use crate::storage::{Manifest, SegmentEntry};
use crate::table::Table;
use crate::table::compact::{Compacted, SMALL_ROWS};

/// How many small segments may be side by side before they are joined.
const SEGMENTS_MAX: usize = 32;

/// What is joined becomes at least so many times as large as the largest of it.
const GROWTH: u64 = 24;

/// How many small segments are side by side at most when nobody has written for a while ...
const RESTING_MAX: usize = 16;
/// ... and how many of them are left alone, if there are more.
const RESTING_KEPT: usize = 12;
/// A segment so many times as large as all after it is not worth joining with them even then.
const RESTING_RATIO: u64 = 2;

/// How much a writer joins at most.
const WRITER_BYTES_MAX: u64 = 8 << 20;
/// Where upkeep is on, writers only step in when it has left so many times as many segments as it should.
const UPKEEP_LAG: usize = 4;

/// How much upkeep joins at most.
const UPKEEP_BYTES_MAX: u64 = 512 << 20;
/// A segment of so many bytes is never small.
const SMALL_BYTES: u64 = 128 << 20;

impl Table {
    /// Joins the last segments of the newest version if too many of them are small.
    pub(super) fn join_small(&self) -> Result<()> {
        let snapshot = self.current()?;
        let lag = if self.handle.options.upkeep { UPKEEP_LAG } else { 1 };
        match many_small(snapshot.manifest(), SEGMENTS_MAX * lag, WRITER_BYTES_MAX) {
            Some(group) => self.compact_group(&snapshot, group, &Progress::none(), &mut Compacted::default()),
            None => Ok(()),
        }
    }
}

/// Neighbours that upkeep should write as one; `resting` if nobody has written for a while.
pub(super) fn worth_joining(manifest: &Manifest, resting: bool) -> Option<Range<usize>> {
    let many = many_small(manifest, SEGMENTS_MAX, UPKEEP_BYTES_MAX);
    many.or_else(|| if resting { small_rest(manifest) } else { None })
}

/// The most neighbours, `count` or more, whose rows are together much more than those of any one of them.
fn many_small(manifest: &Manifest, count: usize, bytes_max: u64) -> Option<Range<usize>> {
    let grown = |run: Range<usize>| {
        let (mut sum, mut largest, mut start) = (0, 0, None);
        for at in run.clone().rev() {
            let bytes = manifest.segments[at].column_bytes();
            (sum, largest) = (sum + bytes, largest.max(bytes));
            if sum > bytes_max {
                break;
            }
            if run.end - at >= count && largest * GROWTH <= sum {
                start = Some(at);
            }
        }
        start.map(|start| start..run.end)
    };
    // Most are at the end, where rows are added.
    small_runs(manifest, bytes_max.min(SMALL_BYTES)).into_iter().rev().find_map(grown)
}

/// The smaller ones of more neighbours than a table at rest should have.
fn small_rest(manifest: &Manifest) -> Option<Range<usize>> {
    let rest = |run: Range<usize>| {
        let mut start = run.start + RESTING_KEPT;
        let after = |start: usize| {
            manifest.segments[start + 1..run.end].iter().map(SegmentEntry::column_bytes).sum::<u64>()
        };
        while start < run.end && manifest.segments[start].column_bytes() > RESTING_RATIO * after(start) {
            start += 1;
        }
        (start + 1 < run.end && after(start) < UPKEEP_BYTES_MAX).then_some(start..run.end)
    };
    let runs = small_runs(manifest, SMALL_BYTES).into_iter().rev();
    runs.filter(|run| run.len() > RESTING_MAX).find_map(rest)
}

/// Small segments, as far as they are side by side.
fn small_runs(manifest: &Manifest, bytes_max: u64) -> Vec<Range<usize>> {
    let is_small =
        |segment: &SegmentEntry| segment.live_rows() < SMALL_ROWS && segment.column_bytes() < bytes_max;
    let mut runs = Vec::new();
    let mut start = 0;
    for (at, segment) in manifest.segments.iter().enumerate() {
        if !is_small(segment) {
            runs.push(start..at);
            start = at + 1;
        }
    }
    runs.push(start..manifest.segments.len());
    runs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;

    use super::*;
    use crate::storage::FileEntry;

    fn segment(bytes: u64) -> SegmentEntry {
        SegmentEntry {
            file: FileEntry { path: "data/some.arrow".to_owned(), bytes, crc32c: 0 },
            rows: 10,
            first_row_id: 0,
            row_ids: None,
            batches: vec![10],
            footer_crc32c: 0,
            deletions: None,
            parts: Vec::new(),
            columns: None,
            unused_columns: 0,
        }
    }

    fn manifest(sizes: &[u64]) -> Manifest {
        let mut manifest = Manifest::first(Arc::new(Schema::empty()));
        manifest.segments = sizes.iter().map(|&bytes| segment(bytes)).collect();
        manifest
    }

    /// Adds segments of these sizes, joining after each as upkeep does; the sizes that are left, the most segments
    /// there ever were, and the bytes that were copied.
    fn after(sizes: impl Iterator<Item = u64>) -> (Vec<u64>, usize, u64) {
        let (mut segments, mut most, mut copied) = (Vec::new(), 0, 0);
        for size in sizes {
            segments.push(size);
            most = most.max(segments.len());
            while let Some(group) = worth_joining(&manifest(&segments), false) {
                let sum = segments[group.clone()].iter().sum();
                copied += sum;
                segments.splice(group, [sum]);
            }
        }
        (segments, most, copied)
    }

    #[test]
    fn ten_thousand_appends_are_copied_twice_and_leave_some_tens_of_segments() {
        let (segments, most, copied) = after((0..10_000).map(|_| 6000));

        assert!(copied <= 2 * 60_000_000, "{copied}");
        assert!(most < 90, "{most}");
        assert!(segments.len() < 90);
    }

    #[test]
    fn appends_of_any_sizes_are_copied_a_few_times_and_leave_some_tens_of_segments() {
        let mut state = 1u64;
        let sizes: Vec<u64> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                1000 << (state >> 61)
            })
            .collect();
        let total: u64 = sizes.iter().sum();

        let (segments, most, copied) = after(sizes.into_iter());

        assert!(copied <= 4 * total, "{copied} of {total}");
        assert!(most < 200 && segments.len() < 200, "{most}, {}", segments.len());
    }

    #[test]
    fn at_rest_a_few_segments_are_left_and_the_large_ones_are_not_copied_for_it() {
        let (segments, ..) = after((0..10_000).map(|_| 6000));

        let group = worth_joining(&manifest(&segments), true).unwrap();

        assert!(group.start >= RESTING_KEPT && group.end == segments.len());
        assert!(segments[group.clone()].iter().sum::<u64>() < segments.iter().sum::<u64>() / 10);
        let mut left = segments[..group.start].to_vec();
        left.push(segments[group].iter().sum());
        assert_eq!(worth_joining(&manifest(&left), true), None);
    }

    #[test]
    fn large_segments_are_left_alone_wherever_they_are() {
        let mut sizes = vec![2 * SMALL_BYTES; 100];
        assert_eq!(worth_joining(&manifest(&sizes), true), None);
        sizes.splice(50..50, vec![10; SEGMENTS_MAX]);
        assert_eq!(worth_joining(&manifest(&sizes), false), Some(50..50 + SEGMENTS_MAX));
    }

    #[test]
    fn writers_join_small_files_only() {
        let sizes = vec![WRITER_BYTES_MAX / 16; 2 * SEGMENTS_MAX];
        assert_eq!(many_small(&manifest(&sizes), SEGMENTS_MAX, WRITER_BYTES_MAX), None);
        let sizes = vec![WRITER_BYTES_MAX / 64; 2 * SEGMENTS_MAX];
        assert_eq!(many_small(&manifest(&sizes), SEGMENTS_MAX, WRITER_BYTES_MAX), Some(0..2 * SEGMENTS_MAX));
    }
}
