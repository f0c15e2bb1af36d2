//! The search for the nearest centroid, written once over a vector of any width.
//!
//! A tile of rows x columns of scores is accumulated in registers, and every finished vector of
//! scores at once meets the smallest so far of its lanes: no score is ever stored.

use super::{STRIP, Strips};

/// Rows that share one pass over the centroids, in tiles. Their smallest scores stay in L1, and
/// centroids that outgrow L2 are read once for all of them.
const BLOCK_TILES: usize = 16;

/// How much of the centroids one pass works on: half of a small L2.
const PANEL_BYTES: usize = 256 << 10;

/// A vector of `f32` lanes. The methods may be called only where the CPU has the instructions.
pub(super) trait Lanes: Copy {
    /// How many values a vector holds. Divides [`STRIP`].
    const WIDTH: usize;
    /// The outcome of a comparison, lane by lane.
    type Mask: Copy;

    unsafe fn splat(value: f32) -> Self;
    /// Reads `WIDTH` values at any alignment.
    unsafe fn load(source: *const f32) -> Self;
    /// Writes `WIDTH` values at any alignment.
    unsafe fn store(self, target: *mut f32);
    /// `self - a * b`.
    unsafe fn sub_product(self, a: Self, b: Self) -> Self;
    unsafe fn less(self, other: Self) -> Self::Mask;
    /// `a` where the mask is set, `self` elsewhere.
    unsafe fn replace(self, mask: Self::Mask, a: Self) -> Self;
    /// The lowest of `columns + 0, 1, 2...` among the lanes that hold the smallest of `self`.
    unsafe fn column_of_smallest(self, columns: Self) -> f32;
}

/// The smallest score that each lane has seen, and the first column of the vector it came from.
///
/// Columns are `f32`, exact up to 2^24, so that both travel through the same instructions.
#[derive(Clone, Copy)]
struct Smallest<V> {
    score: V,
    column: V,
}

impl<V: Lanes> Smallest<V> {
    #[inline(always)]
    unsafe fn new() -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe { Self { score: V::splat(f32::INFINITY), column: V::splat(0.0) } }
    }

    /// Strictly smaller wins, so that of equal scores in a lane the first column stays.
    #[inline(always)]
    unsafe fn meet(&mut self, score: V, column: V) {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            let smaller = score.less(self.score);
            self.score = self.score.replace(smaller, score);
            self.column = self.column.replace(smaller, column);
        }
    }
}

impl Strips {
    /// Where the first dimension of a vector of columns is; the next is [`STRIP`] values further.
    #[inline(always)]
    fn column(&self, vector: usize, width: usize) -> *const f32 {
        let (strip, offset) = (vector * width / STRIP, vector * width % STRIP);
        self.values.as_ptr().wrapping_add(strip * self.dim * STRIP + offset)
    }
}

/// Labels every row with its nearest column: `ROWS` rows and `VECTORS` vectors of columns at a time.
///
/// # Safety
/// The CPU must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn nearest<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    points: &[f32],
    stride: usize,
    labels: &mut [u32],
) {
    strips.check(points, stride, labels);
    let whole = labels.len() / ROWS * ROWS;
    let (labels, rest) = labels.split_at_mut(whole);
    // SAFETY: `check` compared the lengths; the caller vouches for the instructions.
    unsafe {
        tiles::<V, ROWS, VECTORS>(strips, points.as_ptr(), stride, labels);
        tiles::<V, 1, VECTORS>(strips, points.as_ptr().add(whole * stride), stride, rest);
    }
}

/// Labels whole tiles of rows, block by block and, within a block, panel by panel of centroids.
#[inline(always)]
unsafe fn tiles<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    points: *const f32,
    stride: usize,
    labels: &mut [u32],
) {
    let vectors = strips.biases.len() / V::WIDTH;
    let panel = (PANEL_BYTES / (strips.dim * V::WIDTH * size_of::<f32>())).max(1).next_multiple_of(VECTORS);
    for (block, labels) in labels.chunks_mut(ROWS * BLOCK_TILES).enumerate() {
        // SAFETY: every row of every label is readable, as `nearest` checked.
        unsafe {
            let mut smallest = [[Smallest::<V>::new(); ROWS]; BLOCK_TILES];
            let first = points.wrapping_add(block * ROWS * BLOCK_TILES * stride);
            for start in (0..vectors).step_by(panel) {
                let end = vectors.min(start + panel);
                for (tile, smallest) in smallest.iter_mut().take(labels.len() / ROWS).enumerate() {
                    let rows = std::array::from_fn(|row| first.add((tile * ROWS + row) * stride));
                    scan_panel::<V, ROWS, VECTORS>(strips, &rows, start, end, smallest);
                }
            }
            for (label, smallest) in labels.iter_mut().zip(smallest.as_flattened()) {
                *label = smallest.score.column_of_smallest(smallest.column) as u32;
            }
        }
    }
}

/// Lets a tile's rows meet the vectors of columns from number `start` up to `end`.
#[inline(always)]
unsafe fn scan_panel<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    rows: &[*const f32; ROWS],
    start: usize,
    end: usize,
    smallest: &mut [Smallest<V>; ROWS],
) {
    let mut vector = start;
    // SAFETY: the caller passes readable rows and vectors that exist.
    unsafe {
        while vector + VECTORS <= end {
            scan::<V, ROWS, VECTORS>(strips, rows, vector, smallest);
            vector += VECTORS;
        }
        while vector < end {
            scan::<V, ROWS, 1>(strips, rows, vector, smallest);
            vector += 1;
        }
    }
}

