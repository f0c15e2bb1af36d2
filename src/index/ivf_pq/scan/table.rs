//! A query's look-up table, and the scan of a block with it.

use super::kernels::{Kernels, kernels};
use super::layout::{BLOCK_ROWS, Block, BlockLayout, add, scale};
use super::quantised::Quantised;
use crate::distance::prefetch;

/// How many codewords share the upper half of their numbers, and how many such groups there are.
const SIDE: usize = 16;

/// How far, in standard deviations, a row's estimate by the upper halves of its codes may lie above the threshold
/// for the row to be looked at more closely. At three, one in 740 of the rows that lie just below the threshold is
/// lost, and practically none of those that are among the best; at two, Fashion-MNIST loses 3 neighbours in 1000.
const DEVIATIONS: f32 = 3.0;

/// The inner products of one query with every codeword, quantised to bytes.
#[derive(Debug, Clone)]
pub struct ScanTable {
    layout: BlockLayout,
    /// What every row meets: 16 entries for each sub-vector. For 8 bits, an entry is the mean of the 16
    /// codewords that share an upper half.
    sixteens: Quantised,
    /// For 8 bits: 256 entries for each sub-vector, for rows that may be below the threshold.
    whole: Option<Quantised>,
    doubt: Doubt,
}

/// What lower halves add to a row's sum of table values, learnt from the rows that were looked at before there
/// was a threshold.
#[derive(Debug, Clone, Copy, Default)]
struct Doubt {
    rows: f32,
    sum: f32,
    squares: f32,
}

impl Doubt {
    fn learn(&mut self, difference: f32) {
        self.rows += 1.0;
        self.sum += difference;
        self.squares += difference * difference;
    }

    /// What to add to a sum by upper halves so that it is rarely less than the sum by whole codes.
    fn allowance(&self) -> f32 {
        let rows = self.rows.max(1.0);
        let mean = self.sum / rows;
        mean + DEVIATIONS * (self.squares / rows - mean * mean).max(0.0).sqrt()
    }
}

/// What turns the sum of a row's table entries into its estimate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    pub base: f32,
    pub factor: f32,
    pub bias: f32,
    pub step: f32,
    pub threshold: f32,
}

impl ScanTable {
    /// A table from `values`: sub-vectors x codewords inner products `<q_m, codeword_mj>`.
    ///
    /// If any value is infinite or NaN, every estimate is NaN and no row passes.
    ///
    /// # Panics
    /// If `values` has another shape.
    pub fn new(layout: BlockLayout, values: &[f32]) -> ScanTable {
        let codewords = layout.codewords();
        assert_eq!(values.len(), layout.sub_vectors * codewords, "sub-vectors x codewords");
        if layout.bits == 4 {
            let sixteens = Quantised::new(values, codewords);
            return ScanTable { layout, sixteens, whole: None, doubt: Doubt::default() };
        }
        let groups = values.as_chunks::<SIDE>().0.iter();
        let means: Vec<f32> = groups.map(|group| group.iter().sum::<f32>() / SIDE as f32).collect();
        let (sixteens, whole) = (Quantised::new(&means, SIDE), Quantised::new(values, codewords));
        ScanTable { layout, sixteens, whole: Some(whole), doubt: Doubt::default() }
    }

    /// Estimates the distances of the rows of a block:
    ///
    /// ```text
    /// estimate = base + add + factor * scale * (sum of the row's table values)
    /// ```
    ///
    /// `factor` is negative: -2 for l2. `lower` holds the lower halves of the codes of the block's rows, nothing
    /// for 4 bits. Bit `i` of the answer says that row `i` is below `threshold`, and that its estimate was
    /// written to `estimates`; what is written for other rows means nothing. NaN is not below anything, nor are
    /// the unused rows of the last block.
    ///
    /// For 8 bits, rows are first judged by the upper halves of their codes, with an allowance learnt from the
    /// rows that were scanned while the threshold was infinite: scans of one query start with such a threshold.
    /// Later, a row that is barely below the threshold may be passed over.
    ///
    /// # Panics
    /// If `block` is not [`BlockLayout::bytes`] long, or `lower` lacks a row.
    #[inline]
    pub fn scan(
        &mut self,
        block: &[u8],
        lower: &[u8],
        base: f32,
        factor: f32,
        threshold: f32,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        self.scan_some(block, lower, u64::MAX, base, factor, threshold, estimates)
    }

    /// As [`ScanTable::scan`], of those rows only whose bits are set in `wanted`.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "as `scan`, for some rows")]
    pub fn scan_some(
        &mut self,
        block: &[u8],
        lower: &[u8],
        wanted: u64,
        base: f32,
        factor: f32,
        threshold: f32,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        self.scan_with(kernels(), block, lower, wanted, base, factor, threshold, estimates)
    }

    #[inline]
    #[expect(clippy::too_many_arguments, reason = "as `scan_some`, for any kernels")]
    pub(super) fn scan_with(
        &mut self,
        kernels: &Kernels,
        block: &[u8],
        lower: &[u8],
        wanted: u64,
        base: f32,
        factor: f32,
        threshold: f32,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        let block = self.layout.parts(block);
        let mut sums = [0; BLOCK_ROWS];
        let tables = &self.sixteens.bytes()[..self.layout.sub_vectors.next_multiple_of(2) * SIDE];
        (kernels.sum)(tables, block.codes, &mut sums);
        prefetch::ahead(block.adds);
        prefetch::ahead(block.scales);
        let Quantised { bias, step, .. } = self.sixteens;
        let estimate = Estimate { base, factor, bias: bias + self.doubt.allowance(), step, threshold };
        let below = wanted & (kernels.estimate)(&estimate, &sums, block.adds, block.scales, estimates);
        let Some(whole) = &self.whole else { return below };
        let lower_bytes = self.layout.lower_bytes();
        let lower = |row: usize| &lower[row * lower_bytes..][..lower_bytes];
        let mut passed = 0;
        for row in rows(below) {
            let product = product(whole, block, lower(row), row);
            if threshold == f32::INFINITY {
                self.doubt.learn(product - (bias + step * sums[row] as f32));
            }
            estimates[row] = (base + add(block.adds, row)) + (factor * scale(block.scales, row)) * product;
            passed |= u64::from(estimates[row] < threshold) << row;
        }
        passed
    }

    /// The largest error that quantisation to bytes can cause in a row's sum of table values.
    pub fn error_max(&self) -> f32 {
        0.5 * self.whole.as_ref().unwrap_or(&self.sixteens).step * self.layout.sub_vectors as f32
    }
}

/// The numbers of the bits that are set.
fn rows(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let row = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (row < BLOCK_ROWS).then_some(row)
    })
}

/// The sum of the table values of a row's codes of 8 bits.
#[inline]
fn product(whole: &Quantised, block: Block<'_>, lower: &[u8], row: usize) -> f32 {
    let upper = block.codes.as_chunks::<BLOCK_ROWS>().0;
    let pairs = whole.bytes().as_chunks::<512>().0.iter().zip(upper).zip(lower);
    let mut sum = 0;
    for ((tables, upper), &lower) in pairs {
        let upper = upper[row];
        let (even, odd) = (upper << 4 | lower & 0x0F, upper & 0xF0 | lower >> 4);
        sum += u32::from(tables[usize::from(even)]) + u32::from(tables[256 + usize::from(odd)]);
    }
    whole.bias + whole.step * sum as f32
}
