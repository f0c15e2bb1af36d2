//! Gathering row ids that come in any order into a set.

use roaring::{RoaringBitmap, RoaringTreemap};

use super::page::RowsOf;

/// If more than one in so many ids are expected, they are collected as bits: to sort one takes as long as to look through
/// so many bits.
const DENSE: u64 = 512;

/// Collects row ids.
pub(super) struct Collector {
    ids: Ids,
    sets: RoaringTreemap,
}

enum Ids {
    List(Vec<u64>),
    /// A bit for each id below some bound.
    Bits(Vec<u64>),
}

impl Collector {
    /// For about `expected` ids, all below `end`.
    pub fn new(expected: u64, end: u64) -> Self {
        let ids = match expected.saturating_mul(DENSE) > end {
            true => Ids::Bits(vec![0; end.div_ceil(64) as usize]),
            false => Ids::List(Vec::with_capacity(expected as usize)),
        };
        Self { ids, sets: RoaringTreemap::new() }
    }

    /// Adds rows. Whether their ids are all as small as was promised.
    pub fn add(&mut self, rows: RowsOf) -> bool {
        match rows {
            RowsOf::Set(set) => {
                self.sets |= set;
                true
            }
            RowsOf::Short(base, ids) => self.extend(ids.iter().map(|&id| base.wrapping_add(u64::from(id)))),
            RowsOf::Long(ids) => self.extend(ids.iter().copied()),
        }
    }

    fn extend(&mut self, ids: impl Iterator<Item = u64>) -> bool {
        match &mut self.ids {
            Ids::List(list) => {
                list.extend(ids);
                true
            }
            Ids::Bits(bits) => {
                let mut all_fit = true;
                for id in ids {
                    match bits.get_mut((id / 64) as usize) {
                        Some(word) => *word |= 1 << (id % 64),
                        None => all_fit = false,
                    }
                }
                all_fit
            }
        }
    }

    /// All rows.
    pub fn finish(self) -> RoaringTreemap {
        let found = match self.ids {
            Ids::List(mut list) => {
                list.sort_unstable();
                list.dedup();
                RoaringTreemap::from_sorted_iter(list).unwrap_or_default()
            }
            Ids::Bits(bits) => from_bits(bits),
        };
        if self.sets.is_empty() { found } else { found | self.sets }
    }
}

/// The set whose bits these are.
fn from_bits(mut bits: Vec<u64>) -> RoaringTreemap {
    const WORDS: usize = 1 << (32 - 6);
    bits.iter_mut().for_each(|word| *word = word.to_le());
    let parts = (0u32..).zip(bits.chunks(WORDS));
    let parts =
        parts.map(|(high, words)| (high, RoaringBitmap::from_lsb0_bytes(0, bytemuck::cast_slice(words))));
    RoaringTreemap::from_bitmaps(parts.filter(|(_, bitmap)| !bitmap.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_rows_make_the_same_set() {
        let ids: Vec<u64> = (0..3000).map(|i| i * 7919 % 10_007).collect();
        let expected: RoaringTreemap = ids.iter().copied().collect();
        for promised in [0, 3000] {
            let mut collector = Collector::new(promised, 10_007);
            assert!(collector.add(RowsOf::Long(&ids[..1500])));
            let short: Vec<u32> = ids[1500..].iter().map(|&id| id as u32).collect();
            assert!(collector.add(RowsOf::Short(0, &short)));

            assert_eq!(collector.finish(), expected);
        }
    }

    #[test]
    fn rows_beyond_the_promised_end_are_noticed() {
        let mut collector = Collector::new(100, 64);

        assert!(!collector.add(RowsOf::Long(&[3, 64])));
    }
}