/// Scores a tile's rows against the columns of `VECTORS` vectors, from number `vector` on.
#[inline(always)]
unsafe fn scan<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    rows: &[*const f32; ROWS],
    vector: usize,
    smallest: &mut [Smallest<V>; ROWS],
) {
    // SAFETY: the caller's promises are those of `tile`.
    unsafe {
        let scores = tile::<V, ROWS, VECTORS>(strips, rows, vector);
        for (smallest, scores) in smallest.iter_mut().zip(scores) {
            for (i, score) in scores.into_iter().enumerate() {
                smallest.meet(score, V::splat(((vector + i) * V::WIDTH) as f32));
            }
        }
    }
}

/// The scores of a tile's rows and the columns of `VECTORS` vectors, from number `vector` on.
#[inline(always)]
unsafe fn tile<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    rows: &[*const f32; ROWS],
    vector: usize,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: the caller passes rows of `strips.dim` values and vectors that exist.
    unsafe {
        let values: [*const f32; VECTORS] = std::array::from_fn(|i| strips.column(vector + i, V::WIDTH));
        let biases: [V; VECTORS] =
            std::array::from_fn(|i| V::load(strips.biases.as_ptr().add((vector + i) * V::WIDTH)));
        let mut scores = [biases; ROWS];
        for d in 0..strips.dim {
            let centroids: [V; VECTORS] = std::array::from_fn(|i| V::load(values[i].add(d * STRIP)));
            for (scores, row) in scores.iter_mut().zip(rows) {
                let value = V::splat(*row.add(d));
                for (score, centroid) in scores.iter_mut().zip(centroids) {
                    *score = score.sub_product(value, centroid);
                }
            }
        }
        scores
    }
}

/// Writes the score of each row of `points` and each column, rows x [`Strips::columns`].
///
/// # Safety
/// The CPU must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn scores<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    points: &[f32],
    out: &mut [f32],
) {
    let rows = points.len() / strips.dim;
    assert_eq!((points.len(), out.len()), (rows * strips.dim, rows * strips.columns()));
    let whole = rows / ROWS * ROWS;
    // SAFETY: rows and room for their scores were counted; the caller vouches for the instructions.
    unsafe {
        let (points, out) = (points.as_ptr(), out.as_mut_ptr());
        for row in (0..whole).step_by(ROWS) {
            let (points, out) = (points.add(row * strips.dim), out.add(row * strips.columns()));
            scores_of::<V, ROWS, VECTORS>(strips, points, out);
        }
        for row in whole..rows {
            let (points, out) = (points.add(row * strips.dim), out.add(row * strips.columns()));
            scores_of::<V, 1, VECTORS>(strips, points, out);
        }
    }
}

/// The part of [`scores`] for `ROWS` rows.
#[inline(always)]
unsafe fn scores_of<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    strips: &Strips,
    points: *const f32,
    out: *mut f32,
) {
    let vectors = strips.columns() / V::WIDTH;
    let mut vector = 0;
    // SAFETY: the caller passes readable rows and room for their scores; the vectors exist.
    unsafe {
        let rows: [*const f32; ROWS] = std::array::from_fn(|row| points.add(row * strips.dim));
        while vector + VECTORS <= vectors {
            let scores = tile::<V, ROWS, VECTORS>(strips, &rows, vector);
            for (row, scores) in scores.into_iter().enumerate() {
                for (i, score) in scores.into_iter().enumerate() {
                    score.store(out.add(row * strips.columns() + (vector + i) * V::WIDTH));
                }
            }
            vector += VECTORS;
        }
        while vector < vectors {
            let scores = tile::<V, ROWS, 1>(strips, &rows, vector);
            for (row, [score]) in scores.into_iter().enumerate() {
                score.store(out.add(row * strips.columns() + vector * V::WIDTH));
            }
            vector += 1;
        }
    }
}

/// Writes `base + factor * (point . column)` for each of the first `out.len()` columns.
///
/// # Safety
/// The CPU must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn products<V: Lanes>(
    strips: &Strips,
    point: &[f32],
    base: f32,
    factor: f32,
    out: &mut [f32],
) {
    // Enough sums at once to hide the latency of a multiply-add.
    const VECTORS: usize = 4;
    assert_eq!(point.len(), strips.dim);
    assert!(out.len() <= strips.biases.len());
    let mut vector = 0;
    let mut groups = out.chunks_exact_mut(VECTORS * V::WIDTH);
    // SAFETY: the columns exist, as asserted; the caller vouches for the instructions.
    unsafe {
        for out in &mut groups {
            products_of::<V, VECTORS>(strips, point, vector, base, factor, out);
            vector += VECTORS;
        }
        for out in groups.into_remainder().chunks_mut(V::WIDTH) {
            let mut whole = [0.0; STRIP];
            products_of::<V, 1>(strips, point, vector, base, factor, &mut whole[..V::WIDTH]);
            out.copy_from_slice(&whole[..out.len()]);
            vector += 1;
        }
    }
}

/// The part of [`products`] for `VECTORS` vectors of columns, from number `vector` on.
#[inline(always)]
unsafe fn products_of<V: Lanes, const VECTORS: usize>(
    strips: &Strips,
    point: &[f32],
    vector: usize,
    base: f32,
    factor: f32,
    out: &mut [f32],
) {
    // SAFETY: the caller passes vectors that exist, and room for their products.
    unsafe {
        let values: [*const f32; VECTORS] = std::array::from_fn(|i| strips.column(vector + i, V::WIDTH));
        let mut sums = [V::splat(0.0); VECTORS];
        for (d, value) in point.iter().enumerate() {
            // The sums are of negative products, because subtracting is what lanes can do.
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum = sum.sub_product(V::splat(*value), V::load(values.add(d * STRIP)));
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            V::splat(base).sub_product(V::splat(factor), sum).store(out.as_mut_ptr().add(i * V::WIDTH));
        }
    }
}
