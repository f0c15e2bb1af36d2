//! Moves each centroid to the mean of its rows, and measures how far the rows were.
//!
//! Sums are of differences from the old centroid, which are small where the values need not be: f32
//! is exact enough for a piece of rows, and pieces are joined in f64.

use rayon::prelude::*;

use super::clusters::Clusters;
use super::meter::Meter;
use super::{Centroids, Threads};
use crate::error::Result;

/// Rows of one cluster that are summed in f32. Fixed, so that threads do not change the sums.
pub(super) const PIECE_ROWS: usize = 1024;

/// Values that a thread sums between two calls of the meter: some milliseconds.
const VALUES_PER_CALL: usize = 4 << 20;

/// What one pass over the rows found.
pub(super) struct Update {
    /// The new centroids, with those of empty clusters where they were.
    pub(super) values: Vec<f32>,
    /// The sum of squared distances of each cluster's rows to the old centroid, times `scale`².
    pub(super) losses: Vec<f64>,
}

/// Some rows of one cluster.
struct Piece<'a> {
    label: usize,
    rows: &'a [u32],
}

/// The sum of a piece's scaled differences from the centroid, and of their squares.
struct Sum {
    differences: Vec<f32>,
    loss: f64,
}

impl Update {
    /// One pass over all rows, in the order of their labels.
    pub(super) fn new(
        threads: Threads,
        points: &[f32],
        centroids: &Centroids,
        clusters: &Clusters,
        scale: f32,
        meter: &mut Meter<'_>,
    ) -> Result<Self> {
        let mut update = Self { values: centroids.values().to_vec(), losses: vec![0.0; clusters.len()] };
        let sum = |piece: &Piece<'_>| piece.sum(points, centroids.row(piece.label), scale);
        let mut totals = vec![0.0f64; centroids.dim()];
        let mut pieces = pieces(clusters);
        loop {
            let group = next_group(&mut pieces, centroids.dim(), threads);
            if group.is_empty() {
                return Ok(update);
            }
            let sums: Vec<Sum> = match threads {
                Threads::Pool => group.par_iter().map(sum).collect(),
                Threads::Caller => group.iter().map(sum).collect(),
            };
            for (piece, sum) in group.iter().zip(sums) {
                update.losses[piece.label] += sum.loss;
                totals.iter_mut().zip(sum.differences).for_each(|(total, d)| *total += f64::from(d));
                let rows = clusters.rows(piece.label);
                if rows.last() == piece.rows.last() {
                    update.move_centroid(piece.label, &mut totals, rows.len() as f64 * f64::from(scale));
                }
            }
            meter.advance(0)?;
        }
    }

    /// The loss of all clusters.
    pub(super) fn loss(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// Adds the mean difference, totals by divisor, to a centroid, and clears the totals for the next.
    pub(super) fn move_centroid(&mut self, label: usize, totals: &mut [f64], divisor: f64) {
        let centroid = &mut self.values[label * totals.len()..][..totals.len()];
        for (value, total) in centroid.iter_mut().zip(totals) {
            *value = (f64::from(*value) + *total / divisor) as f32;
            *total = 0.0;
        }
    }
}

/// All pieces, in the order of labels and rows.
fn pieces(clusters: &Clusters) -> impl Iterator<Item = Piece<'_>> {
    (0..clusters.len())
        .flat_map(|label| clusters.rows(label).chunks(PIECE_ROWS).map(move |rows| Piece { label, rows }))
}

/// The next pieces that together keep the threads busy for some milliseconds.
fn next_group<'a>(
    pieces: &mut impl Iterator<Item = Piece<'a>>,
    dim: usize,
    threads: Threads,
) -> Vec<Piece<'a>> {
    let mut values_left = VALUES_PER_CALL * threads.count();
    let mut group = Vec::new();
    while values_left > 0 {
        let Some(piece) = pieces.next() else { break };
        values_left = values_left.saturating_sub(piece.rows.len() * dim);
        group.push(piece);
    }
    group
}

