//! Compaction: small segments become one, and deleted rows leave the disk.
//!
//! Rows keep their ids, so indexes stay as they are. Only neighbours are joined, because segments are in the
//! order of their ids. Nobody waits: rows are copied first, and what was deleted meanwhile is deleted in
//! the copy too when it is published.

use std::ops::Range;
use std::sync::Arc;

use arrow::compute::filter_record_batch;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::query::Snapshot;
use crate::storage::{
    DeletionsEntry, Limits, Manifest, NewFiles, RowIds, RowIdsEntry, SegmentEntry, SegmentWriter, Version,
    write_deletions, write_row_ids,
};
use crate::table::Table;

/// A segment with fewer rows is worth joining with its neighbours.
pub(super) const SMALL_ROWS: u64 = 100_000;

/// One row in so many may be deleted before a segment is worth writing again.
const DELETED_SHARE: u64 = 10;

/// What compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Segments that were replaced.
    pub segments_removed: usize,
    /// Segments that took their place.
    pub segments_added: usize,
    /// Files that the version no longer names: those of the segments, and their deletion sets.
    pub files_removed: usize,
    /// Files that it names instead.
    pub files_added: usize,
    /// Deleted rows that are no longer in any file of the version.
    pub rows_removed: u64,
}

impl Table {
    /// Joins small segments with their neighbours, and writes segments again of which a tenth or more is
    /// deleted; each group of segments in a version of its own.
    ///
    /// Where another writer replaced the rows meanwhile, nothing is done.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if a row cannot be read, [`Error::Cancelled`], and I/O errors.
    pub fn compact(&self, progress: &Progress) -> Result<Compacted> {
        self.check_writable()?;
        let mut compacted = Compacted::default();
        let snapshot = self.current()?;
        let groups = groups(snapshot.manifest());
        let total: u64 = groups.iter().cloned().map(|group| live_rows(snapshot.manifest(), group)).sum();
        let mut done = 0;
        for group in groups {
            progress.step("compact", done, total)?;
            done += live_rows(snapshot.manifest(), group.clone());
            self.compact_group(&snapshot, group, progress, &mut compacted)?;
        }
        progress.step("compact", total, total)?;
        Ok(compacted)
    }

    /// Writes some neighbouring segments of `version` as one.
    pub(super) fn compact_group(
        &self,
        version: &Version,
        group: Range<usize>,
        progress: &Progress,
        compacted: &mut Compacted,
    ) -> Result<()> {
        let copy = Copy::make(version, group, progress)?;
        let (entries, new_files) = copy.segments;
        let copied = Copied { old: copy.old, ids: copy.ids, entries };
        let mut done = Compacted::default();
        self.commit_change(new_files, |base, new_files| {
            done = Compacted::default();
            copied.replace(version.manifest(), base, new_files, &mut done)
        })?;
        compacted.segments_removed += done.segments_removed;
        compacted.segments_added += done.segments_added;
        compacted.files_removed += done.files_removed;
        compacted.files_added += done.files_added;
        compacted.rows_removed += done.rows_removed;
        Ok(())
    }
}

fn live_rows(manifest: &Manifest, group: Range<usize>) -> u64 {
    manifest.segments[group].iter().map(SegmentEntry::live_rows).sum()
}

/// Neighbours to write as one, by their positions.
fn groups(manifest: &Manifest) -> Vec<Range<usize>> {
    let limits = Limits::default();
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    while start < manifest.segments.len() {
        let mut end = start;
        let (mut rows, mut bytes) = (0, 0);
        while let Some(segment) = manifest.segments.get(end).filter(|segment| is_candidate(segment)) {
            rows += segment.live_rows();
            bytes += segment.column_bytes();
            if end > start && (rows > limits.segment_rows || bytes > limits.segment_bytes) {
                break;
            }
            end += 1;
        }
        let alone = end == start + 1 && !is_wasteful(&manifest.segments[start]);
        if end > start && !alone {
            groups.push(start..end);
        }
        start = end.max(start + 1);
    }
    groups
}

fn is_candidate(segment: &SegmentEntry) -> bool {
    segment.live_rows() < SMALL_ROWS || is_wasteful(segment)
}

/// Whether so much of its files is not needed any more that it is worth writing it again.
fn is_wasteful(segment: &SegmentEntry) -> bool {
    segment.has_unused_columns() || has_many_deleted(segment)
}

fn has_many_deleted(segment: &SegmentEntry) -> bool {
    (segment.rows - segment.live_rows()) * DELETED_SHARE >= segment.rows
}

/// Rows copied out of some segments.
struct Copy {
    old: Vec<SegmentEntry>,
    ids: Vec<u64>,
    segments: (Vec<SegmentEntry>, NewFiles),
}

