//! AVX-512: sixteen lanes, eight rows x 32 columns of scores in registers.

use std::arch::x86_64::*;

use super::lanes::{self, Lanes};
use super::{Kernel, Strips};

/// The kernel, when this CPU has the instructions it uses.
pub(super) fn kernel() -> Option<Kernel> {
    is_x86_feature_detected!("avx512f").then_some(Kernel {
        name: "avx512",
        // SAFETY: this value exists only where the instructions were detected.
        nearest: |strips, points, stride, labels| unsafe { nearest(strips, points, stride, labels) },
        // SAFETY: as above.
        products: |strips, point, base, factor, out| unsafe { products(strips, point, base, factor, out) },
        // SAFETY: as above.
        scores: |strips, points, out| unsafe { scores(strips, points, out) },
    })
}

#[target_feature(enable = "avx512f")]
fn nearest(strips: &Strips, points: &[f32], stride: usize, labels: &mut [u32]) {
    // SAFETY: the function's own features are those of the lanes.
    unsafe { lanes::nearest::<__m512, 8, 2>(strips, points, stride, labels) }
}

#[target_feature(enable = "avx512f")]
fn products(strips: &Strips, point: &[f32], base: f32, factor: f32, out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { lanes::products::<__m512>(strips, point, base, factor, out) }
}

#[target_feature(enable = "avx512f")]
fn scores(strips: &Strips, points: &[f32], out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { lanes::scores::<__m512, 8, 2>(strips, points, out) }
}

impl Lanes for __m512 {
    const WIDTH: usize = 16;
    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for AVX-512, here and in every method below.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller passes sixteen readable values.
        unsafe { _mm512_loadu_ps(source) }
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller passes sixteen writable values.
        unsafe { _mm512_storeu_ps(target, self) }
    }

    #[inline(always)]
    unsafe fn sub_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see `splat`.
        unsafe { _mm512_fnmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn less(self, other: Self) -> Self::Mask {
        // SAFETY: see `splat`.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self, other) }
    }

    #[inline(always)]
    unsafe fn replace(self, mask: Self::Mask, a: Self) -> Self {
        // SAFETY: see `splat`.
        unsafe { _mm512_mask_mov_ps(self, mask, a) }
    }

    #[inline(always)]
    unsafe fn column_of_smallest(self, columns: Self) -> f32 {
        // SAFETY: see `splat`.
        unsafe {
            let lanes = _mm512_setr_ps(
                0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
            );
            let smallest = _mm512_set1_ps(_mm512_reduce_min_ps(self));
            let holds = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self, smallest);
            _mm512_mask_reduce_min_ps(holds, _mm512_add_ps(columns, lanes))
        }
    }
}
