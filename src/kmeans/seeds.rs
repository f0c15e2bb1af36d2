//! Where centroids start: on rows that lie far from each other (k-means++).
//!
//! Rows are drawn with probability proportional to their squared distance from the nearest centroid
//! so far. Drawing one after the other would be k passes; here as many rows are proposed at once as
//! there are centroids, and a proposal is accepted with the probability by which the proposals
//! before it have left its distance standing. That draws from exactly the same distribution.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;
use rand::seq::index;

use super::Centroids;
use super::clusters::Clusters;
use super::lloyd::{Counted, Lloyd};
use super::update::Update;
use crate::error::Result;

/// Rows for each centroid that k-means++ looks at, and for all centroids at least.
const SAMPLE_RATE: usize = 8;
const SAMPLE_ROWS_MIN: usize = 1024;

/// Rows proposed at once; each is compared with all before it.
const PROPOSALS_MAX: usize = 128;

/// Rows of a crowded cluster that are looked at for new centroids.
const CANDIDATES_MAX: usize = 4096;

impl Lloyd<'_> {
    /// How many rows [`Lloyd::seeds`] looks at.
    pub(super) fn seed_rows(&self, centroids: usize) -> usize {
        self.rows().min((SAMPLE_RATE * centroids).max(SAMPLE_ROWS_MIN))
    }

    /// First centroids for [`Lloyd::refine`]: `len` x `dim` values. They repeat if rows do.
    pub(super) fn seeds(&mut self, len: usize) -> Result<Vec<f32>> {
        let sample = self.seed_rows(len);
        let finished = self.meter.done() + sample as u64 * len as u64;
        let total = self.rows();
        let rows = index::sample(&mut self.rng, total, sample).into_vec();
        let sample: Vec<f32> = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        // The sample is in random order, so its first row is as good as any.
        let seeds = self.scatter(&sample, sample[..self.dim].to_vec(), len, Counted::Yes)?;
        self.meter.advance_to(finished)?;
        Ok(seeds.iter().cycle().take(len * self.dim).copied().collect())
    }

    /// Moves each centroid without rows to a row of the cluster that has most, and counts them.
    ///
    /// A cluster that gives a row away counts as split evenly from then on. One whose rows all lie
    /// on their centroid gives none, so centroids may stay empty.
    pub(super) fn fill_empty(&mut self, update: &mut Update, clusters: &Clusters) -> Result<usize> {
        let mut empty = (0..clusters.len()).filter(|label| clusters.rows(*label).is_empty());
        let mut filled = 0;
        for (donor, gifts) in donors(clusters, &update.losses) {
            let rows = clusters.rows(donor);
            let candidates = rows.iter().step_by(rows.len().div_ceil(CANDIDATES_MAX));
            let candidates: Vec<f32> = candidates.flat_map(|row| self.row(*row as usize)).copied().collect();
            let centroid = update.values[donor * self.dim..][..self.dim].to_vec();
            let values = self.scatter(&candidates, centroid, gifts + 1, Counted::No)?;
            for (values, label) in values.chunks_exact(self.dim).skip(1).zip(&mut empty) {
                update.values[label * self.dim..][..self.dim].copy_from_slice(values);
                filled += 1;
            }
        }
        Ok(filled)
    }

    /// Adds rows to `chosen`, one centroid or more, until there are `len` of them, or every row is
    /// one of them.
    fn scatter(
        &mut self,
        rows: &[f32],
        mut chosen: Vec<f32>,
        len: usize,
        counted: Counted,
    ) -> Result<Vec<f32>> {
        let dim = self.dim;
        let mut distances = vec![f32::INFINITY; rows.len() / dim];
        let mut labels = vec![0; distances.len()];
        let mut seen = 0;
        while chosen.len() < len * dim {
            let newest = Centroids::new(chosen[seen * dim..].to_vec(), dim);
            self.label(rows, &newest, &mut labels, counted)?;
            for ((row, label), nearest) in rows.chunks_exact(dim).zip(&labels).zip(&mut distances) {
                *nearest = nearest.min(distance(row, newest.row(*label as usize), self.scale));
            }
            seen = chosen.len() / dim;
            if !self.propose(rows, &distances, &mut chosen, seen.min(len - seen).min(PROPOSALS_MAX)) {
                break;
            }
        }
        Ok(chosen)
    }

    /// Adds up to `proposals` rows to `chosen`, and at least one unless all distances are zero.
    fn propose(&mut self, rows: &[f32], distances: &[f32], chosen: &mut Vec<f32>, proposals: usize) -> bool {
        let mut sum = 0.0;
        let sums = distances.iter().map(|distance| {
            sum += f64::from(*distance);
            sum
        });
        let sums: Vec<f64> = sums.collect();
        if sum == 0.0 {
            return false;
        }
        let first = chosen.len();
        for _ in 0..proposals {
            let target = self.rng.random::<f64>() * sum;
            let drawn = sums.partition_point(|sum| *sum <= target).min(sums.len() - 1);
            let row = &rows[drawn * self.dim..][..self.dim];
            let others = chosen[first..].chunks_exact(self.dim);
            let left = others.map(|other| distance(row, other, self.scale)).fold(f32::INFINITY, f32::min);
            // Nothing was chosen before the first proposal, so its distance stands.
            if chosen.len() == first || self.rng.random::<f32>() * distances[drawn] < left {
                chosen.extend_from_slice(row);
            }
        }
        true
    }
}

