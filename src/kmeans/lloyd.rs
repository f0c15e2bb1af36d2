//! Lloyd's iteration: label every row, move every centroid, until little changes.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::centroids::{largest, scale_to_one};
use super::clusters::Clusters;
use super::meter::Meter;
use super::update::Update;
use super::{Centroids, Options, Threads};
use crate::error::Result;
use crate::gpu::Session;

/// Multiply-adds that a thread does between two calls of the meter: 2.5 ms on a fast core, 25 ms on
/// a slow one that shares its time.
pub(super) const WORK_PER_CALL: usize = 256 << 20;

/// The most passes that count as work to come.
const ITERATIONS_COUNTED: usize = 1000;

/// Passes without gain after which empty clusters stay empty.
const STALLED_MAX: u32 = 3;

/// Rows for each centroid, and for all of them at least, that all but the last passes visit.
const FEW_ROWS_RATE: usize = 64;
const FEW_ROWS_MIN: usize = 1 << 14;

/// Passes over all rows after those over few.
const LAST_ITERATIONS: usize = 5;

/// Rows that decide about [`Lloyd::scale`], which need not be exact.
const SCALE_ROWS: usize = 4096;

/// What all passes over one set of rows share.
pub(super) struct Lloyd<'a> {
    pub(super) threads: Threads,
    pub(super) points: &'a [f32],
    pub(super) dim: usize,
    pub(super) meter: Meter<'a>,
    pub(super) rng: StdRng,
    /// Brings the values to about 1, so that their squares neither overflow nor vanish.
    pub(super) scale: f32,
    tolerance: f64,
    /// A GPU for the passes over all rows, perhaps.
    #[cfg(feature = "gpu")]
    pub(super) session: Option<&'a Session>,
    /// The rows in the memory of that GPU, once they are there.
    #[cfg(feature = "gpu")]
    pub(super) resident: Option<super::gpu::Rows<'a>>,
}

/// Decides when further passes are not worth their time.
pub(super) struct Convergence {
    tolerance: f64,
    best: f64,
    stalled: u32,
}

impl Convergence {
    pub(super) fn new(tolerance: f64) -> Self {
        Self { tolerance, best: f64::INFINITY, stalled: 0 }
    }

    /// Whether the pass that found this loss, and filled so many empty clusters, was the last one needed.
    pub(super) fn ends(&mut self, loss: f64, filled: usize) -> bool {
        // Not `loss > ...`: a loss that is not a number must end the loop too.
        let improves = self.best - loss > self.tolerance * self.best || self.best == f64::INFINITY;
        self.stalled = if improves { 0 } else { self.stalled + 1 };
        self.best = self.best.min(loss);
        // New places for empty clusters may need a pass to pay off. Where rows are nearly alike they never do,
        // and never end.
        loss == 0.0 || self.stalled > if filled > 0 { STALLED_MAX } else { 0 }
    }
}

/// Whether labelling rows is part of what the meter expects, or comes on top.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    Yes,
    No,
}

impl Threads {
    /// How many there are.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Pool => rayon::current_num_threads(),
            Self::Caller => 1,
        }
    }
}

impl<'a> Lloyd<'a> {
    pub(super) fn new(
        threads: Threads,
        points: &'a [f32],
        dim: usize,
        options: &Options,
        meter: Meter<'a>,
    ) -> Self {
        let rng = StdRng::seed_from_u64(options.seed);
        Self {
            threads,
            points,
            dim,
            meter,
            rng,
            scale: scale_of(points, dim),
            tolerance: options.tolerance,
            #[cfg(feature = "gpu")]
            session: None,
            #[cfg(feature = "gpu")]
            resident: None,
        }
    }

    /// Makes the passes over all rows on the session's GPU, if it has one.
    #[cfg_attr(not(feature = "gpu"), expect(unused_mut, unused_variables, reason = "there is no GPU"))]
    pub(super) fn with(mut self, session: Option<&'a Session>) -> Self {
        #[cfg(feature = "gpu")]
        {
            self.session = session;
        }
        self
    }

