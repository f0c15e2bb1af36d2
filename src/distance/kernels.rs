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
    /// the sum of its squares to be trusted ([`scalar::Float::cosine_distance`]); zero rows are among these.
    pub cosine: Batch<Q, T>,
}

/// One implementation of every distance.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    pub name: &'static str,
    pub f16: ElementKernels<f32, f16>,
    pub f32: ElementKernels<f32, f32>,
    /// The same for rows that do not all start at a cache line, where wide loads straddle two of them.
    pub f32_unaligned: ElementKernels<f32, f32>,
    pub f64: ElementKernels<f64, f64>,
    pub u8: ElementKernels<f32, u8>,
    pub i8: ElementKernels<f32, i8>,
    /// The number of bits that differ.
    pub hamming: Batch<u8, u8>,
    /// The inner product of two vectors of one length.
    pub dot: fn(&[f32], &[f32]) -> f32,
}

/// The fastest kernels this CPU can run, chosen once per process; see [`fastest`].
pub(super) fn kernels() -> &'static Kernels {
    static CHOSEN: LazyLock<Kernels> =
        LazyLock::new(|| fastest(scalar::KERNELS, supported(), |kernels| kernels.name));
    &CHOSEN
}

/// The last of the kernel sets that this CPU can run, which are ordered slowest first.
///
/// The environment variable `QUIVERDB_KERNELS` names a slower set to stop at: `scalar`, `avx2`, `avx512` or
/// `neon`. A name that is not among those of this CPU changes nothing.
pub(crate) fn fastest<K>(
    scalar: K,
    supported: impl Iterator<Item = K>,
    name: impl Fn(&K) -> &'static str,
) -> K {
    let limit = std::env::var("QUIVERDB_KERNELS").unwrap_or_default();
    up_to(&limit, scalar, supported, name)
}

fn up_to<K>(
    limit: &str,
    scalar: K,
    supported: impl Iterator<Item = K>,
    name: impl Fn(&K) -> &'static str,
) -> K {
    supported.fold(scalar, |chosen, next| if name(&chosen) == limit { chosen } else { next })
}

/// The name of the kernels in use: `scalar`, `avx2`, `avx512` or `neon`.
///
/// They are the fastest that this CPU can run, unless the environment variable `QUIVERDB_KERNELS` names a
/// slower set when the process first compares vectors.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_stops_at_the_limit() {
        let sets = ["scalar", "avx2", "avx512"];
        let choose = |limit| up_to(limit, sets[0], sets.into_iter(), |name| name);

        assert_eq!(choose(""), "avx512");
        assert_eq!(choose("avx512"), "avx512");
        assert_eq!(choose("avx2"), "avx2");
        assert_eq!(choose("scalar"), "scalar");
        assert_eq!(choose("neon"), "avx512");
    }

    #[test]
    fn every_set_has_a_name_of_its_own() {
        let names: Vec<_> = supported().map(|kernels| kernels.name).collect();
        let mut distinct = names.clone();
        distinct.dedup();
        assert_eq!(names[0], "scalar");
        assert_eq!(names, distinct);
    }
}
