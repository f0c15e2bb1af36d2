//! AVX-512: 64 rows at a time.
//!
//! Sums are kept as in the AVX2 kernels, in lanes of `even row + 256 * odd row` and of the odd row alone.

use std::arch::x86_64::*;

use super::kernels::{Kernels, SUB_VECTORS_PER_FOLD};
use super::layout::{ADDS_BYTES, BLOCK_ROWS, SCALES_BYTES};
use super::table::Estimate;
use crate::distance::prefetch;

/// The kernels, when this CPU has the instructions they use.
pub(super) fn kernels() -> Option<Kernels> {
    let detected = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    detected.then_some(Kernels {
        name: "avx512",
        // SAFETY: the features were detected.
        sum: |tables, codes, sums| unsafe { sum(tables, codes, sums) },
        // SAFETY: the features were detected.
        estimate: |estimate, sums, adds, scales, estimates| unsafe {
            self::estimate(estimate, sums, adds, scales, estimates)
        },
    })
}

#[target_feature(enable = "avx512f,avx512bw")]
fn sum(tables: &[u8], codes: &[u8], sums: &mut [u32; BLOCK_ROWS]) {
    let (tables, codes) = (tables.as_chunks::<32>().0, codes.as_chunks::<BLOCK_ROWS>().0);
    assert_eq!(tables.len(), codes.len(), "two tables for each pair of sub-vectors");
    let low_half = _mm512_set1_epi8(15);
    sums.fill(0);
    let folds = tables.chunks(SUB_VECTORS_PER_FOLD / 2).zip(codes.chunks(SUB_VECTORS_PER_FOLD / 2));
    for (tables, codes) in folds {
        let mut sums_16 = Sums16::zero();
        for (pair, codes) in tables.iter().zip(codes) {
            prefetch::ahead(codes);
            let codes = load(codes);
            let even_codes = _mm512_and_si512(codes, low_half);
            let odd_codes = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low_half);
            let (even, odd) = pair.split_first_chunk::<16>().expect("32 entries");
            let odd = odd.first_chunk::<16>().expect("32 entries");
            sums_16.add(_mm512_shuffle_epi8(table_16(even), even_codes));
            sums_16.add(_mm512_shuffle_epi8(table_16(odd), odd_codes));
        }
        fold(sums_16, sums);
    }
}

/// The 16-bit sums of 64 rows.
#[derive(Clone, Copy)]
struct Sums16 {
    /// Of even rows, and of odd rows 256 times.
    mixed: __m512i,
    odd: __m512i,
}

impl Sums16 {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn zero() -> Self {
        Self { mixed: _mm512_setzero_si512(), odd: _mm512_setzero_si512() }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn add(&mut self, entries: __m512i) {
        self.mixed = _mm512_add_epi16(self.mixed, entries);
        self.odd = _mm512_add_epi16(self.odd, _mm512_srli_epi16::<8>(entries));
    }
}

/// Adds 16-bit sums to the wide ones. Unpacking works within quarters of a register, so each half of the result
/// has two eights of rows from every sixteen.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn fold(sums_16: Sums16, sums: &mut [u32; BLOCK_ROWS]) {
    let even = _mm512_sub_epi16(sums_16.mixed, _mm512_slli_epi16::<8>(sums_16.odd));
    let first = _mm512_unpacklo_epi16(even, sums_16.odd);
    let second = _mm512_unpackhi_epi16(even, sums_16.odd);
    // Quarters of rows: `first` has 0-7, 16-23, 32-39 and 48-55, `second` the eights between.
    let low = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second);
    let high = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), second);
    let sixteens = [
        _mm512_castsi512_si256(low),
        _mm512_extracti64x4_epi64::<1>(low),
        _mm512_castsi512_si256(high),
        _mm512_extracti64x4_epi64::<1>(high),
    ];
    for (sixteen, sums) in sixteens.into_iter().zip(sums.as_chunks_mut::<16>().0) {
        let sums: *mut __m512i = sums.as_mut_ptr().cast();
        // SAFETY: `sums` points at sixteen sums; neither access needs alignment.
        unsafe {
            let total = _mm512_add_epi32(_mm512_loadu_si512(sums), _mm512_cvtepu16_epi32(sixteen));
            _mm512_storeu_si512(sums, total);
        }
    }
}

#[target_feature(enable = "avx512f")]
fn estimate(
    estimate: &Estimate,
    sums: &[u32; BLOCK_ROWS],
    adds: &[u8; ADDS_BYTES],
    scales: &[u8; SCALES_BYTES],
    estimates: &mut [f32; BLOCK_ROWS],
) -> u64 {
    let (base, factor) = (_mm512_set1_ps(estimate.base), _mm512_set1_ps(estimate.factor));
    let (bias, step) = (_mm512_set1_ps(estimate.bias), _mm512_set1_ps(estimate.step));
    let threshold = _mm512_set1_ps(estimate.threshold);
    let inputs =
        sums.as_chunks::<16>().0.iter().zip(adds.as_chunks::<64>().0).zip(scales.as_chunks::<32>().0);
    let mut below = 0;
    for (at, (((sums, adds), scales), estimates)) in inputs.zip(estimates.as_chunks_mut::<16>().0).enumerate()
    {
        // SAFETY: each pointer is to sixteen numbers of its width; no access needs alignment.
        unsafe {
            let sums = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums.as_ptr().cast()));
            let adds = _mm512_loadu_ps(adds.as_ptr().cast());
            let scales = _mm512_cvtph_ps(_mm256_loadu_si256(scales.as_ptr().cast()));
            let product = _mm512_add_ps(bias, _mm512_mul_ps(step, sums));
            let scaled = _mm512_mul_ps(_mm512_mul_ps(factor, scales), product);
            let found = _mm512_add_ps(_mm512_add_ps(base, adds), scaled);
            _mm512_storeu_ps(estimates.as_mut_ptr(), found);
            let mask = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(found, threshold);
            below |= u64::from(mask) << (16 * at);
        }
    }
    below
}

/// Sixteen table entries, in each quarter of a register.
#[inline]
#[target_feature(enable = "avx512f")]
fn table_16(entries: &[u8; 16]) -> __m512i {
    // SAFETY: `entries` is sixteen bytes; the load needs no alignment.
    unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(entries.as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: `bytes` is 64 bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
