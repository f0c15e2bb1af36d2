//! AVX2 with FMA and F16C: eight floats or four doubles at a time.

use std::arch::x86_64::*;

use half::f16;

use super::kernels::Kernels;
use super::lanes::{Lanes, Load, kernels_with_features};
use super::scalar;

/// The kernels, when this CPU has the instructions they use.
pub(super) fn kernels() -> Option<Kernels> {
    let detected = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("popcnt");
    // SAFETY: the features were detected.
    detected.then(|| unsafe {
        Kernels {
            name: "avx2",
            f16: element_kernels::<F32x8, f16>(),
            f32: element_kernels::<F32x8, f32>(),
            f32_unaligned: element_kernels::<F32x8, f32>(),
            f64: element_kernels::<F64x4, f64>(),
            u8: element_kernels::<F32x8, u8>(),
            i8: element_kernels::<F32x8, i8>(),
            hamming: |query, rows, out| hamming(query, rows, out),
            dot: |a, b| match a.len() < F32x8::COUNT {
                true => (scalar::KERNELS.dot)(a, b),
                false => inner_product::<F32x8>(a, b),
            },
        }
    })
}

kernels_with_features!("avx2,fma,f16c");

/// Counts bits by the word; the instruction is as fast as the vector detours around it.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn hamming(query: &[u8], rows: &[u8], out: &mut [f32]) {
    scalar::hamming(query, rows, out);
}

#[derive(Clone, Copy)]
struct F32x8(__m256);

impl Lanes for F32x8 {
    type Scalar = f32;
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller has FMA.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn keep_last(self, count: usize) -> Self {
        /// Eight lanes from `count` on are `8 - count` zeros and `count` ones.
        const KEEP: [i32; 16] = [0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1];
        let keep = &KEEP[count..count + 8];
        // SAFETY: the caller has AVX2; `keep` is eight lanes.
        unsafe { Self(_mm256_and_ps(self.0, _mm256_loadu_ps(keep.as_ptr().cast()))) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller has AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

impl Load<f32> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        // SAFETY: the caller has AVX2 and eight values to read.
        unsafe { Self(_mm256_loadu_ps(values)) }
    }
}

impl Load<f16> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const f16) -> Self {
        // SAFETY: the caller has F16C and eight values, 16 bytes, to read.
        unsafe { Self(_mm256_cvtph_ps(_mm_loadu_si128(values.cast()))) }
    }
}

impl Load<u8> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const u8) -> Self {
        // SAFETY: the caller has AVX2 and eight values, 8 bytes, to read.
        unsafe { Self(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(values.cast())))) }
    }
}

impl Load<i8> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const i8) -> Self {
        // SAFETY: the caller has AVX2 and eight values, 8 bytes, to read.
        unsafe { Self(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(values.cast())))) }
    }
}

#[derive(Clone, Copy)]
struct F64x4(__m256d);

impl Lanes for F64x4 {
    type Scalar = f64;
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_setzero_pd()) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_add_pd(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_sub_pd(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller has FMA.
        unsafe { Self(_mm256_fmadd_pd(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn keep_last(self, count: usize) -> Self {
        /// Four lanes from `count` on are `4 - count` zeros and `count` ones.
        const KEEP: [i64; 8] = [0, 0, 0, 0, -1, -1, -1, -1];
        let keep = &KEEP[count..count + 4];
        // SAFETY: the caller has AVX2; `keep` is four lanes.
        unsafe { Self(_mm256_and_pd(self.0, _mm256_loadu_pd(keep.as_ptr().cast()))) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: the caller has AVX2.
        unsafe {
            let two = _mm_add_pd(_mm256_castpd256_pd128(self.0), _mm256_extractf128_pd::<1>(self.0));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
}

impl Load<f64> for F64x4 {
    #[inline(always)]
    unsafe fn load(values: *const f64) -> Self {
        // SAFETY: the caller has AVX2 and four values to read.
        unsafe { Self(_mm256_loadu_pd(values)) }
    }
}
