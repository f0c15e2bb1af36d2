//! AVX-512: sixteen floats or eight doubles at a time.

use std::arch::x86_64::*;

use half::f16;

use super::kernels::Kernels;
use super::lanes::{Lanes, Load, kernels_with_features};
use super::{avx2, scalar};

/// The kernels, when this CPU has the instructions they use.
pub(super) fn kernels() -> Option<Kernels> {
    let detected = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
    let below = detected.then(avx2::kernels)??;
    // SAFETY: the features were detected, those of the AVX2 kernels too.
    Some(unsafe {
        Kernels {
            name: "avx512",
            f16: element_kernels::<F32x16, f16>(),
            f32: element_kernels::<F32x16, f32>(),
            // From memory, loads of half a line reach 1.4 times the speed of whole lines that straddle two.
            f32_unaligned: below.f32,
            f64: element_kernels::<F64x8, f64>(),
            u8: element_kernels::<F32x16, u8>(),
            i8: element_kernels::<F32x16, i8>(),
            hamming: match is_x86_feature_detected!("avx512vpopcntdq") {
                // Up to a register of bytes, one word at a time is faster.
                true => |query, rows, out| match query.len() < 64 {
                    true => avx2::hamming(query, rows, out),
                    false => hamming(query, rows, out),
                },
                false => below.hamming,
            },
            dot: |a, b| match a.len() < F32x16::COUNT {
                true => (scalar::KERNELS.dot)(a, b),
                false => inner_product::<F32x16>(a, b),
            },
        }
    })
}

kernels_with_features!("avx512f,avx512dq");

/// Counts the bits of eight words at once.
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn hamming(query: &[u8], rows: &[u8], out: &mut [f32]) {
    scalar::hamming(query, rows, out);
}

#[derive(Clone, Copy)]
struct F32x16(__m512);

impl Lanes for F32x16 {
    type Scalar = f32;
    const COUNT: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn keep_last(self, count: usize) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_maskz_mov_ps(u16::MAX << (16 - count), self.0)) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller has AVX-512.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
}

impl Load<f32> for F32x16 {
    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        // SAFETY: the caller has AVX-512 and sixteen values to read.
        unsafe { Self(_mm512_loadu_ps(values)) }
    }
}

impl Load<f16> for F32x16 {
    #[inline(always)]
    unsafe fn load(values: *const f16) -> Self {
        // SAFETY: the caller has AVX-512 and sixteen values, 32 bytes, to read.
        unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(values.cast()))) }
    }
}

impl Load<u8> for F32x16 {
    #[inline(always)]
    unsafe fn load(values: *const u8) -> Self {
        // SAFETY: the caller has AVX-512 and sixteen values, 16 bytes, to read.
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(values.cast())))) }
    }
}

impl Load<i8> for F32x16 {
    #[inline(always)]
    unsafe fn load(values: *const i8) -> Self {
        // SAFETY: the caller has AVX-512 and sixteen values, 16 bytes, to read.
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(values.cast())))) }
    }
}

#[derive(Clone, Copy)]
struct F64x8(__m512d);

impl Lanes for F64x8 {
    type Scalar = f64;
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_setzero_pd()) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_add_pd(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_sub_pd(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_fmadd_pd(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn keep_last(self, count: usize) -> Self {
        // SAFETY: the caller has AVX-512.
        unsafe { Self(_mm512_maskz_mov_pd(u8::MAX << (8 - count), self.0)) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: the caller has AVX-512.
        unsafe { _mm512_reduce_add_pd(self.0) }
    }
}

impl Load<f64> for F64x8 {
    #[inline(always)]
    unsafe fn load(values: *const f64) -> Self {
        // SAFETY: the caller has AVX-512 and eight values to read.
        unsafe { Self(_mm512_loadu_pd(values)) }
    }
}
