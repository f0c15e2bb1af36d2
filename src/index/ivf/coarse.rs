//! The centroids as bytes: which are nearest, without reading all of them whole.
//!
//! The centroids of an index are often larger than the caches next to a core, and a query compares itself with
//! all of them. As bytes they are a quarter of that. The few best are then compared exactly.

use crate::distance::{Metric, Query, Vectors, norm_squared};

/// Centroids, each scaled so that its largest value is 127.
pub(crate) struct CoarseCentroids {
    metric: Metric,
    /// Centroids x dimensions.
    bytes: Vec<i8>,
    /// What one step of a centroid's bytes is worth.
    steps: Vec<f32>,
    /// Squared lengths, for l2.
    norms: Vec<f32>,
}

impl CoarseCentroids {
    /// Takes centroids x `dim` values, to be ranked by `metric`: l2 or dot.
    pub(crate) fn new(metric: Metric, centroids: &[f32], dim: usize) -> Self {
        let count = centroids.len() / dim;
        let mut coarse = Self {
            metric,
            bytes: Vec::with_capacity(centroids.len()),
            steps: Vec::with_capacity(count),
            norms: centroids.chunks_exact(dim).map(norm_squared).collect(),
        };
        for centroid in centroids.chunks_exact(dim) {
            let largest = centroid.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let step = largest / f32::from(i8::MAX);
            coarse.steps.push(step);
            coarse.bytes.extend(centroid.iter().map(|value| (value / step).round() as i8));
        }
        coarse
    }

    /// Writes about the score of each centroid for the query `point`: its squared distance, or for dot one minus
    /// the inner product.
    pub(crate) fn scores(&self, point: &[f32], scores: &mut [f32]) {
        let length = norm_squared(point);
        let point: Vec<f64> = point.iter().map(|&value| f64::from(value)).collect();
        // One minus the products.
        Query::new(Metric::Dot, &point).distances(Vectors::I8(&self.bytes), scores);
        for ((score, step), norm) in scores.iter_mut().zip(&self.steps).zip(&self.norms) {
            let product = step * (1.0 - *score);
            *score = match self.metric {
                Metric::Dot => 1.0 - product,
                _ => length + norm - 2.0 * product,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::distance::{dot, l2_squared};

    proptest! {
        #[test]
        fn scores_are_near_the_exact_ones(
            centroids in prop::collection::vec(-10.0f32..10.0, 5 * 40),
            point in prop::collection::vec(-10.0f32..10.0, 40),
        ) {
            for metric in [Metric::L2, Metric::Dot] {
                let exact = centroids.chunks_exact(40).map(|centroid| match metric {
                    Metric::Dot => 1.0 - dot(&point, centroid),
                    _ => l2_squared(&point, centroid),
                });
                let mut scores = [0.0; 5];
                CoarseCentroids::new(metric, &centroids, 40).scores(&point, &mut scores);

                for (score, exact) in scores.into_iter().zip(exact) {
                    // Each of 40 products is off by no more than half a step, 10 / 254, times 10.
                    prop_assert!((score - exact).abs() < 2.0 * 40.0 * 0.4, "{score} {exact}");
                }
            }
        }
    }

    #[test]
    fn a_centroid_of_zeros_has_a_score() {
        let mut scores = [f32::NAN; 2];
        CoarseCentroids::new(Metric::L2, &[0.0, 0.0, 3.0, 4.0], 2).scores(&[1.0, 1.0], &mut scores);

        assert_eq!(scores[0], 2.0);
        assert!((scores[1] - 13.0).abs() < 0.1);
    }
}
