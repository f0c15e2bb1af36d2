//! What a scan means, without any special instructions.

use super::kernels::Kernels;
use super::layout::{ADDS_BYTES, BLOCK_ROWS, SCALES_BYTES, add, scale};
use super::table::Estimate;

pub(super) const KERNELS: Kernels = Kernels { name: "scalar", sum, estimate };

pub(super) fn sum(tables: &[u8], codes: &[u8], sums: &mut [u32; BLOCK_ROWS]) {
    let (tables, codes) = (tables.as_chunks::<32>().0, codes.as_chunks::<BLOCK_ROWS>().0);
    assert_eq!(tables.len(), codes.len(), "two tables for each pair of sub-vectors");
    sums.fill(0);
    for (pair, codes) in tables.iter().zip(codes) {
        for (sum, &code) in sums.iter_mut().zip(codes) {
            let (even, odd) = (pair[usize::from(code & 15)], pair[16 + usize::from(code >> 4)]);
            *sum += u32::from(even) + u32::from(odd);
        }
    }
}

/// The order of the operations is part of the meaning, as every kernel must give the same bits.
pub(super) fn estimate(
    estimate: &Estimate,
    sums: &[u32; BLOCK_ROWS],
    adds: &[u8; ADDS_BYTES],
    scales: &[u8; SCALES_BYTES],
    estimates: &mut [f32; BLOCK_ROWS],
) -> u64 {
    let mut below = 0;
    for row in 0..BLOCK_ROWS {
        let product = estimate.bias + estimate.step * sums[row] as f32;
        let found = (estimate.base + add(adds, row)) + (estimate.factor * scale(scales, row)) * product;
        estimates[row] = found;
        below |= u64::from(found < estimate.threshold) << row;
    }
    below
}
