//! AVX2: tables of sixteen bytes in registers, read by shuffles, 32 rows at a time.
//!
//! A register of 32 looked-up bytes is added twice to 16-bit sums: whole, so that each lane gathers
//! `even row + 256 * odd row`, and shifted, so that it gathers the odd row alone. Once a fold the first is put
//! right by subtracting the second; all of it is exact modulo 2^16, and no sum of a fold exceeds that.

use std::arch::x86_64::*;

use super::kernels::{Kernels, SUB_VECTORS_PER_FOLD};
use super::layout::{ADDS_BYTES, BLOCK_ROWS, SCALES_BYTES};
use super::table::Estimate;
use crate::distance::prefetch;

/// The kernels, when this CPU has the instructions they use.
pub(super) fn kernels() -> Option<Kernels> {
    let detected = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c");
    detected.then_some(Kernels {
        name: "avx2",
        // SAFETY: the features were detected.
        sum: |tables, codes, sums| unsafe { sum(tables, codes, sums) },
        // SAFETY: as above.
        estimate: |estimate, sums, adds, scales, estimates| unsafe {
            self::estimate(estimate, sums, adds, scales, estimates)
        },
    })
}

#[target_feature(enable = "avx2")]
fn sum(tables: &[u8], codes: &[u8], sums: &mut [u32; BLOCK_ROWS]) {
    let (tables, codes) = (tables.as_chunks::<32>().0, codes.as_chunks::<BLOCK_ROWS>().0);
    assert_eq!(tables.len(), codes.len(), "two tables for each pair of sub-vectors");
    sums.fill(0);
    let folds = tables.chunks(SUB_VECTORS_PER_FOLD / 2).zip(codes.chunks(SUB_VECTORS_PER_FOLD / 2));
    for (tables, codes) in folds {
        let mut halves = [Sums16::zero(); 2];
        for (pair, codes) in tables.iter().zip(codes) {
            prefetch::ahead(codes);
            let [even, odd] = [table(pair, 0), table(pair, 16)];
            for (half, codes) in halves.iter_mut().zip(codes.as_chunks().0) {
                let codes = load(codes);
                half.add(_mm256_shuffle_epi8(even, low_half(codes)));
                half.add(_mm256_shuffle_epi8(odd, low_half(_mm256_srli_epi16::<4>(codes))));
            }
        }
        fold(&halves, sums);
    }
}

/// The 16-bit sums of 32 rows.
#[derive(Clone, Copy)]
struct Sums16 {
    /// Of even rows, and of odd rows 256 times.
    mixed: __m256i,
    odd: __m256i,
}

impl Sums16 {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn zero() -> Self {
        Self { mixed: _mm256_setzero_si256(), odd: _mm256_setzero_si256() }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(&mut self, entries: __m256i) {
        self.mixed = _mm256_add_epi16(self.mixed, entries);
        self.odd = _mm256_add_epi16(self.odd, _mm256_srli_epi16::<8>(entries));
    }

    /// The sums of rows 0 to 7 and 16 to 23, and of rows 8 to 15 and 24 to 31.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn in_row_order(self) -> [__m256i; 2] {
        let even = _mm256_sub_epi16(self.mixed, _mm256_slli_epi16::<8>(self.odd));
        [_mm256_unpacklo_epi16(even, self.odd), _mm256_unpackhi_epi16(even, self.odd)]
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn fold(halves: &[Sums16; 2], sums: &mut [u32; BLOCK_ROWS]) {
    for (half, sums) in halves.iter().zip(sums.as_chunks_mut::<32>().0) {
        let [first, second] = half.in_row_order();
        let eights = [
            _mm256_castsi256_si128(first),
            _mm256_castsi256_si128(second),
            _mm256_extracti128_si256::<1>(first),
            _mm256_extracti128_si256::<1>(second),
        ];
        for (eight, sums) in eights.into_iter().zip(sums.as_chunks_mut::<8>().0) {
            let sums: *mut __m256i = sums.as_mut_ptr().cast();
            // SAFETY: `sums` points at eight sums; neither access needs alignment.
            unsafe {
                let total = _mm256_add_epi32(_mm256_loadu_si256(sums), _mm256_cvtepu16_epi32(eight));
                _mm256_storeu_si256(sums, total);
            }
        }
    }
}

#[target_feature(enable = "avx2,f16c")]
fn estimate(
    estimate: &Estimate,
    sums: &[u32; BLOCK_ROWS],
    adds: &[u8; ADDS_BYTES],
    scales: &[u8; SCALES_BYTES],
    estimates: &mut [f32; BLOCK_ROWS],
) -> u64 {
    let (base, factor) = (_mm256_set1_ps(estimate.base), _mm256_set1_ps(estimate.factor));
    let (bias, step) = (_mm256_set1_ps(estimate.bias), _mm256_set1_ps(estimate.step));
    let threshold = _mm256_set1_ps(estimate.threshold);
    let inputs = sums.as_chunks::<8>().0.iter().zip(adds.as_chunks::<32>().0).zip(scales.as_chunks::<16>().0);
    let mut below = 0;
    for (at, (((sums, adds), scales), estimates)) in inputs.zip(estimates.as_chunks_mut::<8>().0).enumerate()
    {
        // SAFETY: each pointer is to eight numbers of its width; no access needs alignment.
        unsafe {
            let sums = _mm256_cvtepi32_ps(_mm256_loadu_si256(sums.as_ptr().cast()));
            let adds = _mm256_loadu_ps(adds.as_ptr().cast());
            let scales = _mm256_cvtph_ps(_mm_loadu_si128(scales.as_ptr().cast()));
            let product = _mm256_add_ps(bias, _mm256_mul_ps(step, sums));
            let scaled = _mm256_mul_ps(_mm256_mul_ps(factor, scales), product);
            let found = _mm256_add_ps(_mm256_add_ps(base, adds), scaled);
            _mm256_storeu_ps(estimates.as_mut_ptr(), found);
            let mask = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(found, threshold));
            below |= u64::from(mask as u8) << (8 * at);
        }
    }
    below
}

/// Sixteen table entries from `at` on, in both halves of a register.
#[inline]
#[target_feature(enable = "avx2")]
fn table(entries: &[u8], at: usize) -> __m256i {
    let entries: &[u8; 16] = entries[at..].first_chunk().expect("sixteen entries");
    // SAFETY: `entries` is sixteen bytes; the load needs no alignment.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(entries.as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(codes: &[u8; 32]) -> __m256i {
    // SAFETY: `codes` is 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn low_half(bytes: __m256i) -> __m256i {
    _mm256_and_si256(bytes, _mm256_set1_epi8(15))
}
