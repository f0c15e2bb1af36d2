//! K-means for every sub-vector at once.
//!
//! Each sub-vector starts from the rows that the CPU would start from, and ends when its own loss says so; the
//! passes in between are made for all of them in the same dispatches.

use rand::rngs::StdRng;
use rayon::prelude::*;

use super::{Centroids, Clusters, Rows, Update};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kmeans::lloyd::{Convergence, Lloyd};
use crate::kmeans::meter::Meter;
use crate::kmeans::{Options, Threads, columns};

/// One sub-vector on its way.
struct Book {
    number: usize,
    centroids: Centroids,
    rng: StdRng,
    convergence: Convergence,
    is_done: bool,
}

/// Finds centroids of each of `books` sub-vectors of `points`, rows x `dim`; sub-vector `i` with the seed
/// `options.seed + i`.
///
/// `on_step(done, total)` counts row-centroid pairs.
pub(in crate::kmeans) fn train_books(
    gpu: &Gpu,
    points: &[f32],
    dim: usize,
    books: usize,
    options: &Options,
    on_step: &(dyn Fn(u64, u64) -> Result<()> + Sync),
) -> Result<Vec<Centroids>> {
    let width = dim / books;
    let total = (points.len() / width * options.centroids * options.iterations_max) as u64;
    let mut done = 0;
    let mut report = |pairs: u64| {
        done = (done + pairs).min(total);
        on_step(done, total)
    };
    let sub_vectors = SubVectors { points, dim, width, options };
    let rows = Rows::load(gpu, points, dim, &mut report)?;
    report(0)?;
    let mut trained: Vec<Book> =
        (0..books).into_par_iter().map(|number| sub_vectors.start(number)).collect::<Result<_>>()?;
    let scale = sub_vectors.scale();
    for _ in 0..options.iterations_max {
        let centroids: Vec<&Centroids> = trained.iter().map(|book| &book.centroids).collect();
        let passed = rows.pass(&centroids, scale, &mut report)?;
        trained
            .par_iter_mut()
            .zip(passed)
            .filter(|(book, _)| !book.is_done)
            .try_for_each(|(book, (clusters, update))| sub_vectors.step(book, &clusters, update))?;
        if trained.iter().all(|book| book.is_done) {
            break;
        }
    }
    on_step(total, total)?;
    Ok(trained.into_iter().map(|book| book.centroids).collect())
}

/// The rows, and how they are cut.
struct SubVectors<'a> {
    points: &'a [f32],
    dim: usize,
    width: usize,
    options: &'a Options,
}

impl SubVectors<'_> {
    /// The first centroids of one.
    fn start(&self, number: usize) -> Result<Book> {
        let (seeds, rng) = self.with_lloyd(number, |lloyd| lloyd.seeds(self.options.centroids))?;
        Ok(Book {
            number,
            centroids: Centroids::new(seeds, self.width),
            rng,
            convergence: Convergence::new(self.options.tolerance),
            is_done: false,
        })
    }

    /// Moves the centroids of one.
    fn step(&self, book: &mut Book, clusters: &Clusters, mut update: Update) -> Result<()> {
        let mut filled = 0;
        if (0..clusters.len()).any(|label| clusters.rows(label).is_empty()) {
            (filled, book.rng) = self.with_lloyd(book.number, |lloyd| {
                std::mem::swap(&mut lloyd.rng, &mut book.rng);
                lloyd.fill_empty(&mut update, clusters)
            })?;
        }
        book.is_done = book.convergence.ends(update.loss(), filled);
        book.centroids = Centroids::new(update.values, self.width);
        Ok(())
    }

    /// Runs `work` with the rows of one sub-vector, and returns the random numbers left over too.
    fn with_lloyd<T>(
        &self,
        number: usize,
        work: impl FnOnce(&mut Lloyd<'_>) -> Result<T>,
    ) -> Result<(T, StdRng)> {
        let points = columns(self.points, self.dim, number * self.width, self.width);
        let options = Options { seed: self.options.seed.wrapping_add(number as u64), ..*self.options };
        let mut silent = |_, _| Ok(());
        let mut lloyd = Lloyd::new(Threads::Caller, &points, self.width, &options, Meter::new(&mut silent));
        let done = work(&mut lloyd)?;
        Ok((done, lloyd.rng))
    }

    /// Brings the values of all of them to about 1.
    fn scale(&self) -> f32 {
        let mut silent = |_, _| Ok(());
        Lloyd::new(Threads::Caller, self.points, self.dim, self.options, Meter::new(&mut silent)).scale
    }
}
