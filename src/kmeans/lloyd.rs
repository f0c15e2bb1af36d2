//! Lloyd's iteration: label every row, move every centroid, until little changes.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::centroids::scale_to_one;
use super::clusters::Clusters;
use super::meter::Meter;
use super::update::Update;
use super::{Centroids, Options, Threads, seeds};
use crate::error::Result;

/// Multiply-adds that a thread does between two calls of the meter: 2.5 ms on a fast core, 25 ms on
/// a slow one that shares its time.
const WORK_PER_CALL: usize = 256 << 20;

/// What all passes over one set of rows share.
pub(super) struct Lloyd<'a> {
    pub(super) threads: Threads,
    pub(super) points: &'a [f32],
    pub(super) dim: usize,
    pub(super) meter: Meter<'a>,
    pub(super) rng: StdRng,
    tolerance: f64,
}

impl Threads {
    /// How many there are.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Pool => rayon::current_num_threads(),
            Self::Caller => 1,
        }
    }
}

impl<'a> Lloyd<'a> {
    pub(super) fn new(
        threads: Threads,
        points: &'a [f32],
        dim: usize,
        options: &Options,
        meter: Meter<'a>,
    ) -> Self {
        let rng = StdRng::seed_from_u64(options.seed);
        Self { threads, points, dim, meter, rng, tolerance: options.tolerance }
    }

    pub(super) fn rows(&self) -> usize {
        self.points.len() / self.dim
    }

    /// The work of that many passes, as the meter counts it.
    pub(super) fn work(&self, centroids: usize, iterations: usize) -> u64 {
        self.rows() as u64 * centroids as u64 * iterations as u64
    }

    /// First centroids for [`Lloyd::refine`].
    pub(super) fn seeds(&mut self, centroids: usize) -> Vec<f32> {
        seeds::sample(self.points, self.dim, centroids, &mut self.rng)
    }

    /// Improves `values`, centroids x `dim`, by up to `iterations_max` passes over all rows.
    pub(super) fn refine(&mut self, values: Vec<f32>, iterations_max: usize) -> Result<Centroids> {
        let scale = scale_to_one(self.points);
        let mut centroids = Centroids::new(values, self.dim);
        let finished = self.meter.done() + self.work(centroids.len(), iterations_max);
        let mut labels = vec![0; self.rows()];
        let mut previous = f64::INFINITY;
        for _ in 0..iterations_max {
            self.label(self.points, &centroids, &mut labels)?;
            let clusters = Clusters::new(&labels, centroids.len());
            let mut update =
                Update::new(self.threads, self.points, &centroids, &clusters, scale, &mut self.meter)?;
            let filled =
                seeds::fill_empty(self.points, &mut update.values, &clusters, &update.losses, &mut self.rng);
            let loss = update.loss();
            centroids = Centroids::new(update.values, self.dim);
            // Not `loss > ...`: a loss that is not a number must end the loop too.
            let improves = previous - loss > self.tolerance * previous || previous == f64::INFINITY;
            if loss == 0.0 || (!improves && filled == 0) {
                break;
            }
            previous = loss;
        }
        self.meter.advance_to(finished)?;
        Ok(centroids)
    }

    /// [`Centroids::nearest`], with calls of the meter in between.
    pub(super) fn label(&mut self, points: &[f32], centroids: &Centroids, labels: &mut [u32]) -> Result<()> {
        let work_per_row = centroids.len() * self.dim;
        let rows = (self.threads.count() * WORK_PER_CALL / work_per_row).max(1);
        let rows = rows.next_multiple_of(centroids.task_rows());
        for (labels, points) in labels.chunks_mut(rows).zip(points.chunks(rows * self.dim)) {
            centroids.nearest_on(self.threads, points, labels);
            self.meter.advance(labels.len() as u64 * centroids.len() as u64)?;
        }
        Ok(())
    }
}
