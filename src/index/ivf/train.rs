//! Finding the partitions: a sample of the column's rows, their mean, and k-means over them.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::{Space, Stopwatch};
use crate::error::{Error, Result};
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::kmeans::{self, Centroids};
use crate::progress::Progress;

/// The largest sample held in memory, unless that would be less than [`SAMPLE_ROWS_MIN`] for a partition.
const SAMPLE_BYTES_MAX: usize = 1 << 30;

/// Fewer rows than this for each partition make poor centroids.
const SAMPLE_ROWS_MIN: usize = 40;

/// Rows between two looks at the cancel flag.
const STEP_ROWS: usize = 1024;

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
    pub(crate) centroids: Centroids,
    /// Rows x dimensions, the mean removed.
    pub(crate) sample: Vec<f32>,
}

/// Samples the column and finds its partitions.
///
/// # Errors
/// If the column has fewer rows with a usable vector than partitions were asked for, or none at all.
pub(crate) fn train(
    column: &VectorColumn,
    space: &Space,
    options: &PartitionOptions,
    session: &Session,
    stopwatch: &mut Stopwatch,
    progress: &Progress,
) -> Result<Partitioning> {
    let partitions = partition_count(options.partitions, column.row_count())?;
    let rows = sample_rows(partitions, space.dim(), options);
    let mut sample = sample(column, space, rows, options.seed, progress)?;
    let usable = sample.len() / space.dim();
    let partitions = match options.partitions {
        Some(_) => partitions.min(check_usable(partitions, usable)?),
        None => partitions.min(check_usable(1, usable)?),
    };
    let mean = remove_mean(&mut sample, space.dim());
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
        &sample,
        space.dim(),
        &kmeans_options,
        on_step,
    )?;
    stopwatch.lap("train partitions");
    Ok(Partitioning { mean, centroids, sample })
}

/// How many partitions to make of so many rows.
fn partition_count(asked: Option<u32>, rows: u64) -> Result<usize> {
    if rows == 0 {
        return Err(no_rows());
    }
    let default = (rows as f64).sqrt().round().max(1.0) as usize;
    match asked {
        None => Ok(default),
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
    let affordable = (SAMPLE_BYTES_MAX / (dim * size_of::<f32>())).max(partitions * SAMPLE_ROWS_MIN);
    // Never fewer than partitions, or k-means could not choose its first centroids among them.
    wanted.min(affordable).max(partitions)
}

/// Points of up to `wanted` rows, spread evenly over the column; rows that cannot be indexed are left out.
fn sample(
    column: &VectorColumn,
    space: &Space,
    wanted: usize,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<f32>> {
    let offsets = sample_offsets(column.row_count(), wanted, seed);
    let (dim, total) = (space.dim(), offsets.len() as u64);
    let mut points = vec![0.0; offsets.len() * dim];
    let mut usable = vec![false; offsets.len()];
    for (step, offsets) in offsets.chunks(STEP_ROWS).enumerate() {
        let rows = step * STEP_ROWS..step * STEP_ROWS + offsets.len();
        progress.step("sample", rows.start as u64, total)?;
        let points = points[rows.start * dim..rows.end * dim].par_chunks_mut(dim);
        points.zip(&mut usable[rows]).zip(offsets).for_each(|((point, usable), &offset)| {
            if let Some((chunk, row)) =
                column.locate_offset(offset).filter(|(chunk, row)| !chunk.is_null(*row))
            {
                let vector = chunk.vectors().slice(row..row + 1, space.vector_dim);
                space.points_of_task(vector, point, std::slice::from_mut(usable));
            }
        });
    }
    keep_usable(&mut points, dim, &usable);
    progress.step("sample", total, total)?;
    Ok(points)
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

/// `wanted` of the numbers `0..rows`, ascending, one from each of as many equal stretches.
fn sample_offsets(rows: u64, wanted: usize, seed: u64) -> Vec<u64> {
    let wanted = (wanted as u64).min(rows);
    let mut random = StdRng::seed_from_u64(seed);
    let start = |i: u64| (u128::from(i) * u128::from(rows) / u128::from(wanted)) as u64;
    (0..wanted).map(|i| random.random_range(start(i)..start(i + 1))).collect()
}

/// Subtracts the mean of all points from each, and returns it.
fn remove_mean(points: &mut [f32], dim: usize) -> Vec<f32> {
    let rows = points.len() / dim;
    // Sums of fixed groups of rows, added in order: the same mean for any number of threads.
    let sums: Vec<Vec<f64>> = points
        .par_chunks(STEP_ROWS * dim)
        .map(|group| {
            let mut sum = vec![0.0f64; dim];
            for point in group.chunks_exact(dim) {
                sum.iter_mut().zip(point).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            sum
        })
        .collect();
    let mean: Vec<f32> =
        (0..dim).map(|d| (sums.iter().map(|sum| sum[d]).sum::<f64>() / rows as f64) as f32).collect();
    points.par_chunks_mut(dim).for_each(|point| subtract(point, &mean));
    mean
}

/// `point -= other`.
pub(crate) fn subtract(point: &mut [f32], other: &[f32]) {
    point.iter_mut().zip(other).for_each(|(value, other)| *value -= other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_no_row_twice_and_all_rows_when_they_are_few() {
        assert_eq!(sample_offsets(5, 100, 1), [0, 1, 2, 3, 4]);

        let offsets = sample_offsets(1_000_003, 1000, 7);
        assert_eq!(offsets.len(), 1000);
        assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(offsets, sample_offsets(1_000_003, 1000, 8));
    }

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

    #[test]
    fn the_mean_of_what_is_left_is_zero() {
        let mut points = vec![1.0, 10.0, 3.0, 30.0];

        assert_eq!(remove_mean(&mut points, 2), [2.0, 20.0]);
        assert_eq!(points, [-1.0, -10.0, 1.0, 10.0]);
    }
}
