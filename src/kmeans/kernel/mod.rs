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

    /// The biases of the first `len` columns.
    #[cfg(feature = "gpu")]
    pub(super) fn biases(&self, len: usize) -> &[f32] {
        &self.biases[..len]
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What every kernel must find: the first of the smallest `bias - x.c`.
    fn nearest(centroids: &[f32], biases: &[f32], dim: usize, row: &[f32]) -> u32 {
        let score = |column: usize| biases[column] - product(row, &centroids[column * dim..][..dim]);
        let smallest = (0..biases.len()).map(score).fold(f32::INFINITY, f32::min);
        (0..biases.len()).position(|column| score(column) == smallest).unwrap() as u32
    }

    fn product(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// Rows, centroids and biases of small whole numbers: sums are exact in any order, and many tie.
    fn whole_numbers() -> impl Strategy<Value = (usize, usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1..40usize, 0..6usize, 1..150usize, 0..300usize).prop_flat_map(|(dim, gap, columns, rows)| {
            let values =
                |len: usize, bound: i8| prop::collection::vec((-bound..=bound).prop_map(f32::from), len);
            (
                Just(dim),
                Just(dim + gap),
                values(rows * (dim + gap), 2),
                values(columns * dim, 2),
                values(columns, 3),
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_kernel_agrees_with_the_scalar_search(
            (dim, stride, points, centroids, biases) in whole_numbers()
        ) {
            let strips = Strips::new(&centroids, &biases, dim);
            let expected: Vec<u32> = points
                .chunks_exact(stride)
                .map(|row| nearest(&centroids, &biases, dim, &row[..dim]))
                .collect();

            for kernel in supported() {
                let mut labels = vec![u32::MAX; expected.len()];
                (kernel.nearest)(&strips, &points, stride, &mut labels);
                prop_assert_eq!(&labels, &expected, "{}", kernel.name);
            }
        }

        #[test]
        fn every_kernel_agrees_with_scalar_products(
            (dim, _, _, centroids, biases) in whole_numbers()
        ) {
            let strips = Strips::new(&centroids, &biases, dim);
            let point = &centroids[..dim];
            let expected: Vec<f32> =
                centroids.chunks_exact(dim).map(|centroid| 3.0 + product(point, centroid) / 2.0).collect();

            for kernel in supported() {
                let mut products = vec![f32::NAN; expected.len()];
                (kernel.products)(&strips, point, 3.0, 0.5, &mut products);
                prop_assert_eq!(&products, &expected, "{}", kernel.name);
            }
        }
    }

    #[test]
    fn centroids_that_outgrow_a_panel_are_all_seen() {
        // 700 columns of 800 dimensions are some 2 MB. The nearest is the one with the same mark.
        let (dim, columns) = (800, 700);
        let mut centroids = vec![0.0; dim * columns];
        for (column, centroid) in centroids.chunks_exact_mut(dim).enumerate() {
            centroid[column] = 1.0;
        }
        let strips = Strips::new(&centroids, &vec![0.5; columns], dim);

        for kernel in supported() {
            let mut labels = vec![0; columns];
            (kernel.nearest)(&strips, &centroids, dim, &mut labels);
            assert!(labels.iter().copied().eq(0..columns as u32), "{}", kernel.name);
        }
    }

    #[test]
    fn a_row_with_nan_gets_a_valid_label() {
        let strips = Strips::new(&[1.0, 2.0, 3.0], &[0.5, 2.0, 4.5], 1);

        for kernel in supported() {
            let mut labels = [u32::MAX; 3];
            (kernel.nearest)(&strips, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY], 1, &mut labels);
            assert!(labels.iter().all(|label| *label < 3), "{}: {labels:?}", kernel.name);
        }
    }

    #[test]
    #[should_panic(expected = "points.len()")]
    fn too_few_points_are_refused() {
        let strips = Strips::new(&[1.0, 2.0], &[0.5, 2.0], 1);
        (fastest().nearest)(&strips, &[1.0, 2.0, 3.0], 2, &mut [0; 3]);
    }
}
