//! One dispatch of the product of rows and centroids, of which only the smallest entries are kept, in every variant.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use crate::error::Result;
use crate::gpu::{Access, Gpu, Kernel, Source, Variant};

/// Rows and centroids of a workgroup, unless its matrices are small.
pub(super) const TILE: usize = 128;

/// Workgroups of a dispatch: several times what a large GPU runs at once.
pub(super) const GROUPS: usize = 2048;

/// What all variants of single precision read and write.
const SINGLE: &[Access] =
    &[Access::Read, Access::Read, Access::Read, Access::Write, Access::Write, Access::Read];

/// What those of half precision read and write.
const HALF: &[Access] = &[Access::Read, Access::Read, Access::Read, Access::Read, Access::Write];

/// Rows of any width, or of whole vectors of four values; each alone or with subgroups.
static VALUES: Source = single("nearest_centroid of values", VALUES_PARTS);
static VALUES_SUBGROUPS: Source = single("nearest_centroid of values, subgroups", VALUES_SUBGROUPS_PARTS);
static QUADS: Source = single("nearest_centroid of quads", QUADS_PARTS);
static QUADS_SUBGROUPS: Source = single("nearest_centroid of quads, subgroups", QUADS_SUBGROUPS_PARTS);

static HALVES: Source = half("nearest_centroid of halves", HALVES_PARTS);
static MATRICES_16: Source = half("nearest_centroid of matrices of 16", MATRICES_16_PARTS);
static MATRICES_8: Source = half("nearest_centroid of matrices of 8", MATRICES_8_PARTS);

const BODY: &str = include_str!("nearest_centroid.wgsl");
const MATRIX_BODY: &str = include_str!("nearest_centroid_matrix.wgsl");
const SHAPE: &str = include_str!("product_shape.wgsl");
const ALONE: &str = include_str!("gather_alone.wgsl");
const SUBGROUPS: &str = include_str!("gather_subgroups.wgsl");
const KEEP: &str = include_str!("keep_nearest.wgsl");
const ONE: &str = include_str!("single_precision.wgsl");
const LOAD_QUADS: &str = include_str!("load_quads.wgsl");
const LOAD_VALUES: &str = include_str!("load_values.wgsl");
pub(super) const THREE: &str = include_str!("three_nearest.wgsl");

const VALUES_PARTS: &[&str] = &[ONE, SHAPE, LOAD_VALUES, KEEP, ALONE, BODY];
const VALUES_SUBGROUPS_PARTS: &[&str] = &[ONE, SHAPE, LOAD_VALUES, KEEP, SUBGROUPS, BODY];
const QUADS_PARTS: &[&str] = &[ONE, SHAPE, LOAD_QUADS, KEEP, ALONE, BODY];
const QUADS_SUBGROUPS_PARTS: &[&str] = &[ONE, SHAPE, LOAD_QUADS, KEEP, SUBGROUPS, BODY];
const HALVES_PARTS: &[&str] =
    &[include_str!("half_precision.wgsl"), SHAPE, LOAD_QUADS, THREE, include_str!("keep_three.wgsl"), BODY];
const MATRICES_16_PARTS: &[&str] = &[include_str!("matrix_16.wgsl"), SHAPE, THREE, MATRIX_BODY];
const MATRICES_8_PARTS: &[&str] = &[include_str!("matrix_8.wgsl"), SHAPE, THREE, MATRIX_BODY];

const fn single(name: &'static str, wgsl: &'static [&'static str]) -> Source {
    Source { name, wgsl, entry: "nearest_centroid", buffers: SINGLE }
}

const fn half(name: &'static str, wgsl: &'static [&'static str]) -> Source {
    Source { name, wgsl, entry: "nearest_centroid", buffers: HALF }
}

/// Kept in step with `Shape` in product_shape.wgsl.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Shape {
    pub(super) first_row: u32,
    pub(super) rows: u32,
    pub(super) stride: u32,
    pub(super) width: u32,
    pub(super) first_column: u32,
    pub(super) end_column: u32,
    pub(super) columns: u32,
    pub(super) base_column: u32,
    pub(super) first_line: u32,
    pub(super) line_rows: u32,
    pub(super) is_first: u32,
    pub(super) is_listed: u32,
    pub(super) splits: u32,
    pub(super) split_columns: u32,
}

impl Shape {
    /// With the centroids of a row shared among so many workgroups.
    pub(super) fn split(self, splits: usize, tile: usize) -> Self {
        let columns = (self.end_column - self.first_column) as usize;
        let split_columns = columns.div_ceil(splits).next_multiple_of(tile);
        Self { splits: splits as u32, split_columns: split_columns as u32, ..self }
    }
}

/// Among how many workgroups the centroids of a row are shared, so that there are about `groups` workgroups.
///
/// A large GPU runs hundreds of them at once, and a dispatch that ends in time has few rows. `entries` is how many
/// rows there may be of all shares together.
pub(super) fn splits(gpu: &Gpu, groups: usize, rows: usize, columns: usize, entries: usize) -> usize {
    let wanted = (groups / rows.div_ceil(TILE).max(1)).min(columns.div_ceil(TILE));
    wanted.min(gpu.limits().groups as usize).min(entries / rows.max(1)).max(1)
}

/// A compiled product, and how many rows its workgroups take.
pub(super) struct Product {
    pub(super) kernel: Arc<Kernel>,
    pub(super) tile: usize,
}

impl Product {
    /// In single precision, for rows of `stride` values of which `width` count.
    pub(super) fn single(gpu: &Gpu, variant: Variant, stride: usize, width: usize) -> Result<Self> {
        let are_quads = stride.is_multiple_of(4) && width.is_multiple_of(4);
        let source = match (are_quads, variant) {
            (false, Variant::F32) => &VALUES,
            (false, _) => &VALUES_SUBGROUPS,
            (true, Variant::F32) => &QUADS,
            (true, _) => &QUADS_SUBGROUPS,
        };
        // Sub-vectors are short: half of a deep tile would be zeros.
        let depth = if width.is_multiple_of(16) { 16.0 } else { 8.0 };
        Ok(Self { kernel: gpu.kernel(source, &[("DEPTH", depth)])?, tile: TILE })
    }

    /// In half precision.
    pub(super) fn half(gpu: &Gpu, variant: Variant) -> Result<Self> {
        let (source, tile) = match (variant, gpu.adapter().matrix_size) {
            (Variant::Matrix, Some(8)) => (&MATRICES_8, 64),
            (Variant::Matrix, _) => (&MATRICES_16, TILE),
            _ => return Ok(Self { kernel: gpu.kernel(&HALVES, &[("DEPTH", 16.0)])?, tile: TILE }),
        };
        Ok(Self { kernel: gpu.kernel(source, &[])?, tile })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_are_valid_wgsl_in_every_variant_whether_an_adapter_offers_it_or_not() {
        let single = [&VALUES, &VALUES_SUBGROUPS, &QUADS, &QUADS_SUBGROUPS];
        let half = [&HALVES, &MATRICES_16, &MATRICES_8];
        single.into_iter().chain(half).for_each(crate::gpu::check_wgsl);
    }
}
