//! Labels in half precision first, and in single precision where that leaves a doubt.
//!
//! Rows and centroids are rounded to halves, and their products summed in single precision. Of each row the three
//! nearest centroids are kept. If the second one is farther than the first by more than rounding can explain, the
//! label is the one that single precision finds. If only the third one is, single precision decides between the
//! two; all other rows are listed, and labelled in single precision.

use bytemuck::{Pod, Zeroable};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::product::{GROUPS, Product, Shape, THREE, TILE, splits};
use super::resident::Part;
use crate::error::Result;
use crate::gpu::{Access, Buffer, Gpu, Source, Work};

/// Products of fewer dimensions or centroids are not worth the rounding.
const WIDTH_MIN: usize = 32;
const COLUMNS_MIN: usize = 64;

/// Values of a row are a multiple of this: what the kernels have in workgroup memory at a time.
const DEPTH: usize = 32;

/// The most rows that are rounded at a time.
const ROWS_MAX: usize = 1 << 17;

/// Rows of a workgroup that settles doubts.
const SETTLE_INVOCATIONS: usize = 64;

/// What reading a value from memory costs, in operations.
const READ_COST: f64 = 16.0;

static HALVE_ROWS: Source = Source {
    name: "halve_rows",
    wgsl: &[include_str!("halve_rows.wgsl")],
    entry: "halve_rows",
    buffers: &[Access::Read, Access::Write, Access::Write],
};

static SETTLE_DOUBTS: Source = Source {
    name: "settle_doubts",
    wgsl: &[THREE, include_str!("settle_doubts.wgsl")],
    entry: "settle_doubts",
    buffers: &[
        Access::Read,
        Access::Read,
        Access::Read,
        Access::Read,
        Access::Read,
        Access::Write,
        Access::Write,
    ],
};

/// Kept in step with `Shape` in halve_rows.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct HalveShape {
    first_row: u32,
    rows: u32,
    stride: u32,
    width: u32,
    padded: u32,
    of_lost: f32,
    of_kept: f32,
    always: f32,
}

/// Kept in step with `Shape` in settle_doubts.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SettleShape {
    first_row: u32,
    rows: u32,
    splits: u32,
    stride: u32,
    width: u32,
    are_all_here: u32,
}

/// Kept in step with `ThreeNearest` in three_nearest.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ThreeNearest {
    score: f32,
    second: f32,
    third: f32,
    label: u32,
    second_label: u32,
}

/// How far a score that was computed from halves may be from the one of single precision.
///
/// Let a row x be h + e and a centroid c be g + d, of which h and g are kept. By Cauchy and Schwarz, x·c is off by at
/// most |e||c| + |h||d|. Sums in single precision add to that: in the worst case as many roundings as there are
/// terms, but matrix units sum several at once, and others cancel each other: like a random walk, of which four
/// standard deviations are taken. The subtraction from the bias rounds once more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doubt {
    /// For each unit of |e|.
    of_lost: f32,
    /// For each unit of |h|.
    of_kept: f32,
    always: f32,
}

impl Doubt {
    /// About centroids of `width` values, with their biases.
    fn new(norms: [f64; 2], width: usize, biases: &[f32]) -> Self {
        let [norm, lost] = norms;
        let roundings = width as f64 / 8.0 + 4.0 * (width as f64).sqrt() + 4.0;
        let sums = roundings * f64::from(f32::EPSILON) * (norm + lost);
        let bias = biases.iter().fold(0.0f32, |most, bias| most.max(bias.abs()));
        // A little more, because this is rounded too.
        let rounded = |value: f64| (value * 1.001) as f32;
        Self {
            of_lost: rounded(norm),
            of_kept: rounded(lost + sums),
            always: rounded(2.0 * f64::from(f32::EPSILON) * f64::from(bias)),
        }
    }

    /// The doubt about these centroids and others.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            of_lost: self.of_lost.max(other.of_lost),
            of_kept: self.of_kept.max(other.of_kept),
            always: self.always.max(other.always),
        }
    }
}

/// Values of a row of halves, zeros included; `None` if products of such books are not worth rounding.
pub(super) fn padded(books: usize, columns: usize, width: usize) -> Option<usize> {
    let fits = books == 1 && columns >= COLUMNS_MIN && width >= WIDTH_MIN;
    fits.then_some(width.next_multiple_of(DEPTH))
}

/// Rounds centroids, each followed by zeros up to `padded` values, and says what that leaves in doubt.
pub(super) fn round_centroids(
    values: &[f32],
    width: usize,
    padded: usize,
    biases: &[f32],
) -> (Vec<f16>, Doubt) {
    let mut halves = vec![f16::ZERO; values.len() / width * padded];
    let rows = values.par_chunks_exact(width).zip(halves.par_chunks_exact_mut(padded));
    let norms = rows.map(|(values, halves)| {
        halves[..width].convert_from_f32_slice(values);
        let pairs = values.iter().zip(&*halves).map(|(value, half)| (*value, value - half.to_f32()));
        let squares = pairs.map(|(value, lost)| [f64::from(value).powi(2), f64::from(lost).powi(2)]);
        squares.fold([0.0, 0.0], |[a, b], [c, d]| [a + c, b + d]).map(f64::sqrt)
    });
    let largest = norms.reduce(|| [0.0; 2], |[a, b], [c, d]| [a.max(c), b.max(d)]);
    (halves, Doubt::new(largest, width, biases))
}

