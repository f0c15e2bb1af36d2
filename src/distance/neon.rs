//! NEON: eight floats or four doubles at a time, in pairs of registers.
//!
//! Pairs, because these cores issue up to four multiply-adds a cycle and need as many sums under way.
//! Every 64-bit ARM CPU has these instructions, so nothing is detected.

use std::arch::aarch64::*;
use std::arch::asm;

use half::f16;

use super::kernels::Kernels;
use super::lanes::{Lanes, Load, kernels_with_features};
use super::scalar;

/// The kernels.
pub(super) fn kernels() -> Option<Kernels> {
    // SAFETY: every 64-bit ARM CPU has NEON.
    Some(unsafe {
        Kernels {
            name: "neon",
            f16: element_kernels::<F32x8, f16>(),
            f32: element_kernels::<F32x8, f32>(),
            f32_unaligned: element_kernels::<F32x8, f32>(),
            f64: element_kernels::<F64x4, f64>(),
            u8: element_kernels::<F32x8, u8>(),
            i8: element_kernels::<F32x8, i8>(),
            // The compiler makes NEON of it by itself.
            hamming: scalar::hamming,
            dot: |a, b| match a.len() < F32x8::COUNT {
                true => (scalar::KERNELS.dot)(a, b),
                false => inner_product::<F32x8>(a, b),
            },
        }
    })
}

kernels_with_features!("neon");

#[derive(Clone, Copy)]
struct F32x8(float32x4_t, float32x4_t);

impl Lanes for F32x8 {
    type Scalar = f32;
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vdupq_n_f32(0.0), vdupq_n_f32(0.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vaddq_f32(self.0, other.0), vaddq_f32(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vsubq_f32(self.0, other.0), vsubq_f32(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vfmaq_f32(addend.0, self.0, factor.0), vfmaq_f32(addend.1, self.1, factor.1)) }
    }

    #[inline(always)]
    unsafe fn keep_last(self, count: usize) -> Self {
        /// Eight lanes from `count` on are `8 - count` zeros and `count` ones.
        const KEEP: [i32; 16] = [0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1];
        let keep = &KEEP[count..count + 8];
        // SAFETY: every 64-bit ARM CPU has NEON; `keep` is eight lanes.
        unsafe {
            let low = vandq_u32(vreinterpretq_u32_f32(self.0), vld1q_u32(keep.as_ptr().cast()));
            let high = vandq_u32(vreinterpretq_u32_f32(self.1), vld1q_u32(keep.as_ptr().add(4).cast()));
            Self(vreinterpretq_f32_u32(low), vreinterpretq_f32_u32(high))
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { vaddvq_f32(vaddq_f32(self.0, self.1)) }
    }
}

impl Load<f32> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON; the caller has eight values to read.
        unsafe { Self(vld1q_f32(values), vld1q_f32(values.add(4))) }
    }
}

impl Load<f16> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const f16) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON; the caller has eight values, 16 bytes, to read. The two
        // instructions read and write the named registers and nothing else. Every 64-bit ARM CPU has them;
        // they are in assembly because their intrinsics are newer than the oldest compiler we support.
        unsafe {
            let halves = vld1q_u16(values.cast());
            let (low, high): (float32x4_t, float32x4_t);
            asm!("fcvtl {0:v}.4s, {1:v}.4h", out(vreg) low, in(vreg) halves, options(pure, nomem, nostack));
            asm!("fcvtl2 {0:v}.4s, {1:v}.8h", out(vreg) high, in(vreg) halves, options(pure, nomem, nostack));
            Self(low, high)
        }
    }
}

impl Load<u8> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const u8) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON; the caller has eight values to read.
        unsafe {
            let wide = vmovl_u8(vld1_u8(values));
            let (low, high) = (vmovl_u16(vget_low_u16(wide)), vmovl_high_u16(wide));
            Self(vcvtq_f32_u32(low), vcvtq_f32_u32(high))
        }
    }
}

impl Load<i8> for F32x8 {
    #[inline(always)]
    unsafe fn load(values: *const i8) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON; the caller has eight values to read.
        unsafe {
            let wide = vmovl_s8(vld1_s8(values));
            let (low, high) = (vmovl_s16(vget_low_s16(wide)), vmovl_high_s16(wide));
            Self(vcvtq_f32_s32(low), vcvtq_f32_s32(high))
        }
    }
}

#[derive(Clone, Copy)]
struct F64x4(float64x2_t, float64x2_t);

impl Lanes for F64x4 {
    type Scalar = f64;
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vdupq_n_f64(0.0), vdupq_n_f64(0.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vaddq_f64(self.0, other.0), vaddq_f64(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vsubq_f64(self.0, other.0), vsubq_f64(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { Self(vfmaq_f64(addend.0, self.0, factor.0), vfmaq_f64(addend.1, self.1, factor.1)) }
    }

    #[inline(always)]
    unsafe fn keep_last(self, count: usize) -> Self {
        /// Four lanes from `count` on are `4 - count` zeros and `count` ones.
        const KEEP: [u64; 8] = [0, 0, 0, 0, u64::MAX, u64::MAX, u64::MAX, u64::MAX];
        let keep = &KEEP[count..count + 4];
        // SAFETY: every 64-bit ARM CPU has NEON; `keep` is four lanes.
        unsafe {
            let low = vandq_u64(vreinterpretq_u64_f64(self.0), vld1q_u64(keep.as_ptr()));
            let high = vandq_u64(vreinterpretq_u64_f64(self.1), vld1q_u64(keep.as_ptr().add(2)));
            Self(vreinterpretq_f64_u64(low), vreinterpretq_f64_u64(high))
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: every 64-bit ARM CPU has NEON.
        unsafe { vaddvq_f64(vaddq_f64(self.0, self.1)) }
    }
}

impl Load<f64> for F64x4 {
    #[inline(always)]
    unsafe fn load(values: *const f64) -> Self {
        // SAFETY: every 64-bit ARM CPU has NEON; the caller has four values to read.
        unsafe { Self(vld1q_f64(values), vld1q_f64(values.add(2))) }
    }
}
