//! Where centroids start: on rows.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::index;

use super::clusters::Clusters;

/// Rows of a crowded cluster that are looked at for a new centroid.
const CANDIDATES_MAX: usize = 4096;

/// The values of `len` rows chosen at random, all different rows as long as there are enough.
pub(super) fn sample(points: &[f32], dim: usize, len: usize, rng: &mut StdRng) -> Vec<f32> {
    let rows = points.len() / dim;
    let chosen = index::sample(rng, rows, len.min(rows)).into_vec();
    chosen.iter().cycle().take(len).flat_map(|row| row_of(points, dim, *row)).copied().collect()
}

/// Moves each centroid without rows to a row of the cluster that has most, and counts them.
///
/// A cluster that has given a row counts as split evenly from then on. Rows are chosen with
/// probability proportional to their squared distance from the centroid, so that a cluster of
/// mostly identical rows gives one of the others; a cluster of identical rows (no loss) gives none.
pub(super) fn fill_empty(
    points: &[f32],
    centroids: &mut [f32],
    clusters: &Clusters,
    losses: &[f64],
    rng: &mut StdRng,
) -> usize {
    let dim = centroids.len() / clusters.len();
    let (empty, mut donors): (Vec<usize>, Vec<usize>) =
        (0..clusters.len()).partition(|label| clusters.rows(*label).is_empty());
    donors.retain(|label| losses[*label] > 0.0);
    let mut given = vec![0; clusters.len()];
    for (filled, label) in empty.iter().enumerate() {
        let share = |label: usize| clusters.rows(label).len() / (given[label] + 1);
        let crowded = donors.iter().copied().filter(|label| share(*label) > 1);
        // Of equally large clusters `max_by_key` takes the last, so the order is reversed.
        let Some(donor) = crowded.rev().max_by_key(|label| share(*label)) else { return filled };
        given[donor] += 1;
        let row = distant_row(points, &centroids[donor * dim..][..dim], clusters.rows(donor), rng);
        centroids[label * dim..][..dim].copy_from_slice(row_of(points, dim, row));
    }
    empty.len()
}

/// A row of `rows`, more likely the further it is from `centroid`.
fn distant_row(points: &[f32], centroid: &[f32], rows: &[u32], rng: &mut StdRng) -> usize {
    let step = rows.len().div_ceil(CANDIDATES_MAX);
    let offset = rng.random_range(0..step.min(rows.len()));
    let candidates = rows[offset..].iter().step_by(step);
    let mut sum = 0.0;
    let sums: Vec<(f64, u32)> = candidates
        .map(|row| {
            sum += distance(row_of(points, centroid.len(), *row as usize), centroid);
            (sum, *row)
        })
        .collect();
    let target = rng.random::<f64>() * sum;
    let at = sums.partition_point(|(sum, _)| *sum <= target).min(sums.len() - 1);
    sums[at].1 as usize
}

/// The squared distance, in f64 so that neither tiny nor huge values are lost.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

fn row_of(points: &[f32], dim: usize, row: usize) -> &[f32] {
    &points[row * dim..][..dim]
}
