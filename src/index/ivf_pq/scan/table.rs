//! A query's look-up table, and the scan of a block with it.

use super::kernels::{Kernels, kernels};
use super::layout::{BLOCK_ROWS, Block, BlockLayout, add, scale};
use super::prefetch;
use super::quantised::Quantised;

/// How many codewords share the upper half of their numbers, and how many such groups there are.
const SIDE: usize = 16;

/// How far, in standard deviations, a row's estimate by the upper halves of its codes may lie above the threshold
/// for the row to be looked at more closely. At three, one in 740 of the rows that lie just below the threshold
/// is lost, and practically none of those that are among the best.
const DEVIATIONS: f32 = 3.0;

/// The inner products of one query with every codeword, quantised to bytes.
#[derive(Debug, Clone)]
pub struct ScanTable {
    layout: BlockLayout,
    /// What every row meets: 16 entries for each sub-vector. For 8 bits, an entry is the mean of the 16
    /// codewords that share an upper half, and the bias is too favourable by what the lower halves may add.
    sixteens: Quantised,
    /// For 8 bits: 256 entries for each sub-vector, for rows that may be below the threshold.
    whole: Option<Quantised>,
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
            return ScanTable { layout, sixteens: Quantised::new(values, codewords), whole: None };
        }
        let (means, variance) = upper_halves(values);
        let mut sixteens = Quantised::new(&means, SIDE);
        sixteens.bias += DEVIATIONS * variance.sqrt();
        ScanTable { layout, sixteens, whole: Some(Quantised::new(values, codewords)) }
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
    /// For 8 bits, rows are first judged by the upper halves of their codes. If the threshold is finite, a row
    /// that is barely below it may be passed over.
    ///
    /// # Panics
    /// If `block` is not [`BlockLayout::bytes`] long, or `lower` lacks a row.
    #[inline]
    pub fn scan(
        &self,
        block: &[u8],
        lower: &[u8],
        base: f32,
        factor: f32,
        threshold: f32,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        self.scan_with(kernels(), block, lower, base, factor, threshold, estimates)
    }

    #[inline]
    #[expect(clippy::too_many_arguments, reason = "as `scan`, for any kernels")]
    pub(super) fn scan_with(
        &self,
        kernels: &Kernels,
        block: &[u8],
        lower: &[u8],
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
        let estimate = Estimate { base, factor, bias, step, threshold };
        let below = (kernels.estimate)(&estimate, &sums, block.adds, block.scales, estimates);
        match &self.whole {
            None => below,
            Some(whole) => {
                let estimate = Estimate { bias: whole.bias, step: whole.step, ..estimate };
                self.look_closer(whole, &estimate, block, lower, below, estimates)
            }
        }
    }

    /// Estimates by whole codes the rows whose bits are set in `rows`; returns which of them are below.
    #[inline]
    fn look_closer(
        &self,
        whole: &Quantised,
        estimate: &Estimate,
        block: Block<'_>,
        lower: &[u8],
        mut rows: u64,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        let lower_bytes = self.layout.lower_bytes();
        let mut below = 0;
        while rows != 0 {
            let row = rows.trailing_zeros() as usize;
            rows &= rows - 1;
            let lower = &lower[row * lower_bytes..][..lower_bytes];
            let product = estimate.bias + estimate.step * sum_whole(whole, block.codes, lower, row) as f32;
            let scaled = (estimate.factor * scale(block.scales, row)) * product;
            estimates[row] = (estimate.base + add(block.adds, row)) + scaled;
            below |= u64::from(estimates[row] < estimate.threshold) << row;
        }
        below
    }

    /// The largest error that quantisation to bytes can cause in a row's sum of table values.
    pub fn error_max(&self) -> f32 {
        0.5 * self.whole.as_ref().unwrap_or(&self.sixteens).step * self.layout.sub_vectors as f32
    }
}

/// The sum of the entries of a row's codes of 8 bits.
#[inline]
fn sum_whole(whole: &Quantised, upper: &[u8], lower: &[u8], row: usize) -> u32 {
    let pairs = whole.bytes().as_chunks::<512>().0.iter().zip(upper.as_chunks::<BLOCK_ROWS>().0).zip(lower);
    let mut sum = 0;
    for ((tables, upper), &lower) in pairs {
        let upper = upper[row];
        let (even, odd) = (upper << 4 | lower & 0x0F, upper & 0xF0 | lower >> 4);
        sum += u32::from(tables[usize::from(even)]) + u32::from(tables[256 + usize::from(odd)]);
    }
    sum
}

/// The mean value of each group of codewords that share an upper half, and the variance, summed over
/// sub-vectors, of values within their groups.
fn upper_halves(values: &[f32]) -> (Vec<f32>, f32) {
    let groups = values.as_chunks::<SIDE>().0;
    let mut means = Vec::with_capacity(groups.len());
    let mut squares = 0.0;
    for group in groups {
        let mean = group.iter().sum::<f32>() / SIDE as f32;
        squares += group.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>();
        means.push(mean);
    }
    (means, squares / (SIDE * SIDE) as f32)
}
