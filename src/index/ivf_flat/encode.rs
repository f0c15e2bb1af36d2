//! Filing every row: one streamed pass over the column.

use std::path::Path;

use crate::distance::Vectors;
use crate::error::Result;
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::index::ivf::{Partitioning, Runs, SortedRuns, Space, for_each_batch};
use crate::progress::Progress;

/// A row on its way to its partition: `row_id u64 | vector`, the vector as the column stores it.
pub(super) struct Record;

impl Record {
    const VECTOR_AT: usize = 8;

    /// Bytes of a record.
    pub(super) fn bytes(vector_bytes: usize) -> usize {
        Self::VECTOR_AT + vector_bytes
    }

    pub(super) fn write(record: &mut [u8], row_id: u64, vector: &[u8]) {
        record[..Self::VECTOR_AT].copy_from_slice(&row_id.to_le_bytes());
        record[Self::VECTOR_AT..].copy_from_slice(vector);
    }

    /// Row id and vector of a record.
    pub(super) fn read(record: &[u8]) -> (u64, &[u8]) {
        (bytemuck::pod_read_unaligned(&record[..8]), &record[Self::VECTOR_AT..])
    }
}

/// Collects records of the column's rows; what memory does not hold of them goes to `folder`.
pub(super) fn runs(partitioning: &Partitioning, column: &VectorColumn, folder: &Path) -> Runs {
    let vector_bytes = column.dim() * column.element().bytes();
    Runs::new(folder, partitioning.centroids.len(), Record::bytes(vector_bytes))
}

/// Sorts the column's rows by partition, after those in `runs`.
pub(super) fn encode(
    partitioning: &Partitioning,
    column: &VectorColumn,
    space: &Space,
    mut runs: Runs,
    session: &Session,
    progress: &Progress,
) -> Result<SortedRuns> {
    let vector_bytes = column.dim() * column.element().bytes();
    for_each_batch(column, space, partitioning, session, 0, progress, |batch| {
        let vectors = bytes(batch.vectors);
        for ((&row, &row_id), &label) in batch.rows.iter().zip(&batch.row_ids).zip(&batch.labels) {
            let vector = &vectors[row * vector_bytes..(row + 1) * vector_bytes];
            runs.push(label, |record| Record::write(record, row_id, vector))?;
        }
        Ok(())
    })?;
    runs.finish()
}

/// The bytes that vectors are stored as.
pub(super) fn bytes(vectors: Vectors<'_>) -> &[u8] {
    match vectors {
        Vectors::F16(values) => bytemuck::cast_slice(values),
        Vectors::F32(values) => bytemuck::cast_slice(values),
        Vectors::F64(values) => bytemuck::cast_slice(values),
        Vectors::U8(values) => values,
        Vectors::I8(values) => bytemuck::cast_slice(values),
    }
}
