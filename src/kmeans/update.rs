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
const PIECE_ROWS: usize = 1024;

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

/// The sum of a piece's differences from the centroid, and of their scaled squares.
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
                    update.move_centroid(piece.label, &mut totals, rows.len());
                }
            }
            meter.advance(0)?;
        }
    }

    /// The loss of all clusters.
    pub(super) fn loss(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// Adds the mean difference to a centroid, and clears the totals for the next one.
    fn move_centroid(&mut self, label: usize, totals: &mut [f64], rows: usize) {
        let centroid = &mut self.values[label * totals.len()..][..totals.len()];
        for (value, total) in centroid.iter_mut().zip(totals) {
            *value = (f64::from(*value) + *total / rows as f64) as f32;
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
        let mut differences = vec![0.0f32; dim];
        // Eight sums side by side, which the compiler keeps in vectors.
        let mut losses = [0.0f32; 8];
        let (centroid_chunks, centroid_rest) = centroid.as_chunks::<8>();
        let (difference_chunks, difference_rest) = differences.as_chunks_mut::<8>();
        for row in self.rows {
            let (chunks, rest) = points[*row as usize * dim..][..dim].as_chunks::<8>();
            for ((values, centroid), sums) in chunks.iter().zip(centroid_chunks).zip(&mut *difference_chunks)
            {
                for lane in 0..8 {
                    let difference = values[lane] - centroid[lane];
                    sums[lane] += difference;
                    losses[lane] += (difference * scale) * (difference * scale);
                }
            }
            for ((value, centroid), sum) in rest.iter().zip(centroid_rest).zip(&mut *difference_rest) {
                let difference = value - centroid;
                *sum += difference;
                losses[0] += (difference * scale) * (difference * scale);
            }
        }
        Sum { differences, loss: losses.iter().map(|loss| f64::from(*loss)).sum() }
    }
}
