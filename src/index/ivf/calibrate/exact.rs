//! The true neighbours of many rows at once: one pass over the column, as a product of two matrices in which
//! only the few nearest of each column are kept.

use rayon::prelude::*;

use super::{Meter, Queries};
use crate::distance::{Metric, norm_squared};
use crate::error::Result;
use crate::index::ivf::Space;
use crate::index::ivf::train::subtract;
use crate::index::{Candidate, TopK, VectorChunk, VectorColumn};
use crate::kmeans::Scores;

/// Queries that one task compares with a batch of rows: their values stay in L2.
const GROUP: usize = 64;

/// Rows whose scores are computed before they are looked at; a multiple of what kernels take at a time.
const TILE_ROWS: usize = 96;

/// Multiplications and additions between two looks at the cancel flag: some 5 ms on two cores.
const BATCH_FLOPS: usize = 500_000_000;

/// The largest batch, in bytes of its points.
const BATCH_BYTES: usize = 16 << 20;

/// The ids of the `k` rows nearest to each query, nearest first, the query's own row left out.
pub(super) fn nearest(
    column: &VectorColumn,
    space: &Space,
    mean: &[f32],
    queries: &Queries,
    k: usize,
    meter: &Meter<'_>,
) -> Result<Vec<Vec<u64>>> {
    let dim = space.dim();
    let mut groups: Vec<Group> = queries
        .row_ids
        .chunks(GROUP)
        .zip(queries.points.chunks(GROUP * dim))
        .map(|(row_ids, points)| Group::new(row_ids, points, dim, k))
        .collect();
    let by_work = BATCH_FLOPS / (2 * dim * queries.row_ids.len());
    let by_memory = BATCH_BYTES / (dim * size_of::<f32>());
    let batch_rows = by_work.min(by_memory).max(TILE_ROWS);
    let mut batch = Batch::default();
    for chunk in column.chunks() {
        for start in (0..chunk.rows()).step_by(batch_rows) {
            let rows = start..(start + batch_rows).min(chunk.rows());
            meter.add(rows.len() as u64)?;
            batch.read(chunk, rows, space, mean);
            groups.par_iter_mut().with_max_len(1).for_each(|group| group.meet(&batch, dim));
        }
    }
    let ids = |top: TopK| top.into_sorted().into_iter().map(|candidate| candidate.row_id).collect();
    Ok(groups.into_iter().flat_map(|group| group.tops).map(ids).collect())
}

/// Some rows of the column.
#[derive(Default)]
struct Batch {
    row_ids: Vec<u64>,
    points: Vec<f32>,
    usable: Vec<bool>,
    /// What the score of a row, minus its product with the query, lacks: for dot nothing, else half of its
    /// squared length. Infinite for rows without a usable vector.
    biases: Vec<f32>,
}

impl Batch {
    fn read(&mut self, chunk: &VectorChunk, rows: std::ops::Range<usize>, space: &Space, mean: &[f32]) {
        let dim = space.dim();
        self.row_ids.clear();
        self.row_ids.extend(rows.clone().map(|row| chunk.row_id(row)));
        self.points.resize(rows.len() * dim, 0.0);
        self.usable.resize(rows.len(), false);
        self.biases.resize(rows.len(), 0.0);
        let vectors = chunk.vectors().slice(rows.clone(), space.vector_dim);
        space.points(vectors, &mut self.points, &mut self.usable);
        let points = self.points.par_chunks_mut(dim).zip(&mut self.biases).zip(&self.usable).enumerate();
        points.with_min_len(TILE_ROWS).for_each(|(i, ((point, bias), usable))| {
            subtract(point, mean);
            *bias = match space.metric {
                _ if !usable || chunk.is_null(rows.start + i) => f32::INFINITY,
                Metric::Dot => 0.0,
                Metric::L2 | Metric::Cosine | Metric::Hamming => norm_squared(point) / 2.0,
            };
        });
    }
}

/// Some queries, and the nearest rows that each has met.
struct Group {
    scores: Scores,
    own_ids: Vec<u64>,
    tops: Vec<TopK>,
    /// What a row must be below to be near, for each column of the scores.
    thresholds: Vec<f32>,
}

impl Group {
    fn new(row_ids: &[u64], points: &[f32], dim: usize, k: usize) -> Self {
        let scores = Scores::new(points, &vec![0.0; row_ids.len()], dim);
        let mut thresholds = vec![f32::NEG_INFINITY; scores.stride()];
        thresholds[..row_ids.len()].fill(f32::INFINITY);
        let tops = row_ids.iter().map(|_| TopK::new(k)).collect();
        Self { scores, own_ids: row_ids.to_vec(), tops, thresholds }
    }

    fn meet(&mut self, batch: &Batch, dim: usize) {
        let stride = self.scores.stride();
        let mut scores = vec![0.0; TILE_ROWS * stride];
        let tiles = batch.points.chunks(TILE_ROWS * dim).zip(batch.biases.chunks(TILE_ROWS));
        for ((points, biases), row_ids) in tiles.zip(batch.row_ids.chunks(TILE_ROWS)) {
            let scores = &mut scores[..biases.len() * stride];
            self.scores.write(points, scores);
            for ((scores, bias), row_id) in scores.chunks_exact(stride).zip(biases).zip(row_ids) {
                self.offer(scores, *bias, *row_id);
            }
        }
    }

    #[inline]
    fn offer(&mut self, scores: &[f32], bias: f32, row_id: u64) {
        let near = scores.iter().zip(&self.thresholds).fold(false, |near, (s, t)| near | (bias + s < *t));
        if !near {
            return;
        }
        for (i, top) in self.tops.iter_mut().enumerate() {
            let distance = bias + scores[i];
            if distance < self.thresholds[i] && self.own_ids[i] != row_id {
                top.push(Candidate { distance, row_id });
                self.thresholds[i] = top.threshold();
            }
        }
    }
}
