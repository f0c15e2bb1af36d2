//! Labels in single precision.

use bytemuck::{Pod, Zeroable};

use super::product::{GROUPS, Product, Shape, TILE, splits};
use super::resident::{Part, ResidentBooks};
use crate::error::Result;
use crate::gpu::{Access, Buffer, Gpu, Source, Work};

/// Workgroups of a dispatch for listed rows: it has some for all rows, and few have anything to do.
const LISTED_GROUPS: usize = 8 * GROUPS;

/// Rows of a workgroup that joins.
const JOIN_INVOCATIONS: usize = 64;

/// What reading a value from memory costs, in operations.
const READ_COST: f64 = 16.0;

static JOIN_SPLITS: Source = Source {
    name: "join_splits",
    wgsl: &[include_str!("join_splits.wgsl")],
    entry: "join_splits",
    buffers: &[Access::Read, Access::Read, Access::Write, Access::Read],
};

/// Kept in step with `Shape` in join_splits.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct JoinShape {
    first_row: u32,
    rows: u32,
    splits: u32,
    is_listed: u32,
}

/// Memory for the labels of rows.
pub(super) struct Singles {
    stride: usize,
    /// Books x rows.
    scores: Buffer,
    /// What workgroups find that share the centroids of a row, once there are such.
    shared: Option<Shared>,
    /// Bound where no rows are listed.
    no_list: Buffer,
}

/// Splits x rows.
struct Shared {
    entries: usize,
    scores: Buffer,
    labels: Buffer,
}

impl Singles {
    /// For rows of `stride` values.
    pub(super) fn new(gpu: &Gpu, stride: usize, rows: usize, books: usize) -> Result<Self> {
        let scores = gpu.buffer("scores", (rows * books * size_of::<f32>()) as u64)?;
        Ok(Self { stride, scores, shared: None, no_list: gpu.buffer("no list", 4)? })
    }

    /// Among how many workgroups the centroids of each of so many rows are shared.
    ///
    /// The first call makes room for what they find.
    pub(super) fn splits(
        &mut self,
        gpu: &Gpu,
        rows: usize,
        books: &ResidentBooks,
        listed: bool,
    ) -> Result<usize> {
        let part = &books.parts[0];
        if part.books > 1 || part.columns <= TILE {
            return Ok(1);
        }
        let groups = if listed { LISTED_GROUPS } else { GROUPS };
        let entries = groups * TILE;
        let entries = entries.min(gpu.limits().binding_bytes as usize / size_of::<f32>());
        if self.shared.as_ref().is_none_or(|shared| shared.entries < entries) {
            let buffer = |label| gpu.buffer(label, (entries * size_of::<f32>()) as u64);
            self.shared =
                Some(Shared { entries, scores: buffer("shared scores")?, labels: buffer("shared labels")? });
        }
        Ok(splits(gpu, groups, rows, part.columns, entries))
    }

    /// Compares the rows of `shape`, or those in `list`, with the centroids of a part.
    #[expect(clippy::too_many_arguments, reason = "what a dispatch reads")]
    pub(super) fn multiply(
        &self,
        gpu: &Gpu,
        work: &mut Work<'_>,
        points: &Buffer,
        labels: &Buffer,
        list: Option<&Buffer>,
        (books, part): (&ResidentBooks, &Part),
        shape: &Shape,
        splits: usize,
        operations: f64,
    ) -> Result<()> {
        let product = Product::single(gpu, books.variants.single, self.stride, books.width)?;
        let shape = Shape { is_listed: u32::from(list.is_some()), ..*shape }.split(splits, product.tile);
        let (scores, labels) = match &self.shared {
            Some(shared) if splits > 1 => (&shared.scores, &shared.labels),
            _ => (&self.scores, labels),
        };
        let list = list.unwrap_or(&self.no_list);
        let buffers = [points, &part.values, &part.biases, scores, labels, list];
        let groups = [(shape.rows as usize).div_ceil(product.tile), part.books * splits];
        work.dispatch(&product.kernel, &shape, &buffers, groups, operations)
    }

    /// Writes the labels of the rows of `shape`, or of those in `list`, once all centroids were compared.
    pub(super) fn join(
        &self,
        gpu: &Gpu,
        work: &mut Work<'_>,
        labels: &Buffer,
        list: Option<&Buffer>,
        shape: &Shape,
        splits: usize,
    ) -> Result<()> {
        let Some(shared) = self.shared.as_ref().filter(|_| splits > 1) else { return Ok(()) };
        let join = JoinShape {
            first_row: shape.first_row,
            rows: shape.rows,
            splits: splits as u32,
            is_listed: u32::from(list.is_some()),
        };
        let buffers = [&shared.scores, &shared.labels, labels, list.unwrap_or(&self.no_list)];
        let (rows, kernel) = (shape.rows as usize, gpu.kernel(&JOIN_SPLITS, &[])?);
        let groups = [rows.div_ceil(JOIN_INVOCATIONS), 1];
        work.dispatch(&kernel, &join, &buffers, groups, READ_COST * (rows * splits) as f64)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_is_valid_wgsl() {
        crate::gpu::check_wgsl(&super::JOIN_SPLITS);
    }
}
