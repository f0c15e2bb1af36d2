//! Indexes as a whole: what is built is found again, whatever the rows are.

mod answers;
mod builds;
mod exact;
#[cfg(feature = "gpu")]
mod gpu;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float16Array, Float32Array, Float64Array};
use arrow::array::{Int8Array, UInt8Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Field;
use half::f16;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use roaring::RoaringTreemap;

use super::*;
use crate::distance::{Metric, Query};
use crate::progress::{CancelFlag, Progress};
use crate::storage::IndexEntry;

/// A table's folder with one index in it.
struct Table {
    folder: tempfile::TempDir,
    column: VectorColumn,
}

/// An index and how it was built.
struct Indexed {
    built: Built,
    index: VectorIndex,
    path: PathBuf,
}

impl Table {
    fn new(column: VectorColumn) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), column }
    }

    fn build(&self, config: &IndexConfig, uuid: &str, progress: &Progress) -> crate::error::Result<Indexed> {
        let built = build(config, &self.column, &self.folder.path().join("indexes").join(uuid), progress)?;
        let index = self.open(&built, self.folder.path())?;
        let path = built.files[0].locate(self.folder.path());
        Ok(Indexed { built, index, path })
    }

    fn open(&self, built: &Built, folder: &Path) -> crate::error::Result<VectorIndex> {
        let entry = IndexEntry {
            name: "vector_idx".to_owned(),
            column: "vector".to_owned(),
            kind: built.kind.to_owned(),
            uuid: String::new(),
            metric: built.metric.map_or_else(String::new, |metric| metric.to_string()),
            row_id_end: 0,
            rows: built.rows,
            covered_rows: built.rows,
            created_ms: 0,
            files: built.files.clone(),
            details: built.details.clone(),
        };
        VectorIndex::open(folder, &entry)
    }

    fn exact(&self, query: &Query, k: usize) -> Vec<Candidate> {
        flat::search(&self.column, query, k, Range::default(), 0..u64::MAX, None, &Progress::none()).unwrap()
    }
}

fn everything(candidates: usize) -> Probe<'static> {
    Probe { candidates, probes_min: usize::MAX, probes_max: None, ..Probe::default() }
}

/// The k nearest rows by way of the index: candidates, then their exact distances.
fn reranked(
    table: &Table,
    index: &VectorIndex,
    query: &Query,
    probe: &Probe<'_>,
    k: usize,
) -> Vec<Candidate> {
    let found = index.search(query, probe, &Progress::none()).unwrap();
    let row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
    let mut distances = Vec::new();
    table.column.distances_of(query, &row_ids, &mut distances);
    let mut top = TopK::new(k);
    for (row_id, distance) in row_ids.into_iter().zip(distances) {
        top.push(Candidate { distance, row_id });
    }
    top.into_sorted()
}

/// Values of rows x dim around a few centres.
fn clustered(rows: usize, dim: usize, seed: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let centres: Vec<f64> = (0..20 * dim).map(|_| random.random_range(-40.0..40.0)).collect();
    let mut values = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let centre = random.random_range(0..20);
        values.extend((0..dim).map(|d| (centres[centre * dim + d] + random.random_range(-9.0..9.0)).round()));
    }
    values
}

fn lists(element: ElementKind, values: &[f64], dim: usize, valid: Option<Vec<bool>>) -> FixedSizeListArray {
    let items: ArrayRef = match element {
        ElementKind::F16 => {
            Arc::new(Float16Array::from_iter_values(values.iter().map(|&value| f16::from_f64(value))))
        }
        ElementKind::F32 => {
            Arc::new(Float32Array::from_iter_values(values.iter().map(|&value| value as f32)))
        }
        ElementKind::F64 => Arc::new(Float64Array::from_iter_values(values.iter().copied())),
        ElementKind::U8 => Arc::new(UInt8Array::from_iter_values(values.iter().map(|&value| value as u8))),
        ElementKind::I8 => Arc::new(Int8Array::from_iter_values(values.iter().map(|&value| value as i8))),
    };
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    FixedSizeListArray::new(field, dim as i32, items, valid.map(NullBuffer::from))
}

/// A column in two chunks, with ids from 100 on.
fn column(element: ElementKind, values: &[f64], dim: usize) -> VectorColumn {
    let all = lists(element, values, dim, None);
    let rows = values.len() / dim;
    let first = rows / 3;
    let mut column = VectorColumn::of_lists(all.slice(0, first), 100);
    column.add_lists(all.slice(first, rows - first), 100 + first as u64);
    column
}

fn pq(metric: Metric, partitions: u32, sub_vectors: u32, bits: u8) -> IndexConfig {
    let (partitions, sub_vectors) = (Some(partitions), Some(sub_vectors));
    IndexConfig::IvfPq(IvfPqConfig { metric, partitions, sub_vectors, bits, ..IvfPqConfig::default() })
}

fn ivf_flat(metric: Metric, partitions: u32) -> IndexConfig {
    IndexConfig::IvfFlat(IvfFlatConfig { metric, partitions: Some(partitions), ..IvfFlatConfig::default() })
}

fn queries(metric: Metric, values: &[f64], dim: usize) -> Vec<Query> {
    values.chunks_exact(dim * 50).map(|rows| Query::new(metric, &rows[..dim])).collect()
}