/// Memory for so many rows at a time.
pub(super) struct Halves {
    pub(super) rows: usize,
    /// How many it was made for; limits may leave fewer.
    wanted: usize,
    padded: usize,
    points: Buffer,
    terms: Buffer,
    /// Of each row, as many as workgroups share its centroids.
    found: Buffer,
    /// How many rows are still in doubt, then which ones.
    pub(super) list: Buffer,
}

impl Halves {
    /// For `rows` rows, or as many as are worth it.
    pub(super) fn new(gpu: &Gpu, rows: usize, padded: usize) -> Result<Self> {
        let bytes = padded * size_of::<f16>();
        let (wanted, binding) = (rows.min(ROWS_MAX), gpu.limits().binding_bytes as usize);
        let rows = wanted.min(binding / bytes).min(gpu.groups_max()).max(1);
        let entries = (GROUPS * TILE).min(binding / size_of::<ThreeNearest>()).max(rows);
        Ok(Self {
            rows,
            wanted,
            padded,
            points: gpu.buffer("halves", (rows * bytes) as u64)?,
            terms: gpu.buffer("terms of rows", (rows * size_of::<[f32; 2]>()) as u64)?,
            found: gpu.buffer("three nearest", (entries * size_of::<ThreeNearest>()) as u64)?,
            list: gpu.buffer("rows in doubt", ((rows + 1) * size_of::<u32>()) as u64)?,
        })
    }

    /// Whether rows of `padded` values fit in, as many as there are or as are worth it.
    pub(super) fn fit(&self, rows: usize, padded: usize) -> bool {
        self.padded == padded && self.wanted >= rows.min(ROWS_MAX)
    }

    /// Rounds the rows of `shape`.
    pub(super) fn round(
        &self,
        gpu: &Gpu,
        work: &mut Work<'_>,
        points: &Buffer,
        shape: &Shape,
        doubt: Doubt,
    ) -> Result<()> {
        let halve = HalveShape {
            first_row: shape.first_row,
            rows: shape.rows,
            stride: shape.stride,
            width: shape.width,
            padded: self.padded as u32,
            of_lost: doubt.of_lost,
            of_kept: doubt.of_kept,
            always: doubt.always,
        };
        let (rows, kernel) = (shape.rows as usize, gpu.kernel(&HALVE_ROWS, &[])?);
        let operations = READ_COST * (rows * self.padded) as f64;
        work.dispatch(&kernel, &halve, &[points, &self.points, &self.terms], [rows, 1], operations)
    }

    /// Among how many workgroups the centroids of each of so many rows are shared.
    pub(super) fn splits(&self, gpu: &Gpu, rows: usize, columns: usize) -> usize {
        splits(gpu, GROUPS, rows, columns, self.found.bytes() as usize / size_of::<ThreeNearest>())
    }

    /// Finds the three nearest centroids of a part for the rows of `shape`, which are the ones that were rounded last.
    pub(super) fn multiply(
        &self,
        work: &mut Work<'_>,
        product: &Product,
        (part, centroids): (&Part, &Buffer),
        shape: &Shape,
        splits: usize,
        operations: f64,
    ) -> Result<()> {
        let shape = Shape { first_row: 0, stride: self.padded as u32, width: self.padded as u32, ..*shape };
        let shape = shape.split(splits, product.tile);
        let buffers = [&self.points, centroids, &part.biases, &self.terms, &self.found];
        let groups = (shape.rows as usize).div_ceil(product.tile);
        work.dispatch(&product.kernel, &shape, &buffers, [groups, splits], operations)
    }

    /// Labels the rows of `shape`, and lists those that are in doubt between more than two of `parts`' centroids.
    #[expect(clippy::too_many_arguments, reason = "what a dispatch reads")]
    pub(super) fn settle(
        &self,
        gpu: &Gpu,
        work: &mut Work<'_>,
        points: &Buffer,
        parts: &[Part],
        labels: &Buffer,
        shape: &Shape,
        splits: usize,
    ) -> Result<()> {
        work.reset(&self.list);
        let settle = SettleShape {
            first_row: shape.first_row,
            rows: shape.rows,
            splits: splits as u32,
            stride: shape.stride,
            width: shape.width,
            are_all_here: u32::from(parts.len() == 1),
        };
        let (rows, kernel) = (shape.rows as usize, gpu.kernel(&SETTLE_DOUBTS, &[])?);
        let Part { values, biases, .. } = &parts[0];
        let buffers = [&self.found, &self.terms, points, values, biases, labels, &self.list];
        let groups = rows.div_ceil(SETTLE_INVOCATIONS);
        work.dispatch(&kernel, &settle, &buffers, [groups, 1], READ_COST * rows as f64)
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::check_wgsl;

    #[test]
    fn the_kernels_are_valid_wgsl() {
        [&super::HALVE_ROWS, &super::SETTLE_DOUBTS].into_iter().for_each(check_wgsl);
    }
}
