//! The table of scan kernels, and the choice of the fastest one.

use std::sync::LazyLock;

use crate::distance;

use super::layout::{ADDS_BYTES, BLOCK_ROWS, SCALES_BYTES};
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::scalar;
use super::table::Estimate;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// Adds each row's table entries: `tables` is sub-vectors x 16 entries, `codes` a block's codes.
///
/// Both have an even number of sub-vectors. Tables and codes that do not fit are a panic.
pub(super) type Sum = fn(tables: &[u8], codes: &[u8], sums: &mut [u32; BLOCK_ROWS]);

/// Turns sums into estimates; returns the mask of those below the threshold.
pub(super) type Finish = fn(
    estimate: &Estimate,
    sums: &[u32; BLOCK_ROWS],
    adds: &[u8; ADDS_BYTES],
    scales: &[u8; SCALES_BYTES],
    estimates: &mut [f32; BLOCK_ROWS],
) -> u64;

/// After how many sub-vectors sums of 16 bits must be added to wider ones: 256 bytes of 255 still fit.
pub(super) const SUB_VECTORS_PER_FOLD: usize = 256;

/// One implementation of the scan.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    pub name: &'static str,
    pub sum: Sum,
    pub estimate: Finish,
}

/// The fastest kernels this CPU can run, chosen once per process; see [`distance::fastest`].
pub(super) fn kernels() -> &'static Kernels {
    static CHOSEN: LazyLock<Kernels> =
        LazyLock::new(|| distance::fastest(scalar::KERNELS, supported(), |kernels| kernels.name));
    &CHOSEN
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
