//! Finding the partitions: a sample of the column's rows, their mean, and k-means over them.

use std::path::Path;

use super::sample::{MEMORY_BYTES_MAX, Sample};
use super::{Space, Stopwatch};
use crate::error::{Error, Result};
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::index::config::default_partitions;
use crate::kmeans::{self, Centroids};
use crate::progress::Progress;

/// Fewer rows than this for each partition make poor centroids, so that a sample may outgrow memory.
const SAMPLE_ROWS_MIN: usize = 40;

/// What is asked of the partitions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartitionOptions {
    /// How many, or `None` for the square root of the number of rows.
    pub(crate) partitions: Option<u32>,
    pub(crate) iterations_max: u32,
    /// Rows to train on for each partition.
    pub(crate) sample_rate: u32,
    /// Rows to sample even if the partitions need fewer.
    pub(crate) sample_rows_min: usize,
    pub(crate) seed: u64,
}

/// The partitions, and the sample that they were found with.
pub(crate) struct Partitioning {
    /// The sample's mean, subtracted from every point.
    pub(crate) mean: Vec<f32>,
    /// The mean removed.
    pub(crate) centroids: Centroids,
}

/// Samples the column and finds its partitions. What memory does not hold of the sample is in `folder` for as
/// long as the sample is there.
///
/// # Errors
/// If the column has fewer rows with a usable vector than partitions were asked for, or none at all.
pub(crate) fn train(
    column: &VectorColumn,
    space: &Space,
    options: &PartitionOptions,
    folder: &Path,
    session: &Session,
    stopwatch: &mut Stopwatch,
    progress: &Progress,
) -> Result<(Partitioning, Sample)> {
    let partitions = partition_count(options.partitions, column.row_count())?;
    let rows = sample_rows(partitions, space.dim(), options);
    let sample = Sample::draw(column, space, rows, options.seed, folder, progress)?;
    let usable = sample.rows();
    let partitions = match options.partitions {
        Some(_) => partitions.min(check_usable(partitions, usable)?),
        None => partitions.min(check_usable(1, usable)?),
    };
    stopwatch.lap("sample");

    let kmeans_options = kmeans::Options {
        centroids: partitions,
        iterations_max: options.iterations_max as usize,
        tolerance: 1e-3,
        seed: options.seed,
    };
    let on_step = &mut |done, total| progress.step(session.stage("train partitions"), done, total);
    let centroids = kmeans::train_with(
        kmeans::Threads::Pool,
        Some(session),
        sample.points(),
        space.dim(),
        &kmeans_options,
        on_step,
    )?;
    let (mean, mut values) = (sample.mean().to_vec(), centroids.into_values());
    values.chunks_exact_mut(space.dim()).for_each(|centroid| subtract(centroid, &mean));
    stopwatch.lap("train partitions");
    Ok((Partitioning { mean, centroids: Centroids::new(values, space.dim()) }, sample))
}

/// How many partitions to make of so many rows.
fn partition_count(asked: Option<u32>, rows: u64) -> Result<usize> {
    if rows == 0 {
        return Err(no_rows());
    }
    let default = default_partitions(rows);
    match asked {
        None => Ok(default as usize),
        Some(asked) if u64::from(asked) <= rows => Ok(asked as usize),
        Some(asked) => Err(Error::invalid(
            "numPartitions",
            asked,
            format!(
                "the table has {rows} rows; ask for at most {rows}, or leave it out (then it is {default})"
            ),
        )),
    }
}

/// The number of usable rows, if there are enough of them for so many partitions.
fn check_usable(partitions: usize, usable: usize) -> Result<usize> {
    if usable == 0 {
        return Err(no_rows());
    }
    if usable >= partitions {
        return Ok(usable);
    }
    let reason = format!(
        "numPartitions is {partitions}, but only {usable} rows have a vector that can be indexed (the others \
         are null, or hold NaN, or are zero under cosine); ask for at most {usable}"
    );
    Err(Error::NotEnoughRows { reason })
}

fn no_rows() -> Error {
    let reason =
        "the column has no row with a vector that can be indexed; add rows before the index".to_owned();
    Error::NotEnoughRows { reason }
}

/// How many rows to sample for so many partitions.
fn sample_rows(partitions: usize, dim: usize, options: &PartitionOptions) -> usize {
    let wanted = partitions.saturating_mul(options.sample_rate as usize).max(options.sample_rows_min);
    let affordable = (MEMORY_BYTES_MAX / (dim * size_of::<f32>())).max(partitions * SAMPLE_ROWS_MIN);
    // Never fewer than partitions, or k-means could not choose its first centroids among them.
    wanted.min(affordable).max(partitions)
}

/// Moves the usable points to the front and drops the others.
pub(crate) fn keep_usable(points: &mut Vec<f32>, dim: usize, usable: &[bool]) {
    let mut kept = 0;
    for row in (0..usable.len()).filter(|&row| usable[row]) {
        if kept != row {
            points.copy_within(row * dim..(row + 1) * dim, kept * dim);
        }
        kept += 1;
    }
    points.truncate(kept * dim);
}

/// `point -= other`.
pub(crate) fn subtract(point: &mut [f32], other: &[f32]) {
    point.iter_mut().zip(other).for_each(|(value, other)| *value -= other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_default_to_the_square_root_of_the_rows() {
        assert_eq!(partition_count(None, 1).unwrap(), 1);
        assert_eq!(partition_count(None, 1000).unwrap(), 32);
        assert_eq!(partition_count(None, 1_000_000).unwrap(), 1000);
    }

    #[test]
    fn more_partitions_than_rows_names_both_numbers() {
        let error = partition_count(Some(1000), 256).unwrap_err();

        assert_eq!(error.code(), "INVALID_ARGUMENT");
        assert_eq!(
            error.to_string(),
            "numPartitions is 1000, but the table has 256 rows; ask for at most 256, or leave it out (then it is 16)"
        );
    }
}
