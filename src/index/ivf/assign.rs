//! Streaming a column past its centroids.

use rayon::prelude::*;

use super::train::{keep_usable, subtract};
use super::{Partitioning, Space};
use crate::distance::Vectors;
use crate::error::Result;
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::kmeans;
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
pub(crate) fn for_each_batch<'a>(
    column: &'a VectorColumn,
    space: &Space,
    partitioning: &Partitioning,
    session: &Session,
    flops_per_row: usize,
    progress: &Progress,
    mut each: impl FnMut(Batch<'a>) -> Result<()>,
) -> Result<()> {
    for_each_points(column, space, partitioning, session, flops_per_row, progress, |mut batch| {
        label(partitioning, session, &mut batch, progress)?;
        each(batch)
    })
}

/// Finds the partitions of a batch's rows.
pub(crate) fn label(
    partitioning: &Partitioning,
    session: &Session,
    batch: &mut Batch<'_>,
    progress: &Progress,
) -> Result<()> {
    batch.labels = vec![0; batch.rows.len()];
    let check = || progress.check();
    kmeans::nearest_with(session, &partitioning.centroids, &batch.points, &mut batch.labels, &check)
}

/// As [`for_each_batch`], without labels.
pub(crate) fn for_each_points<'a>(
    column: &'a VectorColumn,
    space: &Space,
    partitioning: &Partitioning,
    session: &Session,
    flops_per_row: usize,
    progress: &Progress,
    mut each: impl FnMut(Batch<'a>) -> Result<()>,
) -> Result<()> {
    let flops_per_row = 2 * space.dim() * partitioning.centroids.len() + flops_per_row;
    let mut done = 0;
    for chunk in column.chunks() {
        let mut start = 0;
        while start < chunk.rows() {
            progress.step(session.stage("encode"), done, column.row_count())?;
            let rows = start..(start + batch_rows(space.dim(), flops_per_row, session)).min(chunk.rows());
            let vectors = chunk.vectors().slice(rows.clone(), space.vector_dim);
            let batch = points(
                space,
                partitioning,
                vectors,
                |row| chunk.row_id(start + row),
                |row| chunk.is_null(start + row),
            );
            done += rows.len() as u64;
            start = rows.end;
            each(batch)?;
        }
    }
    progress.step(session.stage("encode"), done, column.row_count())
}

fn batch_rows(dim: usize, flops_per_row: usize, session: &Session) -> usize {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = session.gpu() {
        return gpu.batch_rows(dim, flops_per_row);
    }
    #[cfg(not(feature = "gpu"))]
    let _ = session;
    let by_work = BATCH_FLOPS / flops_per_row;
    let by_memory = BATCH_BYTES / (dim * size_of::<f32>());
    by_work.min(by_memory).clamp(64, 1 << 16)
}

fn points<'a>(
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
    Batch { vectors, rows, row_ids, points, labels: Vec::new() }
}
