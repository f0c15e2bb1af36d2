//! How stored vectors become points: the vectors that k-means, codebooks and centroids are about.
//!
//! For l2 and dot a point is the vector itself, for cosine the vector scaled to length one, for hamming one
//! value of 0 or 1 for each bit, because the squared distance of such points is the number of bits that
//! differ.
//!
//! Partitions minimise the squared Euclidean distance between points and centroids for every metric, dot
//! included. That keeps the residual r = x - c short, and so <q, c> close to <q, x> = <q, c> + <q, r> for a
//! query of any length; clustering by direction alone would put short and long vectors into one partition,
//! whose centroid then says little about either.

use rayon::prelude::*;

use crate::distance::{Metric, Query, Vectors, norm_squared};

/// Turns the vectors of a column into points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Space {
    pub(crate) metric: Metric,
    /// Dimensions of a stored vector.
    pub(crate) vector_dim: usize,
}

/// Rows that one task converts at a time.
const TASK_ROWS: usize = 256;

impl Space {
    /// Dimensions of a point.
    pub(crate) fn dim(&self) -> usize {
        match self.metric {
            Metric::Hamming => self.vector_dim * 8,
            Metric::L2 | Metric::Cosine | Metric::Dot => self.vector_dim,
        }
    }

    /// Writes the point of each row (rows x [`Space::dim`]), and whether it is one: a row that holds NaN or
    /// infinity or whose length overflows has no place among the centroids, nor has a zero row for cosine.
    pub(crate) fn points(&self, rows: Vectors<'_>, points: &mut [f32], usable: &mut [bool]) {
        points
            .par_chunks_mut(TASK_ROWS * self.dim())
            .zip(usable.par_chunks_mut(TASK_ROWS))
            .enumerate()
            .for_each(|(task, (points, usable))| {
                let start = task * TASK_ROWS;
                let rows = rows.slice(start..start + usable.len(), self.vector_dim);
                self.points_of_task(rows, points, usable);
            });
    }

    /// [`Space::points`] for few rows, on this thread.
    pub(crate) fn points_of_task(&self, rows: Vectors<'_>, points: &mut [f32], usable: &mut [bool]) {
        if self.metric == Metric::Hamming {
            let mut bytes = vec![0.0; rows.len_values()];
            rows.to_f32(&mut bytes);
            spread_bits(&bytes, points);
            return usable.fill(true);
        }
        rows.to_f32(points);
        for (i, (point, usable)) in points.chunks_exact_mut(self.vector_dim).zip(usable).enumerate() {
            *usable = match self.metric {
                Metric::Cosine => normalise(rows.slice(i..i + 1, self.vector_dim), point),
                _ => norm_squared(point).is_finite(),
            };
        }
    }

    /// The point of a query, or `None` if nothing can be near it.
    pub(crate) fn query_point(&self, query: &Query) -> Option<Vec<f32>> {
        let mut point = query.operand().to_vec();
        if self.metric == Metric::Hamming {
            point = vec![0.0; self.dim()];
            spread_bits(query.operand(), &mut point);
        }
        let norm_squared = norm_squared(&point);
        let has_direction = norm_squared > 0.0 || self.metric != Metric::Cosine;
        (norm_squared.is_finite() && has_direction).then_some(point)
    }
}

/// Scales a row to length one; false if it has no direction.
fn normalise(row: Vectors<'_>, point: &mut [f32]) -> bool {
    let norm_squared = norm_squared(point);
    if norm_squared.is_normal() {
        let scale = norm_squared.sqrt().recip();
        point.iter_mut().for_each(|value| *value *= scale);
        return true;
    }
    // Too long or too short for the squares of single precision, but it may have a direction all the same.
    let mut wide = vec![0.0f64; point.len()];
    row.to_f64(&mut wide);
    let longest = wide.iter().fold(0.0f64, |longest, value| longest.max(value.abs()));
    let norm = wide.iter().map(|value| (value / longest).powi(2)).sum::<f64>().sqrt();
    point.iter_mut().zip(&wide).for_each(|(point, value)| *point = (value / longest / norm) as f32);
    norm.is_finite()
}

/// One value of 0 or 1 for each bit of each byte, the lowest bit first.
fn spread_bits(bytes: &[f32], bits: &mut [f32]) {
    for (byte, bits) in bytes.iter().zip(bits.chunks_exact_mut(8)) {
        for (bit, value) in bits.iter_mut().enumerate() {
            *value = f32::from((*byte as u8) >> bit & 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(metric: Metric, vectors: Vectors<'_>, dim: usize) -> (Vec<f32>, Vec<bool>) {
        let space = Space { metric, vector_dim: dim };
        let rows = vectors.len_values() / dim;
        let mut points = vec![0.0; rows * space.dim()];
        let mut usable = vec![false; rows];
        space.points(vectors, &mut points, &mut usable);
        (points, usable)
    }

    #[test]
    fn for_cosine_points_have_length_one_however_long_the_vectors() {
        let rows = [3.0, 4.0, 3e-200, 4e-200, 3e200, 4e200];
        let (points, usable) = points(Metric::Cosine, Vectors::F64(&rows), 2);

        assert_eq!(usable, [true; 3]);
        for point in points.chunks_exact(2) {
            assert!((point[0] - 0.6).abs() < 1e-6 && (point[1] - 0.8).abs() < 1e-6, "{point:?}");
        }
    }

    #[test]
    fn rows_without_a_place_are_not_usable() {
        let rows = [0.0, 0.0, f32::NAN, 1.0, f32::INFINITY, 1.0, 1.0, 1.0];

        assert_eq!(points(Metric::Cosine, Vectors::F32(&rows), 2).1, [false, false, false, true]);
        assert_eq!(points(Metric::L2, Vectors::F32(&rows), 2).1, [true, false, false, true]);
    }

    #[test]
    fn for_hamming_squared_distances_of_points_count_differing_bits() {
        let (points, _) = points(Metric::Hamming, Vectors::U8(&[0b1011, 0xff]), 1);

        assert_eq!(points[..8], [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(crate::distance::l2_squared(&points[..8], &points[8..]), 5.0);
    }
}
