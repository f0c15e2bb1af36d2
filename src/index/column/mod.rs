//! A snapshot's vector column, over all segments, as plain slices.
//!
//! Arrow's fixed-size lists are opened here and nowhere else. Nothing is copied: a chunk holds on to the
//! mapped bytes of its record batch.

mod chunk;
mod element;
mod path;

use std::sync::Arc;

use arrow::array::RecordBatch;
#[cfg(test)]
use arrow::array::{Array, FixedSizeListArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
#[cfg(test)]
use arrow::datatypes::Schema;
use arrow::datatypes::{DataType, Field};
use rayon::prelude::*;

use crate::distance::{Query, Vectors, prefetch};
use crate::error::{Error, Result};
use crate::storage::{RowIds, Version};

pub use chunk::VectorChunk;
pub use element::ElementKind;
use path::descend;
pub(super) use path::{follow, resolve};

/// Above this many values, distances of single rows are computed on several threads.
const PARALLEL_VALUES: usize = 1 << 20;

/// Rows whose distances one task computes.
const TASK_ROWS: usize = 64;

/// A column of vectors: fixed-size lists of floats or bytes.
#[derive(Debug, Clone)]
pub struct VectorColumn {
    name: String,
    dim: usize,
    element: ElementKind,
    chunks: Vec<VectorChunk>,
    rows: u64,
}

impl VectorColumn {
    /// Opens the column of this name; dots lead into structs (`doc.embedding`).
    ///
    /// # Errors
    /// If there is no such column, if it does not hold vectors, or if a segment is damaged.
    pub fn open(version: &Arc<Version>, column: &str) -> Result<Self> {
        let schema = version.schema();
        let (root, path) = resolve(schema, column)?;
        let field = path.last().unwrap_or(&root).clone();
        let (dim, element) = Self::is_vector(&field).ok_or_else(|| not_a_vector(column, &field))?;
        let index = schema.index_of(root.name()).map_err(Error::internal)?;
        let mut opened = Self { name: column.to_owned(), dim, element, chunks: Vec::new(), rows: 0 };
        for batch in version.batches() {
            let arrays = version.column_batch(&batch, &[index])?;
            opened.push(&arrays, &path, version.row_ids(&batch)?, version.live(&batch)?)?;
        }
        Ok(opened)
    }

    /// A column of one batch, whose rows have the ids from `first_row_id` on.
    #[cfg(test)]
    pub(crate) fn of_lists(lists: FixedSizeListArray, first_row_id: u64) -> Self {
        let field = Field::new("vector", lists.data_type().clone(), true);
        let (dim, element) = Self::is_vector(&field).expect("a list of numbers");
        let mut column = Self { name: "vector".to_owned(), dim, element, chunks: Vec::new(), rows: 0 };
        column.add_lists(lists, first_row_id);
        column
    }

    /// Adds the lists of another batch.
    #[cfg(test)]
    pub(crate) fn add_lists(&mut self, lists: FixedSizeListArray, first_row_id: u64) {
        let schema = Schema::new(vec![Field::new("vector", lists.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(lists)]).expect("one column");
        let row_ids = RowIds::without_gaps(first_row_id, batch.num_rows() as u64);
        self.push(&batch, &[], row_ids, None).expect("a list of numbers");
    }

    /// Adds a batch, of whose rows those count that are `live`; `None` for all.
    fn push(
        &mut self,
        batch: &RecordBatch,
        path: &[Arc<Field>],
        row_ids: RowIds,
        live: Option<BooleanBuffer>,
    ) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let (lists, nulls) = descend(batch.column(0), path)?;
        // A deleted row has no vector: whoever looks at vectors passes over it.
        let nulls = NullBuffer::union(nulls.as_ref(), live.map(NullBuffer::new).as_ref());
        let chunk = VectorChunk::new(&lists, nulls, row_ids, self.rows)?;
        self.rows += chunk.rows() as u64;
        self.chunks.push(chunk);
        Ok(())
    }

    /// Just the rows with this id and higher ones.
    pub fn rows_from(&self, row_id: u64) -> Self {
        let mut rest = Self { chunks: Vec::new(), rows: 0, ..self.clone() };
        for chunk in &self.chunks {
            let rows = chunk.rows_in(&(row_id..u64::MAX));
            if !rows.is_empty() {
                let chunk = chunk.slice(rows, self.dim, rest.rows);
                rest.rows += chunk.rows() as u64;
                rest.chunks.push(chunk);
            }
        }
        rest
    }

    /// The column's name, as it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Dimensions of every vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The type of every value.
    pub fn element(&self) -> ElementKind {
        self.element
    }

    /// Rows, those without a vector and deleted ones included.
    pub fn row_count(&self) -> u64 {
        self.rows
    }

    /// The column in pieces, in the order of row ids.
    pub fn chunks(&self) -> &[VectorChunk] {
        &self.chunks
    }

    /// The dimensions and the kind of value of a field, if it holds vectors.
    pub fn is_vector(field: &Field) -> Option<(usize, ElementKind)> {
        match field.data_type() {
            DataType::FixedSizeList(item, dim) if *dim > 0 => {
                Some((*dim as usize, ElementKind::of(item.data_type())?))
            }
            _ => None,
        }
    }

    /// The chunk and the place in it of the row at `offset` in storage order.
    pub(crate) fn locate_offset(&self, offset: u64) -> Option<(&VectorChunk, usize)> {
        let after = self.chunks.partition_point(|chunk| chunk.first_offset <= offset);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        let row = (offset - chunk.first_offset) as usize;
        (row < chunk.rows()).then_some((chunk, row))
    }

    /// The chunk and the place in it of the row with this id.
    pub fn locate(&self, row_id: u64) -> Option<(&VectorChunk, usize)> {
        let after = self.chunks.partition_point(|chunk| chunk.first_row_id <= row_id);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        Some((chunk, chunk.row_ids().place(row_id)? as usize))
    }

    /// Replaces `out` by the exact distance of each row, in the order of `row_ids`: NaN for a row without
    /// a vector and for an id that does not exist. Reads fastest when the ids ascend.
    pub fn distances_of(&self, query: &Query, row_ids: &[u64], out: &mut Vec<f32>) {
        out.clear();
        out.resize(row_ids.len(), f32::NAN);
        if row_ids.len() * self.dim < PARALLEL_VALUES {
            return self.distances_of_few(query, row_ids, out);
        }
        let tasks = out.par_chunks_mut(TASK_ROWS).zip(row_ids.par_chunks(TASK_ROWS));
        tasks.for_each(|(out, row_ids)| self.distances_of_few(query, row_ids, out));
    }

    fn distances_of_few(&self, query: &Query, row_ids: &[u64], out: &mut [f32]) {
        let vectors: Vec<_> = row_ids.iter().map(|&row_id| self.vector(row_id)).collect();
        // Rows lie far apart: while one is compared, those after it come from memory.
        let ahead = prefetch::rows_ahead(self.dim * self.element.bytes());
        let start = |vector: &Option<Vectors<'_>>| {
            if let Some(vector) = vector {
                prefetch::start(vector.bytes());
            }
        };
        vectors.iter().take(ahead).for_each(start);
        for (i, (vector, distance)) in vectors.iter().zip(out).enumerate() {
            vectors.get(i + ahead).into_iter().for_each(start);
            if let Some(vector) = vector {
                query.distances(*vector, std::slice::from_mut(distance));
            }
        }
    }

    /// The vector of the row with this id, if it has one.
    fn vector(&self, row_id: u64) -> Option<Vectors<'_>> {
        let (chunk, row) = self.locate(row_id).filter(|(chunk, row)| !chunk.is_null(*row))?;
        Some(chunk.vectors().slice(row..row + 1, self.dim))
    }
}

fn not_a_vector(column: &str, field: &Field) -> Error {
    Error::invalid(
        "column",
        format!("'{column}' of type {}", field.data_type()),
        "a vector column is a fixed-size list of Float16, Float32, Float64, Uint8 or Int8",
    )
}

#[cfg(test)]
mod tests;
