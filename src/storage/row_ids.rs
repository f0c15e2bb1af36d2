//! The ids of the rows of a segment: ascending, and mostly without gaps.
//!
//! A segment that was written by an append has one run of ids. One that compaction made of several
//! has as many runs as rows between them went; it keeps their ids in a file.

use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringTreemap;

/// Ascending row ids, found by place and the other way round. Clones and slices share memory.
#[derive(Debug, Clone)]
pub struct RowIds {
    runs: Arc<[Run]>,
    /// The place of the first id of this slice among those of all runs.
    start: u64,
    rows: u64,
    /// The first id if there are no gaps: then all else is an addition.
    without_gaps: Option<u64>,
}

/// Ids without a gap.
#[derive(Debug, Clone, Copy)]
struct Run {
    first_id: u64,
    /// How many ids come before it.
    place: u64,
}

impl RowIds {
    /// `rows` ids from `first` on.
    pub fn without_gaps(first: u64, rows: u64) -> Self {
        Self { runs: [Run { first_id: first, place: 0 }].into(), start: 0, rows, without_gaps: Some(first) }
    }

    /// The ids of a set.
    pub fn from_set(ids: &RoaringTreemap) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut next = None;
        for (place, id) in ids.iter().enumerate() {
            if next != Some(id) {
                runs.push(Run { first_id: id, place: place as u64 });
            }
            next = id.checked_add(1);
        }
        Self::slice_of(runs.into(), 0, ids.len())
    }

    fn slice_of(runs: Arc<[Run]>, start: u64, rows: u64) -> Self {
        let mut ids = Self { runs, start, rows, without_gaps: None };
        ids.without_gaps = match rows {
            0 => Some(0),
            rows => Some(ids.id(0)).filter(|&first| ids.id(rows - 1) - first == rows - 1),
        };
        ids
    }

    /// The ids at some places.
    pub fn slice(&self, places: Range<u64>) -> Self {
        Self::slice_of(self.runs.clone(), self.start + places.start, places.end - places.start)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The id at a place, which must be less than [`RowIds::len`].
    #[inline]
    pub fn id(&self, place: u64) -> u64 {
        if let Some(first) = self.without_gaps {
            return first + place;
        }
        let place = self.start + place;
        let run = self.runs[self.runs.partition_point(|run| run.place <= place) - 1];
        run.first_id + (place - run.place)
    }

    /// The place of an id, if it is one of these.
    #[inline]
    pub fn place(&self, id: u64) -> Option<u64> {
        let place = self.rank(id);
        (place < self.rows && self.id(place) == id).then_some(place)
    }

    /// How many of these ids are less than `id`.
    #[inline]
    pub fn rank(&self, id: u64) -> u64 {
        if let Some(first) = self.without_gaps {
            return id.saturating_sub(first).min(self.rows);
        }
        let after = self.runs.partition_point(|run| run.first_id <= id);
        let Some(run) = after.checked_sub(1) else { return 0 };
        let run_end = self.runs.get(after).map_or(self.start + self.rows, |next| next.place);
        let Run { first_id, place } = self.runs[run];
        (place + (id - first_id)).min(run_end).saturating_sub(self.start).min(self.rows)
    }

    /// The ids at some places, as ranges without gaps.
    pub fn ranges(&self, places: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let (mut place, end) = (self.start + places.start, self.start + places.end);
        let mut run = self.runs.partition_point(|run| run.place <= place).saturating_sub(1);
        std::iter::from_fn(move || {
            if place >= end {
                return None;
            }
            let Run { first_id, place: run_start } = self.runs[run];
            let run_end = self.runs.get(run + 1).map_or(end, |next| next.place.min(end));
            let ids = first_id + (place - run_start)..first_id + (run_end - run_start);
            (place, run) = (run_end, run + 1);
            Some(ids)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_places_undo_each_other_with_and_without_gaps() {
        let sets: [Vec<u64>; 4] =
            [vec![7], (3..9).collect(), vec![1, 2, 5, 6, 7, 100], vec![0, 2, 4, 1 << 40, (1 << 40) + 1]];
        for ids in sets {
            let set: RoaringTreemap = ids.iter().copied().collect();
            for start in 0..ids.len() {
                for end in start..=ids.len() {
                    let slice = RowIds::from_set(&set).slice(start as u64..end as u64);
                    let expected = &ids[start..end];

                    let found: Vec<u64> = (0..slice.len()).map(|place| slice.id(place)).collect();
                    assert_eq!(found, expected);
                    let ranges: Vec<u64> = slice.ranges(0..slice.len()).flatten().collect();
                    assert_eq!(ranges, expected);
                    for id in (0..110).chain([1 << 40, (1 << 40) + 1, (1 << 40) + 2]) {
                        let rank = expected.partition_point(|&other| other < id);
                        assert_eq!(slice.rank(id), rank as u64, "{id} in {expected:?}");
                        let place = expected.iter().position(|&other| other == id);
                        assert_eq!(slice.place(id), place.map(|place| place as u64), "{id} in {expected:?}");
                    }
                }
            }
        }
    }
}