/// The clusters that give rows to the empty ones, and how many each.
fn donors(clusters: &Clusters, losses: &[f64]) -> Vec<(usize, usize)> {
    let rows = |label: usize| clusters.rows(label).len();
    let empty = (0..clusters.len()).filter(|label| rows(*label) == 0).count();
    let donors = (0..clusters.len()).filter(|label| losses[*label] > 0.0);
    // Rows that a cluster would keep, its label (of equally large ones the lower gives), its gifts.
    let mut crowd: BinaryHeap<_> = donors.map(|label| (rows(label), Reverse(label), 0)).collect();
    for _ in 0..empty {
        let Some(mut largest) = crowd.peek_mut() else { break };
        largest.2 += 1;
        largest.0 = rows(largest.1.0) / (largest.2 + 1);
    }
    let mut donors: Vec<(usize, usize)> =
        crowd.into_iter().map(|(_, label, gifts)| (label.0, gifts)).collect();
    donors.retain(|(_, gifts)| *gifts > 0);
    donors.sort_unstable();
    donors
}

/// The squared distance times `scale`², which keeps it within the range of an f32.
fn distance(a: &[f32], b: &[f32], scale: f32) -> f32 {
    // Eight lanes side by side, which the compiler keeps in vectors.
    let mut lanes = [0.0f32; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            let difference = (a[i] - b[i]) * scale;
            lanes[i] += difference * difference;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| ((a - b) * scale).powi(2));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::super::meter::Meter;
    use super::super::{Options, Threads};
    use super::*;

    #[test]
    fn empty_clusters_take_rows_of_the_largest() {
        // Label 0 has the rows 0 to 7, label 1 the rows 8 and 9, labels 2 to 4 have none.
        let points: Vec<f32> = (0..10).map(|i| i as f32).collect();
        let clusters = Clusters::new(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 1], 5);
        let mut report = |_, _| Ok(());
        let mut lloyd = Lloyd::new(Threads::Caller, &points, 1, &Options::new(5), Meter::new(&mut report));
        let mut update =
            Update { values: vec![3.5, 8.5, 100.0, 100.0, 100.0], losses: vec![42.0, 0.5, 0.0, 0.0, 0.0] };

        assert_eq!(lloyd.fill_empty(&mut update, &clusters).unwrap(), 3);

        assert_eq!(update.values[..2], [3.5, 8.5]);
        let mut taken = update.values[2..].to_vec();
        taken.sort_by(f32::total_cmp);
        taken.dedup();
        assert_eq!(taken.len(), 3);
        assert!(taken.iter().all(|value| points[..8].contains(value)), "{taken:?}");
    }

    #[test]
    fn seeds_are_different_rows_as_long_as_there_are_enough() {
        let points: Vec<f32> = (0..40).map(|i| (i / 2) as f32).collect();
        for len in [1, 7, 20, 33] {
            let mut report = |_, _| Ok(());
            let mut lloyd =
                Lloyd::new(Threads::Caller, &points, 1, &Options::new(len), Meter::new(&mut report));

            let mut seeds = lloyd.seeds(len).unwrap();

            assert_eq!(seeds.len(), len);
            seeds.sort_by(f32::total_cmp);
            seeds.dedup();
            assert_eq!(seeds.len(), len.min(20));
        }
    }
}