    pub(super) fn rows(&self) -> usize {
        self.points.len() / self.dim
    }

    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        &self.points[row * self.dim..][..self.dim]
    }

    /// The work of that many passes, as the meter counts it.
    pub(super) fn work(&self, centroids: usize, iterations: usize) -> u64 {
        // Far more passes may be asked for than are ever made.
        self.rows() as u64 * centroids as u64 * iterations.min(ITERATIONS_COUNTED) as u64
    }

    /// Centroids from nothing: seeds, passes over few of the rows, and the last passes over all of them.
    ///
    /// A few rows show where centroids belong as well as many do, in a fraction of the time; what many
    /// rows add is the exact place, which takes some passes more (nested mini-batches).
    pub(super) fn train(&mut self, centroids: usize, iterations_max: usize) -> Result<Centroids> {
        let seeds = self.seeds(centroids)?;
        let Some(few) = self.few_rows(centroids, iterations_max) else {
            return self.refine(seeds, iterations_max);
        };
        let all = self.rows();
        let rows = (0..few).map(|i| (i as u64 * all as u64 / few as u64) as usize);
        let found = self.with_rows(rows, |lloyd| {
            lloyd.meter.expect(lloyd.work(centroids, iterations_max - LAST_ITERATIONS));
            lloyd.refine(seeds, iterations_max - LAST_ITERATIONS)
        })?;
        self.refine(found.into_values(), LAST_ITERATIONS)
    }

    /// The work of [`Lloyd::train`].
    pub(super) fn train_work(&self, centroids: usize, iterations_max: usize) -> u64 {
        let pairs = |rows: usize| rows as u64 * centroids as u64;
        let passes = match self.few_rows(centroids, iterations_max) {
            None => self.work(centroids, iterations_max),
            Some(few) => {
                let iterations = (iterations_max - LAST_ITERATIONS).min(ITERATIONS_COUNTED);
                pairs(few) * iterations as u64 + self.work(centroids, LAST_ITERATIONS)
            }
        };
        pairs(self.seed_rows(centroids)) + passes
    }

    /// How many rows the first passes visit, if that saves anything.
    fn few_rows(&self, centroids: usize, iterations_max: usize) -> Option<usize> {
        let few = (FEW_ROWS_RATE * centroids).max(FEW_ROWS_MIN);
        (iterations_max > LAST_ITERATIONS && few <= self.rows() / 2).then_some(few)
    }

    /// Does `work` with a copy of some of the rows; its progress is ours.
    pub(super) fn with_rows<T>(
        &mut self,
        rows: impl Iterator<Item = usize>,
        work: impl FnOnce(&mut Lloyd<'_>) -> Result<T>,
    ) -> Result<T> {
        let points: Vec<f32> = rows.flat_map(|row| self.row(row)).copied().collect();
        let mut before = 0;
        let mut report = |done: u64, _| {
            let work = done - std::mem::replace(&mut before, done);
            self.meter.advance(work)
        };
        let mut part = Lloyd {
            threads: self.threads,
            points: &points,
            dim: self.dim,
            meter: Meter::new(&mut report),
            rng: StdRng::seed_from_u64(self.rng.random()),
            scale: self.scale,
            tolerance: self.tolerance,
            #[cfg(feature = "gpu")]
            session: self.session,
            #[cfg(feature = "gpu")]
            resident: None,
        };
        work(&mut part)
    }

    /// Improves `values`, centroids x `dim`, by up to `iterations_max` passes over all rows.
    pub(super) fn refine(&mut self, values: Vec<f32>, iterations_max: usize) -> Result<Centroids> {
        let mut centroids = Centroids::new(values, self.dim);
        let finished = self.meter.done() + self.work(centroids.len(), iterations_max);
        let mut labels = Vec::new();
        let mut convergence = Convergence::new(self.tolerance);
        for _ in 0..iterations_max {
            let (clusters, mut update) = self.pass(&centroids, &mut labels)?;
            let filled = self.fill_empty(&mut update, &clusters)?;
            let loss = update.loss();
            centroids = Centroids::new(update.values, self.dim);
            if convergence.ends(loss, filled) {
                break;
            }
        }
        self.meter.advance_to(finished)?;
        Ok(centroids)
    }

    /// Labels all rows, and moves each centroid to the mean of those that got its label.
    fn pass(&mut self, centroids: &Centroids, labels: &mut Vec<u32>) -> Result<(Clusters, Update)> {
        #[cfg(feature = "gpu")]
        if let Some(passed) = self.pass_on_gpu(centroids)? {
            return Ok(passed);
        }
        labels.resize(self.rows(), 0);
        self.label(self.points, centroids, labels, Counted::Yes)?;
        let clusters = Clusters::new(labels, centroids.len());
        let update = self.update(centroids, &clusters)?;
        Ok((clusters, update))
    }

    /// The label of every row.
    pub(super) fn labels(&mut self, centroids: &Centroids) -> Result<Vec<u32>> {
        #[cfg(feature = "gpu")]
        if let Some(labels) = self.labels_on_gpu(centroids)? {
            return Ok(labels);
        }
        let mut labels = vec![0; self.rows()];
        self.label(self.points, centroids, &mut labels, Counted::Yes)?;
        Ok(labels)
    }

    /// [`Centroids::nearest`], with calls of the meter in between.
    pub(super) fn label(
        &mut self,
        points: &[f32],
        centroids: &Centroids,
        labels: &mut [u32],
        counted: Counted,
    ) -> Result<()> {
        let work_per_row = centroids.len() * self.dim;
        let rows = (self.threads.count() * WORK_PER_CALL / work_per_row).max(1);
        let rows = rows.next_multiple_of(centroids.task_rows());
        for (labels, points) in labels.chunks_mut(rows).zip(points.chunks(rows * self.dim)) {
            centroids.nearest_on(self.threads, points, labels);
            self.meter.advance(match counted {
                Counted::Yes => labels.len() as u64 * centroids.len() as u64,
                Counted::No => 0,
            })?;
        }
        Ok(())
    }

    fn update(&mut self, centroids: &Centroids, clusters: &Clusters) -> Result<Update> {
        Update::new(self.threads, self.points, centroids, clusters, self.scale, &mut self.meter)
    }
}

fn scale_of(points: &[f32], dim: usize) -> f32 {
    let rows = points.chunks_exact(dim);
    let step = rows.len().div_ceil(SCALE_ROWS).max(1);
    scale_to_one(rows.step_by(step).map(largest).fold(0.0, f32::max))
}
