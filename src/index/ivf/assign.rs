//! Streaming a column past its centroids.

use rayon::prelude::*;

use super::train::{keep_usable, subtract};
use super::{Partitioning, Space};
use crate::distance::Vectors;
use crate::error::Result;
use crate::index::VectorColumn;
use crate::progress::Progress;

/// Multiplications and additions for one batch: tens of milliseconds of work, so that a build that is
/// cancelled stops at once.
const BATCH_FLOPS: usize = 300_000_000;

/// The largest batch, in bytes of its points.
const BATCH_BYTES: usize = 16 << 20;

/// Some rows of the column and the partitions they belong to.
pub(crate) struct Batch<'a> {
    /// The stored vectors, those without a place included.
    pub(crate) vectors: Vectors<'a>,
    /// Which rows of `vectors` have a place; everything below is about these.
    pub(crate) rows: Vec<usize>,
    pub(crate) row_ids: Vec<u64>,
    /// Rows x point dimensions, the mean removed.
    pub(crate) points: Vec<f32>,
    /// The partition of each row.
    pub(crate) labels: Vec<u32>,
}

/// Hands all rows with a usable vector to `each`, a batch at a time, in the order of the column.
///
/// `flops_per_row` is what `each` computes for a row; batches are cut so that none takes long.
pub(crate) fn for_each_batch(
    column: &VectorColumn,
    space: &Space,
    partitioning: &Partitioning,
    flops_per_row: usize,
    progress: &Progress,
    mut each: impl FnMut(Batch<'_>) -> Result<()>,
) -> Result<()> {
    let batch_rows = batch_rows(space.dim(), partitioning.centroids.len(), flops_per_row);
    let mut done = 0;
    for chunk in column.chunks() {
        for start in (0..chunk.rows()).step_by(batch_rows) {
            progress.step("encode", done, column.row_count())?;
            let rows = start..(start + batch_rows).min(chunk.rows());
            let vectors = chunk.vectors().slice(rows.clone(), space.vector_dim);
            let batch = assign(
                space,
                partitioning,
                vectors,
                |row| chunk.row_id(start + row),
                |row| chunk.is_null(start + row),
            );
            done += rows.len() as u64;
            each(batch)?;
        }
    }
    progress.step("encode", done, column.row_count())
}

fn batch_rows(dim: usize, centroids: usize, flops_per_row: usize) -> usize {
    let by_work = BATCH_FLOPS / (2 * dim * centroids + flops_per_row);
    let by_memory = BATCH_BYTES / (dim * size_of::<f32>());
    by_work.min(by_memory).clamp(64, 1 << 16)
}

fn assign<'a>(
    space: &Space,
    partitioning: &Partitioning,
    vectors: Vectors<'a>,
    row_id: impl Fn(usize) -> u64,
    is_null: impl Fn(usize) -> bool,
) -> Batch<'a> {
    let dim = space.dim();
    let count = vectors.len_values() / space.vector_dim;
    let mut points = vec![0.0; count * dim];
    let mut usable = vec![false; count];
    space.points(vectors, &mut points, &mut usable);
    usable.iter_mut().enumerate().for_each(|(row, usable)| *usable &= !is_null(row));
    keep_usable(&mut points, dim, &usable);

    points.par_chunks_mut(dim).with_min_len(64).for_each(|point| subtract(point, &partitioning.mean));
    let rows: Vec<usize> = (0..count).filter(|&row| usable[row]).collect();
    let row_ids = rows.iter().map(|&row| row_id(row)).collect();
    let mut labels = vec![0; rows.len()];
    partitioning.centroids.nearest(&points, &mut labels);
    Batch { vectors, rows, row_ids, points, labels }
}
