//! How far apart two vectors are.
//!
//! A [`Query`] is prepared once for its [`Metric`] and then compared with any number of stored rows, which
//! it sees as plain slices ([`Vectors`]). `scalar` says what each distance means; every other kernel file
//! says the same thing faster, for the instructions its name tells.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernels;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lanes;
mod metric;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod prefetch;
mod query;
mod scalar;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod sums;
#[cfg(test)]
mod tests;
mod vectors;

pub(crate) use kernels::fastest;
pub use kernels::kernels_name;
pub use metric::Metric;
pub use query::Query;
pub use vectors::Vectors;

use kernels::kernels;

/// The inner product of two vectors of one length.
///
/// # Panics
/// If the lengths differ.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    (kernels().dot)(a, b)
}

/// The sum of the squares of a vector's values.
pub fn norm_squared(a: &[f32]) -> f32 {
    dot(a, a)
}

/// The squared Euclidean distance between two vectors of one length.
///
/// # Panics
/// If the lengths differ.
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    let mut distance = 0.0;
    (kernels().f32.l2)(a, b, std::slice::from_mut(&mut distance));
    distance
}
