//! A set of rows in the order of an index: a bit for each row of a partition.
//!
//! To look up a row's id in a set takes many times as long as to scan its code. So what was looked up is kept, for
//! the next query of the same set. A partition is looked at when a search first comes to it.

use std::sync::OnceLock;

use roaring::RoaringTreemap;

use super::bits::Bits;
use crate::error::Result;

/// Which rows count, and what an index knows of that.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The rows.
    pub rows: &'a RoaringTreemap,
    /// Made for these rows by [`super::VectorIndex::masks`] of the index that is searched.
    pub masks: &'a Masks,
}

/// What an index knows of one set of rows; nothing at first.
#[derive(Debug)]
pub struct Masks {
    bits: OnceLock<Bits>,
    /// For each file of the index, of each partition.
    files: Box<[Box<[OnceLock<Mask>]>]>,
}

/// A bit for each row of a partition, the first row's the lowest; no words if no row counts.
type Mask = Box<[u64]>;

impl Masks {
    /// For an index of so many files, which have so many partitions each.
    pub(super) fn new(files: usize, partitions: usize) -> Self {
        let partitions = || (0..partitions).map(|_| OnceLock::new()).collect();
        Self { bits: OnceLock::new(), files: (0..files).map(|_| partitions()).collect() }
    }

    /// About how many bytes it comes to take, for an index of so many rows with ids below `row_id_end`.
    pub fn bytes(files: usize, partitions: usize, rows: u64, row_id_end: u64) -> usize {
        // The last word of a partition is on average half full.
        let headers = files * partitions * (size_of::<OnceLock<Mask>>() + size_of::<u64>());
        headers + (rows + row_id_end) as usize / 8
    }
}

impl<'a> Wanted<'a> {
    /// Which rows of a partition of one of the files count: a bit for each row of each block of 64. They have
    /// these ids, which ascend.
    pub(super) fn mask(self, file: usize, partition: usize, row_ids: &[u64]) -> &'a [u64] {
        self.masks.files[file][partition].get_or_init(|| {
            let bits = self.masks.bits.get_or_init(|| Bits::from(self.rows));
            let words = bits.of(row_ids);
            if words.iter().all(|&word| word == 0) { Box::default() } else { words.into() }
        })
    }
}

impl Wanted<'_> {
    /// Whether a row of a partition counts, of which each file has rows with these ids. Files that cannot be read may
    /// have some.
    pub(super) fn counts<'r>(self, partition: usize, files: impl Iterator<Item = Result<&'r [u64]>>) -> bool {
        files.enumerate().any(|(at, row_ids)| {
            row_ids.map_or(true, |row_ids| !self.mask(at, partition, row_ids).is_empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_the_bits_of_the_rows_that_count_wherever_their_ids_are() {
        let row_ids: Vec<u64> = (0..500).map(|i| i * 7 + (i / 200) * (1 << 32)).collect();
        let wanted: RoaringTreemap =
            row_ids.iter().copied().filter(|id| id % 3 == 0).chain([5, 1 << 40]).collect();
        let masks = Masks::new(2, 3);
        let wanted_rows = Wanted { rows: &wanted, masks: &masks };

        let mask = wanted_rows.mask(1, 2, &row_ids);

        let bit = |place: usize| mask[place / 64] >> (place % 64) & 1 == 1;
        assert!(row_ids.iter().enumerate().all(|(place, id)| bit(place) == wanted.contains(*id)));
        assert_eq!(wanted_rows.mask(0, 2, &[5, 6, 7]), [1]);
        assert!(wanted_rows.mask(0, 1, &[6]).is_empty());
    }
}
