//! NEON: tables of sixteen bytes in registers, sixteen rows at a time.

use std::arch::aarch64::*;
use std::arch::asm;

use super::kernels::{Kernels, SUB_VECTORS_PER_FOLD};
use super::layout::{ADDS_BYTES, BLOCK_ROWS, SCALES_BYTES};
use super::table::Estimate;
use crate::distance::prefetch;

/// The kernels. Every 64-bit ARM CPU has NEON, so nothing is detected.
pub(super) fn kernels() -> Option<Kernels> {
    Some(Kernels {
        name: "neon",
        // SAFETY: every 64-bit ARM CPU has NEON.
        sum: |tables, codes, sums| unsafe { sum(tables, codes, sums) },
        // SAFETY: as above.
        estimate: |estimate, sums, adds, scales, estimates| unsafe {
            self::estimate(estimate, sums, adds, scales, estimates)
        },
    })
}

#[target_feature(enable = "neon")]
fn sum(tables: &[u8], codes: &[u8], sums: &mut [u32; BLOCK_ROWS]) {
    let (tables, codes) = (tables.as_chunks::<32>().0, codes.as_chunks::<BLOCK_ROWS>().0);
    assert_eq!(tables.len(), codes.len(), "two tables for each pair of sub-vectors");
    sums.fill(0);
    let folds = tables.chunks(SUB_VECTORS_PER_FOLD / 2).zip(codes.chunks(SUB_VECTORS_PER_FOLD / 2));
    for (tables, codes) in folds {
        let mut quarters = [Sums16::zero(); 4];
        for (pair, codes) in tables.iter().zip(codes) {
            prefetch::ahead(codes);
            let [even, odd] = [load(pair, 0), load(pair, 16)];
            for (at, quarter) in quarters.iter_mut().enumerate() {
                let codes = load(codes, 16 * at);
                quarter.add(vqtbl1q_u8(even, vandq_u8(codes, vdupq_n_u8(15))));
                quarter.add(vqtbl1q_u8(odd, vshrq_n_u8::<4>(codes)));
            }
        }
        fold(&quarters, sums);
    }
}

/// The 16-bit sums of sixteen rows.
#[derive(Clone, Copy)]
struct Sums16(uint16x8_t, uint16x8_t);

impl Sums16 {
    #[inline]
    #[target_feature(enable = "neon")]
    fn zero() -> Self {
        Self(vdupq_n_u16(0), vdupq_n_u16(0))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn add(&mut self, entries: uint8x16_t) {
        self.0 = vaddw_u8(self.0, vget_low_u8(entries));
        self.1 = vaddw_high_u8(self.1, entries);
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn fold(quarters: &[Sums16; 4], sums: &mut [u32; BLOCK_ROWS]) {
    for (quarter, sums) in quarters.iter().zip(sums.as_chunks_mut::<16>().0) {
        for (eight, sums) in [quarter.0, quarter.1].into_iter().zip(sums.as_chunks_mut::<8>().0) {
            let sums = sums.as_mut_ptr();
            // SAFETY: `sums` points at eight sums.
            unsafe {
                vst1q_u32(sums, vaddw_u16(vld1q_u32(sums), vget_low_u16(eight)));
                vst1q_u32(sums.add(4), vaddw_high_u16(vld1q_u32(sums.add(4)), eight));
            }
        }
    }
}

#[target_feature(enable = "neon")]
fn estimate(
    estimate: &Estimate,
    sums: &[u32; BLOCK_ROWS],
    adds: &[u8; ADDS_BYTES],
    scales: &[u8; SCALES_BYTES],
    estimates: &mut [f32; BLOCK_ROWS],
) -> u64 {
    let (base, factor) = (vdupq_n_f32(estimate.base), vdupq_n_f32(estimate.factor));
    let (bias, step) = (vdupq_n_f32(estimate.bias), vdupq_n_f32(estimate.step));
    let threshold = vdupq_n_f32(estimate.threshold);
    let inputs = sums.as_chunks::<4>().0.iter().zip(adds.as_chunks::<16>().0).zip(scales.as_chunks::<8>().0);
    let mut below = 0;
    for (at, (((sums, adds), scales), estimates)) in inputs.zip(estimates.as_chunks_mut::<4>().0).enumerate()
    {
        // SAFETY: each pointer is to four numbers of its width.
        unsafe {
            let sums = vcvtq_f32_u32(vld1q_u32(sums.as_ptr()));
            let adds = vreinterpretq_f32_u8(vld1q_u8(adds.as_ptr()));
            let scales = widen(vreinterpret_u16_u8(vld1_u8(scales.as_ptr())));
            let product = vaddq_f32(bias, vmulq_f32(step, sums));
            let scaled = vmulq_f32(vmulq_f32(factor, scales), product);
            let found = vaddq_f32(vaddq_f32(base, adds), scaled);
            vst1q_f32(estimates.as_mut_ptr(), found);
            let bits = vandq_u32(vcltq_f32(found, threshold), vld1q_u32([1, 2, 4, 8].as_ptr()));
            below |= u64::from(vaddvq_u32(bits)) << (4 * at);
        }
    }
    below
}

/// Four half precision floats in single precision.
#[inline]
#[target_feature(enable = "neon")]
fn widen(halves: uint16x4_t) -> float32x4_t {
    let wide: float32x4_t;
    // SAFETY: the instruction reads and writes the named registers and nothing else; every 64-bit ARM CPU has
    // it. It is in assembly because its intrinsic is newer than the oldest compiler we support.
    unsafe {
        asm!("fcvtl {0:v}.4s, {1:v}.4h", out(vreg) wide, in(vreg) halves, options(pure, nomem, nostack));
    }
    wide
}

/// Sixteen bytes from `at` on.
#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8], at: usize) -> uint8x16_t {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().expect("sixteen bytes");
    // SAFETY: `bytes` is sixteen bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
