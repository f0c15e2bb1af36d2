//! Which centroid is nearest? One meaning, one kernel for each instruction set.
//!
//! The score of a row x and a centroid c is `bias(c) - x.c`; the smallest score is the nearest
//! centroid, and of equal scores the lower index wins. [`super::Centroids`] chooses the biases.

use std::sync::LazyLock;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod plain;

/// Columns (centroids) that lie side by side in memory.
const STRIP: usize = 16;

/// The whole numbers that an f32 counts without gaps.
const COLUMNS_MAX: usize = 1 << 24;

/// Centroids laid out for the kernels: strips of [`STRIP`] columns, each `dim` x `STRIP`.
#[derive(Debug, Clone)]
pub(super) struct Strips {
    dim: usize,
    values: Vec<f32>,
    /// Infinite for the columns that only fill the last strip, so that they are never nearest.
    biases: Vec<f32>,
}

impl Strips {
    /// Transposes `values`, `biases.len()` rows x `dim`.
    pub(super) fn new(values: &[f32], biases: &[f32], dim: usize) -> Self {
        assert_eq!(values.len(), biases.len() * dim);
        assert!(biases.len() <= COLUMNS_MAX, "column numbers are kept as f32");
        let columns = biases.len().next_multiple_of(STRIP);
        let mut strips = Self { dim, values: vec![0.0; columns * dim], biases: biases.to_vec() };
        strips.biases.resize(columns, f32::INFINITY);
        for (column, centroid) in values.chunks_exact(dim).enumerate() {
            let strip = &mut strips.values[column / STRIP * STRIP * dim..];
            for (d, value) in centroid.iter().enumerate() {
                strip[d * STRIP + column % STRIP] = *value;
            }
        }
        strips
    }

    /// Panics unless `points` has `dim` values at every `stride` for each label.
    fn check(&self, points: &[f32], stride: usize, labels: &[u32]) {
        assert!(stride >= self.dim);
        if let Some(last) = labels.len().checked_sub(1) {
            assert!(points.len() >= last * stride + self.dim);
        }
        assert_eq!(self.values.len(), self.biases.len() * self.dim);
    }
}

/// One implementation of the search.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    pub(super) name: &'static str,
    /// `(strips, points, stride, labels)`: labels each row, `stride` values from one to the next.
    pub(super) nearest: fn(&Strips, &[f32], usize, &mut [u32]),
    /// `(strips, point, base, factor, out)`: `base + factor * (point . column)` for each column.
    pub(super) products: fn(&Strips, &[f32], f32, f32, &mut [f32]),
}

/// The fastest kernel this CPU can run, chosen once per process.
pub(super) fn fastest() -> Kernel {
    static FASTEST: LazyLock<Kernel> = LazyLock::new(|| supported().last().unwrap_or(plain::KERNEL));
    *FASTEST
}

/// Every kernel this CPU can run, slowest first.
pub(super) fn supported() -> impl Iterator<Item = Kernel> {
    [
        Some(plain::KERNEL),
        #[cfg(target_arch = "x86_64")]
        avx2::kernel(),
        #[cfg(target_arch = "x86_64")]
        avx512::kernel(),
    ]
    .into_iter()
    .flatten()
}
