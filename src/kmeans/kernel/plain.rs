//! Plain Rust that the compiler turns into whatever vectors the target always has (SSE2, NEON).

use super::lanes::{self, Lanes};
use super::{Kernel, Strips};

/// The kernel that runs everywhere.
pub(super) const KERNEL: Kernel = Kernel { name: "plain", nearest, products, scores };

/// As many as fit the registers beside six rows: aarch64 has 32 of them, SSE2 has 16.
const VECTORS: usize = if cfg!(target_arch = "aarch64") { 4 } else { 2 };

fn nearest(strips: &Strips, points: &[f32], stride: usize, labels: &mut [u32]) {
    // SAFETY: plain arrays need no instructions of their own.
    unsafe { lanes::nearest::<Four, 6, VECTORS>(strips, points, stride, labels) }
}

fn products(strips: &Strips, point: &[f32], base: f32, factor: f32, out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { lanes::products::<Four>(strips, point, base, factor, out) }
}

fn scores(strips: &Strips, points: &[f32], out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { lanes::scores::<Four, 6, VECTORS>(strips, points, out) }
}

#[derive(Clone, Copy)]
struct Four([f32; 4]);

impl Lanes for Four {
    const WIDTH: usize = 4;
    type Mask = [bool; 4];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller passes four readable values.
        Self(unsafe { source.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller passes four writable values.
        unsafe { target.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn sub_product(self, a: Self, b: Self) -> Self {
        // A fused multiply-add is one instruction on every aarch64, and a slow call on old x86-64.
        Self(std::array::from_fn(|i| match cfg!(target_arch = "aarch64") {
            true => (-a.0[i]).mul_add(b.0[i], self.0[i]),
            false => self.0[i] - a.0[i] * b.0[i],
        }))
    }

    #[inline(always)]
    unsafe fn less(self, other: Self) -> Self::Mask {
        std::array::from_fn(|i| self.0[i] < other.0[i])
    }

    #[inline(always)]
    unsafe fn replace(self, mask: Self::Mask, a: Self) -> Self {
        Self(std::array::from_fn(|i| if mask[i] { a.0[i] } else { self.0[i] }))
    }

    #[inline(always)]
    unsafe fn column_of_smallest(self, columns: Self) -> f32 {
        let mut best = (self.0[0], columns.0[0]);
        for lane in 1..Self::WIDTH {
            let (score, column) = (self.0[lane], columns.0[lane] + lane as f32);
            if score < best.0 || (score == best.0 && column < best.1) {
                best = (score, column);
            }
        }
        best.1
    }
}