impl Copy {
    fn make(version: &Version, group: Range<usize>, progress: &Progress) -> Result<Self> {
        let mut writer = SegmentWriter::new(version.folder(), version.schema().clone(), Limits::default());
        let mut ids = Vec::new();
        for batch in version.batches().filter(|batch| group.contains(&batch.segment)) {
            progress.check()?;
            let row_ids = version.row_ids(&batch)?;
            let rows = version.batch(&batch)?;
            match version.live(&batch)? {
                None => {
                    ids.extend(row_ids.ranges(0..row_ids.len()).flatten());
                    writer.write(&rows)?;
                }
                Some(live) => {
                    ids.extend(live.set_indices().map(|row| row_ids.id(row as u64)));
                    writer.write(&filter_record_batch(&rows, &live.into()).map_err(Error::internal)?)?;
                }
            }
        }
        let mut segments = writer.finish()?;
        let mut start = 0;
        for entry in &mut segments.0 {
            let end = start + entry.rows as usize;
            give_ids(entry, &ids[start..end], version, &mut segments.1)?;
            start = end;
        }
        Ok(Self { old: version.manifest().segments[group].to_vec(), ids, segments })
    }
}

/// Says in a segment's entry which ids its rows have.
fn give_ids(
    entry: &mut SegmentEntry,
    ids: &[u64],
    version: &Version,
    new_files: &mut NewFiles,
) -> Result<()> {
    let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(()) };
    entry.first_row_id = first;
    if last - first >= entry.rows {
        let set = RoaringTreemap::from_sorted_iter(ids.iter().copied()).map_err(Error::internal)?;
        let file = write_row_ids(version.folder(), &set, new_files)?;
        entry.row_ids = Some(RowIdsEntry { file, end: last + 1 });
    }
    Ok(())
}

/// Copied rows, ready to take the place of those they were copied from.
struct Copied {
    old: Vec<SegmentEntry>,
    ids: Vec<u64>,
    entries: Vec<SegmentEntry>,
}

impl Copied {
    /// The manifest of `base` with the copies; `None` if the rows were replaced meanwhile.
    fn replace(
        &self,
        read: &Manifest,
        base: &Arc<Snapshot>,
        new_files: &mut NewFiles,
        done: &mut Compacted,
    ) -> Result<Option<Manifest>> {
        let base = base.version();
        let mut next = base.manifest().clone();
        if next.generation != read.generation {
            return Ok(None);
        }
        let is_old = |segment: &SegmentEntry| self.old.iter().any(|old| old.file == segment.file);
        let Some(start) = next.segments.iter().position(is_old) else { return Ok(None) };
        let end = start + next.segments[start..].iter().take_while(|segment| is_old(segment)).count();
        // Rows of one that is missing may be in another copy by now.
        if end - start < self.old.len() {
            return Ok(None);
        }
        let deleted = self.deleted_since(base, start..end)?;
        let mut entries = Vec::new();
        let mut first = 0;
        for entry in &self.entries {
            let places = first as u32..first as u32 + entry.rows as u32;
            first += entry.rows;
            let gone: RoaringBitmap =
                deleted.range(places.clone()).map(|place| place - places.start).collect();
            let mut entry = entry.clone();
            if gone.len() == entry.rows {
                continue;
            }
            if !gone.is_empty() {
                let file = write_deletions(base.folder(), &gone, new_files)?;
                entry.deletions = Some(DeletionsEntry { file, rows: gone.len() });
            }
            entries.push(entry);
        }
        done.segments_removed = end - start;
        done.segments_added = entries.len();
        done.files_removed = next.segments[start..end].iter().map(|segment| segment.files().count()).sum();
        done.files_added = entries.iter().map(|segment| segment.files().count()).sum();
        let rows = |segments: &[SegmentEntry]| segments.iter().map(|segment| segment.rows).sum::<u64>();
        done.rows_removed = rows(&self.old) - rows(&entries);
        next.segments.splice(start..end, entries);
        Ok(Some(next))
    }

    /// The places among the copied rows of those that are not in `base` any more.
    fn deleted_since(&self, base: &Version, segments: Range<usize>) -> Result<RoaringBitmap> {
        let mut left = RoaringTreemap::new();
        for segment in &base.segments()[segments] {
            let ids: &RowIds = segment.row_ids()?;
            for range in ids.ranges(0..ids.len()) {
                left.insert_range(range);
            }
            for place in segment.deleted()?.into_iter().flatten() {
                left.remove(ids.id(u64::from(place)));
            }
        }
        let gone = (0u32..).zip(&self.ids).filter(|(_, id)| !left.contains(**id));
        Ok(gone.map(|(place, _)| place).collect())
    }
}
