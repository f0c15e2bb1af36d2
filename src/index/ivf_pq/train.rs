//! Finding the partitions, and a codebook for what the centroids leave of the rows.

use std::path::Path;

use rayon::prelude::*;

use super::codebook::Codebook;
use super::scan::BlockLayout;
use crate::error::Result;
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::index::config::IvfPqConfig;
use crate::index::ivf::{
    PartitionOptions, Partitioning, Space, Stopwatch, subtract, train as train_partitions,
};
use crate::kmeans;
use crate::progress::Progress;

/// Rows to train the codebook with if the sample rate asks for fewer. For 4 bits it always does, although
/// training 16 codewords takes no time.
const ROWS_MIN: usize = 1 << 14;

/// Passes over the rows that a codebook takes at most. Later ones still lower the loss, but by moving
/// codewords to outliers: on Fashion-MNIST 50 passes find fewer neighbours than 12, in twice the time.
const ITERATIONS_MAX: usize = 12;

/// All that is learned from the rows.
pub(super) struct Trained {
    pub(super) partitioning: Partitioning,
    pub(super) codebook: Codebook,
    pub(super) layout: BlockLayout,
    /// Rows that the partitions were trained with.
    pub(super) sample_rows: usize,
}

/// Trains the partitions, then the codebook on the residuals of the same sample.
pub(super) fn train(
    config: &IvfPqConfig,
    column: &VectorColumn,
    space: &Space,
    folder: &Path,
    session: &Session,
    stopwatch: &mut Stopwatch,
    progress: &Progress,
) -> Result<Trained> {
    let sub_vectors = config.check(column.dim())?;
    let codebook_rows = ((config.sample_rate as usize) << config.bits).max(ROWS_MIN);
    let options = PartitionOptions {
        partitions: config.partitions,
        iterations_max: config.iterations_max,
        sample_rate: config.sample_rate,
        sample_rows_min: codebook_rows,
        seed: config.seed,
    };
    let (partitioning, sample) =
        train_partitions(column, space, &options, folder, session, stopwatch, progress)?;
    let (dim, sample_rows) = (space.dim(), sample.rows());
    let residuals = residuals(&partitioning, sample.into_few(codebook_rows), dim, session, progress)?;
    let on_step = |done, total| progress.step(session.stage("train codebooks"), done, total);
    let iterations_max = (config.iterations_max as usize).min(ITERATIONS_MAX);
    let codebook = Codebook::train_with(
        session,
        &residuals,
        dim,
        sub_vectors,
        config.bits,
        iterations_max,
        config.seed,
        &on_step,
    )?;
    stopwatch.lap("train codebooks");
    Ok(Trained {
        partitioning,
        codebook,
        layout: BlockLayout { sub_vectors, bits: config.bits },
        sample_rows,
    })
}

/// What is left of points when mean and centroids are subtracted.
fn residuals(
    partitioning: &Partitioning,
    mut points: Vec<f32>,
    dim: usize,
    session: &Session,
    progress: &Progress,
) -> Result<Vec<f32>> {
    points.par_chunks_mut(dim).with_min_len(64).for_each(|point| subtract(point, &partitioning.mean));
    let mut labels = vec![0; points.len() / dim];
    kmeans::nearest_with(session, &partitioning.centroids, &points, &mut labels, &|| progress.check())?;
    points.par_chunks_mut(dim).with_min_len(64).zip(labels).for_each(|(point, label)| {
        subtract(point, partitioning.centroids.row(label as usize));
    });
    Ok(points)
}
