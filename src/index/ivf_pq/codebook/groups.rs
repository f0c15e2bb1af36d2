//! Numbering codewords so that the upper half of a code means something.
//!
//! The 256 codewords of a sub-vector are put into 16 groups of 16 that lie close together; a code's upper
//! half is its group. A scan can then judge a row by the upper halves alone, with tables of 16 entries that
//! fit registers, and look at the lower ones only where that leaves a doubt (derived codebooks: André,
//! Kermarrec, Le Scouarnec, *Derived codebooks for high-speed nearest neighbor search*, 2019).

use std::cmp::Ordering;

/// Codewords of a group, and groups.
const SIDE: usize = 16;

/// Rounds in which words change groups. Later ones gain less than one part in a hundred.
const ROUNDS: usize = 4;

/// Reorders 256 codewords of `width` values so that each 16 in a row are near one another.
pub(super) fn arrange(codewords: &[f32], width: usize) -> Vec<f32> {
    assert_eq!(codewords.len(), SIDE * SIDE * width, "256 codewords");
    let mut order: Vec<usize> = (0..SIDE * SIDE).collect();
    halve(codewords, width, &mut order);
    for _ in 0..ROUNDS {
        order = regroup(codewords, width, &order);
    }
    order.into_iter().flat_map(|word| &codewords[word * width..][..width]).copied().collect()
}

/// Splits words at the median of their widest dimension, again and again, down to whole groups.
fn halve(codewords: &[f32], width: usize, order: &mut [usize]) {
    if order.len() == SIDE {
        return;
    }
    let value = |word: usize, d: usize| codewords[word * width + d];
    let spread = |d: usize| {
        let mean = order.iter().map(|&word| value(word, d)).sum::<f32>() / order.len() as f32;
        order.iter().map(|&word| (value(word, d) - mean).powi(2)).sum::<f32>()
    };
    let spreads: Vec<f32> = (0..width).map(spread).collect();
    let widest = (0..width).fold(0, |widest, d| if spreads[d] > spreads[widest] { d } else { widest });
    let half = order.len() / 2;
    order
        .select_nth_unstable_by(half, |&a, &b| value(a, widest).total_cmp(&value(b, widest)).then(a.cmp(&b)));
    let (lower, upper) = order.split_at_mut(half);
    halve(codewords, width, lower);
    halve(codewords, width, upper);
}

/// Moves words to the groups whose means are nearest, the nearest pairs first, while groups have room.
fn regroup(codewords: &[f32], width: usize, order: &[usize]) -> Vec<usize> {
    let means: Vec<f32> = order.chunks_exact(SIDE).flat_map(|group| mean(codewords, width, group)).collect();
    let mut pairs: Vec<(f32, u8, u8)> = Vec::with_capacity(order.len() * SIDE);
    for (word, values) in codewords.chunks_exact(width).enumerate() {
        for (group, mean) in means.chunks_exact(width).enumerate() {
            let distance = values.iter().zip(mean).map(|(a, b)| (a - b) * (a - b)).sum();
            pairs.push((distance, word as u8, group as u8));
        }
    }
    pairs.sort_unstable_by(|a, b| match a.0.total_cmp(&b.0) {
        Ordering::Equal => (a.1, a.2).cmp(&(b.1, b.2)),
        unequal => unequal,
    });
    let mut groups: [Vec<usize>; SIDE] = Default::default();
    let mut placed = [false; SIDE * SIDE];
    for (_, word, group) in pairs {
        let (word, group) = (usize::from(word), &mut groups[usize::from(group)]);
        if !placed[word] && group.len() < SIDE {
            placed[word] = true;
            group.push(word);
        }
    }
    groups.concat()
}

fn mean(codewords: &[f32], width: usize, group: &[usize]) -> Vec<f32> {
    let sum = |d: usize| group.iter().map(|&word| codewords[word * width + d]).sum::<f32>();
    (0..width).map(|d| sum(d) / group.len() as f32).collect()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn words(width: usize) -> Vec<f32> {
        let mut rng = StdRng::seed_from_u64(5);
        (0..SIDE * SIDE * width).map(|_| rng.random::<f32>() - 0.5).collect()
    }

    /// The share of the words' spread that is left within groups.
    fn within(codewords: &[f32], width: usize) -> f32 {
        let spread = |words: &[f32]| {
            let all: Vec<usize> = (0..words.len() / width).collect();
            let mean = mean(words, width, &all);
            words
                .chunks(width)
                .flat_map(|word| word.iter().zip(&mean))
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f32>()
        };
        codewords.chunks(SIDE * width).map(spread).sum::<f32>() / spread(codewords)
    }

    #[test]
    fn words_are_only_reordered() {
        for width in [1, 2, 7] {
            let before = words(width);
            let after = arrange(&before, width);

            let sorted = |values: &[f32]| {
                let mut rows: Vec<Vec<u32>> = values
                    .chunks(width)
                    .map(|row| row.iter().map(|value| value.to_bits()).collect())
                    .collect();
                rows.sort();
                rows
            };
            assert_eq!(sorted(&after), sorted(&before));
        }
    }

    #[test]
    fn words_of_a_group_are_near_one_another() {
        for (width, share) in [(1, 0.02), (2, 0.1), (4, 0.35), (8, 0.6)] {
            let before = words(width);
            let after = within(&arrange(&before, width), width);

            assert!(after < share, "width {width}: {after} of the spread is within groups");
            assert!(within(&before, width) > 0.8);
        }
    }

    #[test]
    fn words_that_are_alike_or_no_numbers_are_fine() {
        assert_eq!(arrange(&[2.0; 512], 2), [2.0; 512]);
        assert_eq!(arrange(&[f32::NAN; 256], 1).len(), 256);
    }
}
