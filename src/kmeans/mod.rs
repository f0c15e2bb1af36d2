//! K-means: finds centroids, and the nearest centroid of each row.
//!
//! Everything is a function of its input and a seed: work is cut into pieces of fixed size whose
//! results are joined in a fixed order, so the number of threads changes the time and nothing else.
//! Parallel loops run on the current rayon pool; `pool.install(|| train(..))` chooses another.

mod centroids;
mod clusters;
#[cfg(feature = "gpu")]
pub mod gpu;
mod hierarchy;
mod kernel;
mod lloyd;
mod meter;
mod seeds;
#[cfg(test)]
mod tests;
mod update;

pub use centroids::Centroids;

use crate::error::{Error, Result};
use crate::gpu::Session;
use lloyd::Lloyd;
use meter::Meter;

/// More centroids than this are trained in two levels.
const FLAT_CENTROIDS_MAX: usize = 1000;

/// What to find, and how hard to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many centroids; at least 1.
    pub centroids: usize,
    /// Passes over the rows at most. Default: 10.
    pub iterations_max: usize,
    /// Stop when a pass lowers the loss by less than this share. Default: 0.001.
    pub tolerance: f64,
    /// Decides the first centroids. The same rows, options and seed give the same centroids.
    pub seed: u64,
}

impl Options {
    /// The defaults, for this many centroids.
    pub fn new(centroids: usize) -> Self {
        Self { centroids, iterations_max: 10, tolerance: 1e-3, seed: 42 }
    }
}

/// Which threads work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// All of the current rayon pool.
    Pool,
    /// The calling one, because others are busy with work of the same kind.
    Caller,
}

/// The instructions that [`Centroids::nearest`] uses on this machine: `avx512`, `avx2` or `plain`.
pub fn instruction_set() -> &'static str {
    kernel::fastest().name
}

/// Finds `options.centroids` centroids of `points`, rows x `dim`, that lie near the rows.
///
/// Fewer (distinct) rows than centroids are fine: centroids then repeat. Above 1000 centroids the
/// rows are first split coarsely and each part is trained alone; two passes over everything follow.
///
/// `on_iteration(done, total)` is called on the calling thread after every few milliseconds of
/// work, in units of row-centroid pairs.
///
/// # Errors
/// The first error of `on_iteration`, at once; [`Error::NotEnoughRows`] if there is no row.
///
/// # Panics
/// If `dim` or `options.centroids` is 0, or `points` does not consist of whole rows. Values must be
/// finite: a NaN or an infinity spoils the centroids (but neither panics nor hangs).
pub fn train(
    points: &[f32],
    dim: usize,
    options: &Options,
    on_iteration: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Centroids> {
    train_with(Threads::Pool, None, points, dim, options, on_iteration)
}

/// [`train`], on the threads of choice.
pub(crate) fn train_on(
    threads: Threads,
    points: &[f32],
    dim: usize,
    options: &Options,
    on_iteration: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Centroids> {
    train_with(threads, None, points, dim, options, on_iteration)
}

/// [`train_on`], with the passes over all rows on the GPU of `session` if it has one.
pub(crate) fn train_with(
    threads: Threads,
    session: Option<&Session>,
    points: &[f32],
    dim: usize,
    options: &Options,
    on_iteration: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Centroids> {
    assert!(dim > 0 && options.centroids > 0, "k-means needs dimensions and centroids");
    assert_eq!(points.len() % dim, 0, "points must be whole rows");
    if points.is_empty() {
        return Err(Error::NotEnoughRows {
            reason: "k-means needs at least one row, but there is none".into(),
        });
    }
    let mut lloyd = Lloyd::new(threads, points, dim, options, Meter::new(on_iteration)).with(session);
    if options.centroids > FLAT_CENTROIDS_MAX && points.len() / dim > options.centroids {
        return hierarchy::train(lloyd, options);
    }
    lloyd.meter.expect(lloyd.train_work(options.centroids, options.iterations_max));
    lloyd.train(options.centroids, options.iterations_max)
}

/// Labels each row of `points` as [`Centroids::nearest`] does, on the GPU of `session` if it has one. From
/// time to time it asks `check` whether to go on.
pub(crate) fn nearest_with(
    session: &Session,
    centroids: &Centroids,
    points: &[f32],
    labels: &mut [u32],
    check: &dyn Fn() -> Result<()>,
) -> Result<()> {
    #[cfg(feature = "gpu")]
    if gpu::nearest_with(session, centroids, points, labels, check)? {
        return Ok(());
    }
    #[cfg(not(feature = "gpu"))]
    let _ = session;
    let work_per_row = centroids.len() * centroids.dim();
    let rows = (rayon::current_num_threads() * lloyd::WORK_PER_CALL / work_per_row).max(64);
    for (labels, points) in labels.chunks_mut(rows).zip(points.chunks(rows * centroids.dim())) {
        check()?;
        centroids.nearest(points, labels);
    }
    Ok(())
}

/// Trains centroids of each of `books` sub-vectors on the GPU of `session`, sub-vector `i` with the seed
/// `options.seed + i`; `None` if it has none, or none any more, or cannot do so many at once.
#[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "there is no GPU"))]
pub(crate) fn train_books(
    session: &Session,
    points: &[f32],
    dim: usize,
    books: usize,
    options: &Options,
    on_step: &(dyn Fn(u64, u64) -> Result<()> + Sync),
) -> Result<Option<Vec<Centroids>>> {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = session.gpu().filter(|gpu| !points.is_empty() && books <= gpu.limits().groups as usize)
    {
        return match gpu::train_books(gpu, points, dim, books, options, on_step) {
            Ok(trained) => Ok(Some(trained)),
            Err(error) => session.fall_back(error).map(|()| None),
        };
    }
    Ok(None)
}

/// Copies `width` columns from `first` on, so that k-means reads them one after the other.
pub(crate) fn columns(points: &[f32], dim: usize, first: usize, width: usize) -> Vec<f32> {
    let mut columns = Vec::with_capacity(points.len() / dim * width);
    points.chunks_exact(dim).for_each(|row| columns.extend_from_slice(&row[first..first + width]));
    columns
}
