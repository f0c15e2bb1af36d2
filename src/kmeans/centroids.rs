//! Centroids in the form in which the nearest one is found fastest and most exactly.

use rayon::prelude::*;

use super::Threads;
use super::kernel::{self, Strips};

/// Work that is worth handing to another thread, in multiply-adds.
const TASK_WORK: usize = 8 << 20;

/// Rows of a task are a multiple of this, so that only the last task has a ragged end.
const TASK_ROWS_STEP: usize = 128;

/// Centroids: `len` x `dim` values, prepared for [`Centroids::nearest`].
///
/// The nearest centroid c of a row x has the smallest |c|²/2 - x·c. Rows far from the origin, or
/// tiny, or huge, would lose that difference in rounding. So the centroids are first moved by their
/// mean m, and scaled by a power of two s that makes their largest value about 1. With d = c - m,
/// the smallest of s|d|²/2 + s m·d - x·(sd) is the same centroid, at the same cost.
#[derive(Debug, Clone)]
pub struct Centroids {
    values: Vec<f32>,
    dim: usize,
    mean: Vec<f32>,
    scale: f32,
    strips: Strips,
}

impl Centroids {
    /// Prepares `values`, centroids x `dim`.
    ///
    /// # Panics
    /// If there is no centroid or more than 2^24, or `values` does not consist of whole ones.
    pub fn new(values: Vec<f32>, dim: usize) -> Self {
        assert!(
            dim > 0 && !values.is_empty() && values.len().is_multiple_of(dim),
            "centroids must be whole rows"
        );
        let mean = mean(&values, dim);
        let mut moved: Vec<f32> = values.clone();
        for row in moved.chunks_exact_mut(dim) {
            row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
        }
        let scale = scale_to_one(largest(&moved));
        let biases: Vec<f32> = moved.chunks_exact(dim).map(|row| bias(row, &mean, scale)).collect();
        moved.iter_mut().for_each(|value| *value = scaled(*value, scale));
        let strips = Strips::new(&moved, &biases, dim);
        Self { values, dim, mean, scale, strips }
    }

    /// The values, `len` x `dim`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes the values out, `len` x `dim`.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Dimensions of a centroid.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many centroids there are; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a centroid")]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// One centroid.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..][..self.dim]
    }

    /// Labels each row of `points`, `labels.len()` x `dim`, with its nearest centroid.
    ///
    /// Of equally near centroids the lowest index wins. Runs in parallel on the current rayon pool;
    /// the labels do not depend on it. A row with a NaN gets some valid label.
    ///
    /// # Panics
    /// If `points` does not have `dim` values for each label.
    pub fn nearest(&self, points: &[f32], labels: &mut [u32]) {
        self.nearest_on(Threads::Pool, points, labels);
    }

    /// [`Centroids::nearest`], on the threads of choice.
    pub(crate) fn nearest_on(&self, threads: Threads, points: &[f32], labels: &mut [u32]) {
        assert_eq!(points.len(), labels.len() * self.dim, "one row of values for each label");
        match threads {
            Threads::Caller => self.nearest_strided(points, self.dim, labels),
            Threads::Pool => {
                let rows = self.task_rows();
                let tasks = labels.par_chunks_mut(rows).zip(points.par_chunks(rows * self.dim));
                tasks.for_each(|(labels, points)| self.nearest_strided(points, self.dim, labels));
            }
        }
    }

    /// Labels rows of which each starts `stride` values after the one before, on this thread.
    pub(crate) fn nearest_strided(&self, points: &[f32], stride: usize, labels: &mut [u32]) {
        (kernel::fastest().nearest)(&self.strips, points, stride, labels);
    }

    /// Writes the inner product of `point` with each centroid: `len` values.
    ///
    /// # Panics
    /// If `point` has not `dim` values, or `out` not one for each centroid.
    pub fn inner_products(&self, point: &[f32], out: &mut [f32]) {
        assert_eq!((point.len(), out.len()), (self.dim, self.len()));
        let base: f32 = point.iter().zip(&self.mean).map(|(a, b)| a * b).sum();
        (kernel::fastest().products)(&self.strips, point, base, 1.0 / self.scale, out);
    }

    /// What rows are compared with: the moved and scaled values, `len` x `dim`, and the biases.
    #[cfg(feature = "gpu")]
    pub(super) fn comparands(&self) -> (Vec<f32>, &[f32]) {
        let moved = |(value, mean): (&f32, &f32)| scaled(value - mean, self.scale);
        let rows = self.values.chunks_exact(self.dim);
        (rows.flat_map(|row| row.iter().zip(&self.mean).map(moved)).collect(), self.strips.biases(self.len()))
    }

    /// How many rows make a task.
    pub(super) fn task_rows(&self) -> usize {
        let rows = TASK_WORK / (self.len() * self.dim);
        rows.clamp(TASK_ROWS_STEP, 32 * TASK_ROWS_STEP).next_multiple_of(TASK_ROWS_STEP)
    }
}

/// The mean row of `values`, rows x `dim`.
fn mean(values: &[f32], dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; dim];
    for row in values.chunks_exact(dim) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let rows = (values.len() / dim) as f64;
    sums.into_iter().map(|sum| (sum / rows) as f32).collect()
}

/// s|d|²/2 + s m·d, in f64 because the two may cancel.
fn bias(moved: &[f32], mean: &[f32], scale: f32) -> f32 {
    let pairs = moved.iter().zip(mean).map(|(d, m)| (f64::from(*d), f64::from(*m)));
    (pairs.map(|(d, m)| d * (d / 2.0 + m)).sum::<f64>() * f64::from(scale)) as f32
}

fn scaled(value: f32, scale: f32) -> f32 {
    // Values too small to be normal numbers change no label, but on some CPUs cost a hundred cycles each.
    let scaled = value * scale;
    if scaled.abs() < f32::MIN_POSITIVE { 0.0 } else { scaled }
}

/// The largest magnitude of `values`.
pub(super) fn largest(values: &[f32]) -> f32 {
    // Eight lanes side by side, which the compiler keeps in vectors.
    let mut lanes = [0.0f32; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = lane.max(value.abs()));
    }
    rest.iter().chain(&lanes).fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The power of two that brings a largest magnitude to between 1 and 2; 1 if it is 0 or infinite.
pub(super) fn scale_to_one(largest: f32) -> f32 {
    if largest == 0.0 || !largest.is_finite() {
        return 1.0;
    }
    // Both bounds keep the scale and its inverse normal numbers.
    let exponent = ((largest.to_bits() >> 23) as i32 - 127).clamp(-126, 126);
    f32::from_bits(((127 - exponent) as u32) << 23)
}
