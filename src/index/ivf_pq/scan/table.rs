//! A query's look-up table, and the scan of a block with it.

use super::kernels::{Kernels, kernels};
use super::layout::{BLOCK_ROWS, BlockLayout};
use super::prefetch;

/// The inner products of one query with every codeword, quantised to bytes: `value ~ minimum of its
/// sub-vector + step * byte`, with one step for all sub-vectors, so that the bytes of a row can be summed
/// before anything is multiplied.
#[derive(Debug, Clone)]
pub struct ScanTable {
    layout: BlockLayout,
    /// Sub-vectors x codewords, in cache lines. For 4 bits, an odd number of sub-vectors is made even by one
    /// of zeros.
    lines: Vec<Line>,
    /// The sum of the sub-vectors' minimums.
    bias: f32,
    step: f32,
}

/// A cache line: table loads that straddle two of them cost twice.
#[derive(Debug, Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

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

        let ranges: Vec<(f32, f32)> = values.chunks_exact(codewords).map(range).collect();
        let widest = ranges.iter().fold(0.0, |widest: f32, (min, max)| widest.max(max - min));
        let step = widest / f32::from(u8::MAX);
        let bias = match values.iter().all(|value| value.is_finite()) && widest.is_finite() {
            true => ranges.iter().map(|(min, _)| min).sum(),
            false => f32::NAN,
        };

        // Where all values of each sub-vector are equal, all bytes are zero: `0 * inf` rounds to zero.
        let inverse_step = 1.0 / step;
        let mut lines = vec![Line([0; 64]); table_bytes(layout).div_ceil(size_of::<Line>())];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut lines);
        for (sub_vector, &(min, _)) in ranges.iter().enumerate() {
            let of_sub_vector = sub_vector * codewords..(sub_vector + 1) * codewords;
            for (byte, value) in bytes[of_sub_vector.clone()].iter_mut().zip(&values[of_sub_vector]) {
                *byte = ((value - min) * inverse_step).round() as u8;
            }
        }
        ScanTable { layout, lines, bias, step }
    }

    /// Estimates the distance of each row of a block:
    ///
    /// ```text
    /// estimate = base + add + factor * scale * (sum of the row's table values)
    /// ```
    ///
    /// `factor` is -2 for l2, and -1 for dot and cosine. Bit `i` of the answer says that row `i` is below
    /// `threshold`; NaN is not, nor are the unused rows of the last block. `estimates` is written for all
    /// rows.
    ///
    /// # Panics
    /// If `block` is not [`BlockLayout::bytes`] long.
    #[inline]
    pub fn scan(
        &self,
        block: &[u8],
        base: f32,
        factor: f32,
        threshold: f32,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        self.scan_with(kernels(), block, base, factor, threshold, estimates)
    }

    #[inline]
    pub(super) fn scan_with(
        &self,
        kernels: &Kernels,
        block: &[u8],
        base: f32,
        factor: f32,
        threshold: f32,
        estimates: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        let block = self.layout.parts(block);
        let mut sums = [0; BLOCK_ROWS];
        match self.layout.bits {
            4 => (kernels.sum_4_bits)(self.bytes(), block.codes, &mut sums),
            _ => (kernels.sum_8_bits)(self.bytes(), block.codes, &mut sums),
        }
        prefetch::ahead(block.adds);
        prefetch::ahead(block.scales);
        let estimate = Estimate { base, factor, bias: self.bias, step: self.step, threshold };
        (kernels.estimate)(&estimate, &sums, block.adds, block.scales, estimates)
    }

    /// The largest error that quantisation to bytes can cause in a row's sum of table values.
    pub fn error_max(&self) -> f32 {
        0.5 * self.step * self.layout.sub_vectors as f32
    }

    fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..table_bytes(self.layout)]
    }
}

fn table_bytes(layout: BlockLayout) -> usize {
    match layout.bits {
        4 => layout.sub_vectors.next_multiple_of(2) * layout.codewords(),
        _ => layout.sub_vectors * layout.codewords(),
    }
}

fn range(values: &[f32]) -> (f32, f32) {
    values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &value| (min.min(value), max.max(value)))
}
