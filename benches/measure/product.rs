//! The matrix product that ours is measured against.

use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Computes and drops the product of rows and transposed centroids, in blocks of rows that stay in cache.
pub fn plain_product(points: &[f32], dim: usize, centroids: &[f32]) {
    const ROWS: usize = 256;
    let len = centroids.len() / dim;
    let transposed = MatRef::from_column_major_slice(centroids, dim, len);
    points.par_chunks(ROWS * dim).for_each_init(
        || vec![0.0; ROWS * len],
        |products, points| {
            let rows = points.len() / dim;
            let products = MatMut::from_row_major_slice_mut(&mut products[..rows * len], rows, len);
            let points = MatRef::from_row_major_slice(points, rows, dim);
            matmul(products, Accum::Replace, points, transposed, 1.0f32, Par::Seq);
        },
    );
}

/// The shortest of several runs, in seconds.
pub fn fastest(runs: usize, mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(time).fold(f64::INFINITY, f64::min)
}
