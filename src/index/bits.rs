//! A set of row ids as bits: whether an id is in it takes one read of memory.

use roaring::{RoaringBitmap, RoaringTreemap};

/// Bits of a word.
const WORD: usize = 64;

/// Words of one of a bitmap's containers.
const CONTAINER: usize = (1 << 16) / WORD;

/// A container with no more ids is a list of them.
const LIST_MAX: usize = 4096;

/// Row ids.
#[derive(Debug)]
pub(super) struct Bits {
    /// For each upper half of ids that there is, the lower halves.
    halves: Vec<(u32, Vec<u64>)>,
}

impl From<&RoaringTreemap> for Bits {
    fn from(rows: &RoaringTreemap) -> Self {
        Self { halves: rows.bitmaps().map(|(high, bitmap)| (high, words(bitmap))).collect() }
    }
}

impl Bits {
    /// A bit for each of some ascending ids, the first one's the lowest.
    pub fn of(&self, ids: &[u64]) -> Vec<u64> {
        let mut found = vec![0u64; ids.len().div_ceil(WORD)];
        let mut place = 0;
        for ids in ids.chunk_by(|a, b| a >> 32 == b >> 32) {
            let high = (ids[0] >> 32) as u32;
            if let Some((_, words)) = self.halves.iter().find(|(other, _)| *other == high) {
                for (place, &id) in (place..).zip(ids) {
                    let low = id as u32 as usize;
                    let bit = words.get(low / WORD).map_or(0, |word| word >> (low % WORD) & 1);
                    found[place / WORD] |= bit << (place % WORD);
                }
            }
            place += ids.len();
        }
        found
    }
}

/// The words of a bitmap, from its portable form: one id after the other would take as long as a search does.
fn words(bitmap: &RoaringBitmap) -> Vec<u64> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    let written = bitmap.serialize_into(&mut bytes).ok();
    written.and_then(|()| parse(&bytes)).unwrap_or_else(|| {
        let mut words = vec![0; bitmap.max().map_or(0, |last| last as usize / WORD + 1)];
        bitmap.iter().for_each(|id| words[id as usize / WORD] |= 1 << (id as usize % WORD));
        words
    })
}

/// Reads [Roaring's portable format](https://github.com/RoaringBitmap/RoaringFormatSpec).
fn parse(mut bytes: &[u8]) -> Option<Vec<u64>> {
    const COOKIE: u32 = 12346;
    const COOKIE_WITH_RUNS: u32 = 12347;
    let mut take = |count: usize| {
        let (taken, rest) = bytes.split_at_checked(count)?;
        bytes = rest;
        Some(taken)
    };
    let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?));
    let cookie = number(take(4)?)?;
    let (containers, runs) = match cookie & 0xFFFF {
        COOKIE_WITH_RUNS => {
            let containers = (cookie >> 16) as usize + 1;
            (containers, take(containers.div_ceil(8))?)
        }
        COOKIE => (number(take(4)?)? as usize, &[][..]),
        _ => return None,
    };
    let heads = halves(take(4 * containers)?);
    if runs.is_empty() || containers >= 4 {
        // Where each container begins.
        take(4 * containers)?;
    }
    let last = heads.clone().step_by(2).last().map_or(0, |key| usize::from(key) + 1);
    let mut words = vec![0; last * CONTAINER];
    let mut heads = heads.map(usize::from);
    for container in 0..containers {
        let (key, count) = (heads.next()?, heads.next()? + 1);
        let words = words.get_mut(key * CONTAINER..)?.get_mut(..CONTAINER)?;
        if runs.get(container / 8).is_some_and(|flags| flags >> (container % 8) & 1 == 1) {
            let count = usize::from(halves(take(2)?).next()?);
            let mut runs = halves(take(4 * count)?).map(usize::from);
            while let (Some(first), Some(more)) = (runs.next(), runs.next()) {
                fill(words, first, (first + more).min(CONTAINER * WORD - 1));
            }
        } else if count <= LIST_MAX {
            for id in halves(take(2 * count)?).map(usize::from) {
                words[id / WORD] |= 1 << (id % WORD);
            }
        } else {
            let bits = take(8 * CONTAINER)?.as_chunks::<8>().0;
            words.iter_mut().zip(bits).for_each(|(word, bits)| *word = u64::from_le_bytes(*bits));
        }
    }
    Some(words)
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone {
    bytes.as_chunks::<2>().0.iter().map(|half| u16::from_le_bytes(*half))
}

/// Sets the bits from `first` to `last`.
fn fill(words: &mut [u64], first: usize, last: usize) {
    let (start, end) = (first / WORD, last / WORD);
    for (at, word) in (start..=end).zip(&mut words[start..=end]) {
        let from = if at == start { u64::MAX << (first % WORD) } else { u64::MAX };
        let to = if at == end { u64::MAX >> (WORD - 1 - last % WORD) } else { u64::MAX };
        *word |= from & to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &RoaringTreemap, ids: &[u64]) {
        let bits = Bits::from(rows).of(ids);
        for (place, id) in ids.iter().enumerate() {
            assert_eq!(bits[place / WORD] >> (place % WORD) & 1 == 1, rows.contains(*id), "{id}");
        }
    }

    #[test]
    fn bits_are_those_of_the_set_whatever_its_containers_are() {
        let scattered = (0..3000u64).map(|i| i * i % 200_003);
        let dense = (300_000..330_000u64).filter(|id| id % 3 > 0);
        let runs = (500_000..600_000u64).chain(700_001..700_010);
        let far = (0..20_000u64).map(|i| (1 << 33) + i * 5);
        let ids: Vec<u64> = (0..720_000).step_by(7).chain((1 << 33)..(1 << 33) + 999).collect();
        let sets: [RoaringTreemap; 5] = [
            scattered.clone().collect(),
            scattered.clone().chain(dense.clone()).collect(),
            runs.clone().collect(),
            scattered.chain(dense).chain(runs).chain(far).collect(),
            RoaringTreemap::new(),
        ];
        for mut set in sets {
            check(&set, &ids);
            set.optimize();
            check(&set, &ids);
        }
    }

    #[test]
    fn the_portable_form_is_read_and_nothing_else_is() {
        let mut set: RoaringBitmap = (0..100_000).filter(|id| id % 5 > 0).collect();
        set.insert_range(200_000..300_000);
        for set in [set.clone(), {
            set.optimize();
            set
        }] {
            let mut bytes = Vec::new();
            set.serialize_into(&mut bytes).unwrap();
            let words = parse(&bytes).unwrap();
            assert_eq!(words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>(), set.len());
            assert!(set.iter().all(|id| words[id as usize / 64] >> (id % 64) & 1 == 1));
            assert!(parse(&bytes[..bytes.len() - 1]).is_none() && parse(&[9; 20]).is_none());
        }
    }
}
