//! AVX2 and FMA: eight lanes, six rows x 16 columns of scores in registers.

use std::arch::x86_64::*;

use super::lanes::{self, Lanes};
use super::{Kernel, Strips};

/// The kernel, when this CPU has the instructions it uses.
pub(super) fn kernel() -> Option<Kernel> {
    let detected = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    detected.then_some(Kernel {
        name: "avx2",
        // SAFETY: this value exists only where the instructions were detected.
        nearest: |strips, points, stride, labels| unsafe { nearest(strips, points, stride, labels) },
        // SAFETY: as above.
        products: |strips, point, base, factor, out| unsafe { products(strips, point, base, factor, out) },
        // SAFETY: as above.
        scores: |strips, points, out| unsafe { scores(strips, points, out) },
    })
}

#[target_feature(enable = "avx2,fma")]
fn nearest(strips: &Strips, points: &[f32], stride: usize, labels: &mut [u32]) {
    // SAFETY: the function's own features are those of the lanes.
    unsafe { lanes::nearest::<__m256, 6, 2>(strips, points, stride, labels) }
}

#[target_feature(enable = "avx2,fma")]
fn products(strips: &Strips, point: &[f32], base: f32, factor: f32, out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { lanes::products::<__m256>(strips, point, base, factor, out) }
}

#[target_feature(enable = "avx2,fma")]
fn scores(strips: &Strips, points: &[f32], out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { lanes::scores::<__m256, 6, 2>(strips, points, out) }
}

impl Lanes for __m256 {
    const WIDTH: usize = 8;
    type Mask = __m256;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for AVX2 and FMA, here and in every method below.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller passes eight readable values.
        unsafe { _mm256_loadu_ps(source) }
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller passes eight writable values.
        unsafe { _mm256_storeu_ps(target, self) }
    }

    #[inline(always)]
    unsafe fn sub_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see `splat`.
        unsafe { _mm256_fnmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn less(self, other: Self) -> Self::Mask {
        // SAFETY: see `splat`.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self, other) }
    }

    #[inline(always)]
    unsafe fn replace(self, mask: Self::Mask, a: Self) -> Self {
        // SAFETY: see `splat`.
        unsafe { _mm256_blendv_ps(self, a, mask) }
    }

    #[inline(always)]
    unsafe fn column_of_smallest(self, columns: Self) -> f32 {
        // SAFETY: see `splat`.
        unsafe {
            let lanes = _mm256_setr_ps(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0);
            let holds = _mm256_cmp_ps::<_CMP_EQ_OQ>(self, smallest_in_every_lane(self));
            let nowhere = _mm256_set1_ps(f32::INFINITY);
            let columns = _mm256_blendv_ps(nowhere, _mm256_add_ps(columns, lanes), holds);
            _mm256_cvtss_f32(smallest_in_every_lane(columns))
        }
    }
}

#[inline(always)]
unsafe fn smallest_in_every_lane(values: __m256) -> __m256 {
    // SAFETY: the caller vouches for AVX2.
    unsafe {
        let halves = _mm256_min_ps(values, _mm256_permute2f128_ps::<0x01>(values, values));
        let pairs = _mm256_min_ps(halves, _mm256_permute_ps::<0b01_00_11_10>(halves));
        _mm256_min_ps(pairs, _mm256_permute_ps::<0b10_11_00_01>(pairs))
    }
}