impl Piece<'_> {
    fn sum(&self, points: &[f32], centroid: &[f32], scale: f32) -> Sum {
        let dim = centroid.len();
        let mut sum = Sum { differences: vec![0.0; dim], loss: 0.0 };
        for rows in self.rows.chunks(4) {
            // A row that is missing from the last four is the centroid, which adds nothing.
            let row = |row: &u32| &points[*row as usize * dim..][..dim];
            sum.add(std::array::from_fn(|i| rows.get(i).map_or(centroid, row)), centroid, scale);
        }
        sum
    }
}

impl Sum {
    /// Adds the scaled differences of four rows from the centroid.
    ///
    /// Rows lie anywhere in memory, and four of them are fetched in little more time than one.
    fn add(&mut self, rows: [&[f32]; 4], centroid: &[f32], scale: f32) {
        // Eight lanes side by side, which the compiler keeps in vectors.
        let mut losses = [0.0f32; 8];
        let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] = rows.map(<[f32]>::as_chunks::<8>);
        let (centroid, centroid_rest) = centroid.as_chunks::<8>();
        let (sums, sums_rest) = self.differences.as_chunks_mut::<8>();
        for (((((sum, centroid), a), b), c), d) in sums.iter_mut().zip(centroid).zip(a).zip(b).zip(c).zip(d) {
            for i in 0..8 {
                let (difference, loss) = add_four([a[i], b[i], c[i], d[i]], centroid[i], scale);
                sum[i] += difference;
                losses[i] += loss;
            }
        }
        for (i, (sum, centroid)) in sums_rest.iter_mut().zip(centroid_rest).enumerate() {
            let values = [a_rest[i], b_rest[i], c_rest[i], d_rest[i]];
            let (difference, loss) = add_four(values, *centroid, scale);
            *sum += difference;
            losses[i] += loss;
        }
        self.loss += f64::from(losses.iter().sum::<f32>());
    }
}

/// The sums of the scaled differences and of their squares.
#[inline(always)]
fn add_four(values: [f32; 4], centroid: f32, scale: f32) -> (f32, f32) {
    let [a, b, c, d] = values.map(|value| (value - centroid) * scale);
    ((a + b) + (c + d), (a * a + b * b) + (c * c + d * d))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows i, i + 0.5, i + 1.0... for row i, labelled i % 3 (never 3).
    fn update(rows: usize, dim: usize, threads: Threads) -> Update {
        let points: Vec<f32> =
            (0..rows).flat_map(|i| (0..dim).map(move |d| i as f32 + 0.5 * d as f32)).collect();
        let labels: Vec<u32> = (0..rows as u32).map(|row| row % 3).collect();
        let centroids = Centroids::new(vec![100.0; 4 * dim], dim);
        let mut report = |_, _| Ok(());
        let mut meter = Meter::new(&mut report);
        Update::new(threads, &points, &centroids, &Clusters::new(&labels, 4), 2f32.powi(-12), &mut meter)
            .unwrap()
    }

    #[test]
    fn centroids_move_to_the_mean_of_their_rows() {
        for (rows, dim) in [(9, 1), (3000, 8), (6600, 21)] {
            let update = update(rows, dim, Threads::Caller);

            for (label, centroid) in update.values.chunks(dim).take(3).enumerate() {
                let mean = label as f32 + (rows - 3) as f32 / 2.0;
                for (d, value) in centroid.iter().enumerate() {
                    assert!((value - mean - 0.5 * d as f32).abs() < 0.01, "{value} for {mean} + {d}/2");
                }
            }
            assert_eq!(update.values[3 * dim..], vec![100.0; dim], "a centroid without rows stays");
        }
    }

    #[test]
    fn the_loss_is_the_squared_distance_to_the_old_centroid() {
        let update = update(300, 1, Threads::Pool);

        let expected: f64 = (0..300).map(|i| f64::from(i - 100).powi(2)).sum();
        assert!((update.loss() * 2f64.powi(24) / expected - 1.0).abs() < 1e-6);
    }
}
