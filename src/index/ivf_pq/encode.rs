//! Compressing every row: one streamed pass over the column.

use std::path::Path;

use rayon::prelude::*;

use super::estimate::RowTerms;
use super::train::Trained;
use crate::error::Result;
use crate::index::VectorColumn;
use crate::index::ivf::{Batch, Runs, SortedRuns, Space, for_each_batch, subtract};
use crate::progress::Progress;

/// A compressed row on its way to its partition: `row_id u64 | add f32 | scale f32 | codes`.
pub(super) struct Record;

impl Record {
    const CODES_AT: usize = 16;

    /// Bytes of a record.
    pub(super) fn bytes(sub_vectors: usize) -> usize {
        Self::CODES_AT + sub_vectors
    }

    fn write(record: &mut [u8], row_id: u64, terms: RowTerms, codes: &[u8]) {
        record[..8].copy_from_slice(&row_id.to_le_bytes());
        record[8..12].copy_from_slice(&terms.add.to_le_bytes());
        record[12..16].copy_from_slice(&terms.scale.to_le_bytes());
        record[Self::CODES_AT..].copy_from_slice(codes);
    }

    /// Row id, terms and codes of a record.
    pub(super) fn read(record: &[u8]) -> (u64, RowTerms, &[u8]) {
        let add = bytemuck::pod_read_unaligned(&record[8..12]);
        let scale = bytemuck::pod_read_unaligned(&record[12..16]);
        (bytemuck::pod_read_unaligned(&record[..8]), RowTerms { add, scale }, &record[Self::CODES_AT..])
    }
}

/// Compresses the column's rows and sorts them by partition.
pub(super) fn encode(
    trained: &Trained,
    column: &VectorColumn,
    space: &Space,
    folder: &Path,
    progress: &Progress,
) -> Result<SortedRuns> {
    let sub_vectors = trained.layout.sub_vectors;
    let partitions = trained.partitioning.centroids.len();
    let mut runs = Runs::new(folder, partitions, Record::bytes(sub_vectors));
    // Where sub-vectors are short, comparing their distances is more work than computing them.
    let flops_per_row = (2 * space.dim() + 4 * sub_vectors) * trained.layout.codewords();
    for_each_batch(column, space, &trained.partitioning, flops_per_row, progress, |mut batch| {
        let (codes, terms) = encode_batch(trained, space, &mut batch);
        let rows = batch.row_ids.iter().zip(&batch.labels).zip(terms).zip(codes.chunks_exact(sub_vectors));
        for (((&row_id, &label), terms), codes) in rows {
            runs.push(label, |record| Record::write(record, row_id, terms, codes))?;
        }
        Ok(())
    })?;
    runs.finish()
}

/// Codes and terms of a batch, whose points become residuals.
fn encode_batch(trained: &Trained, space: &Space, batch: &mut Batch<'_>) -> (Vec<u8>, Vec<RowTerms>) {
    let (dim, sub_vectors) = (space.dim(), trained.layout.sub_vectors);
    let centroid = |label: u32| trained.partitioning.centroids.row(label as usize);
    let mean = &trained.partitioning.mean;

    let rows = batch.points.par_chunks_mut(dim).with_min_len(64).zip(&batch.labels);
    rows.for_each(|(point, &label)| subtract(point, centroid(label)));
    let residuals = &batch.points;
    let mut codes = vec![0; batch.labels.len() * sub_vectors];
    trained.codebook.encode(residuals, &mut codes);

    let rows =
        residuals.par_chunks(dim).with_min_len(64).zip(codes.par_chunks(sub_vectors)).zip(&batch.labels);
    let terms = rows.map_init(
        || vec![0.0; dim],
        |decoded, ((residual, code), &label)| {
            trained.codebook.decode(code, decoded);
            RowTerms::new(space.metric, residual, decoded, centroid(label), mean)
        },
    );
    let terms = terms.collect();
    (codes, terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_a_record_undoes_writing_it() {
        let mut record = vec![0; Record::bytes(3)];
        let terms = RowTerms { add: 1.5, scale: -0.25 };
        Record::write(&mut record, u64::MAX - 1, terms, &[7, 8, 9]);

        assert_eq!(Record::read(&record), (u64::MAX - 1, terms, &[7, 8, 9][..]));
    }
}
