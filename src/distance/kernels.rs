//! The table of kernels, and the choice of the fastest one.

use std::sync::LazyLock;

use half::f16;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::scalar;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// Writes the distance from a query to each row into `out`.
///
/// `rows` is row-major: `out.len()` rows of `query.len()` values. Anything else is a panic.
pub(super) type Batch<Q, T> = fn(query: &[Q], rows: &[T], out: &mut [f32]);

/// The distances for one type of stored values.
#[derive(Clone, Copy)]
pub(super) struct ElementKernels<Q, T> {
    /// The squared Euclidean distance.
    pub l2: Batch<Q, T>,
    /// One minus the inner product.
    pub dot: Batch<Q, T>,
    /// One minus the cosine, for a query of length one. NaN where the row is too short or too long for
    /// the sum of its squares to be trusted ([`scalar::is_safe_norm_squared`]); zero rows are among these.
    pub cosine: Batch<Q, T>,
}

/// One implementation of every distance.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    pub name: &'static str,
    pub f16: ElementKernels<f32, f16>,
    pub f32: ElementKernels<f32, f32>,
    pub f64: ElementKernels<f64, f64>,
    pub u8: ElementKernels<f32, u8>,
    pub i8: ElementKernels<f32, i8>,
    /// The number of bits that differ.
    pub hamming: Batch<u8, u8>,
    /// The inner product of two vectors of one length.
    pub dot: fn(&[f32], &[f32]) -> f32,
}

/// The fastest kernels this CPU can run, chosen once per process.
///
/// `QUIVERDB_KERNELS` names a slower set to use instead (`scalar`, `avx2`, `avx512` or `neon`). A name that
/// this CPU cannot run, or that nobody knows, changes nothing.
pub(super) fn kernels() -> &'static Kernels {
    static CHOSEN: LazyLock<Kernels> = LazyLock::new(|| {
        let asked = std::env::var("QUIVERDB_KERNELS").unwrap_or_default();
        supported().fold(
            scalar::KERNELS,
            |chosen, kernels| {
                if chosen.name == asked { chosen } else { kernels }
            },
        )
    });
    &CHOSEN
}

/// The name of the kernels in use: `scalar`, `avx2`, `avx512` or `neon`.
pub fn kernels_name() -> &'static str {
    kernels().name
}

/// Every kernel set this CPU can run, slowest first.
pub(super) fn supported() -> impl Iterator<Item = Kernels> {
    [
        Some(scalar::KERNELS),
        #[cfg(target_arch = "x86_64")]
        avx2::kernels(),
        #[cfg(target_arch = "x86_64")]
        avx512::kernels(),
        #[cfg(target_arch = "aarch64")]
        neon::kernels(),
    ]
    .into_iter()
    .flatten()
}
