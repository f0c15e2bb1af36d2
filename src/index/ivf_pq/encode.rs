//! Compressing every row: one streamed pass over the column.

use std::path::Path;

use rayon::prelude::*;

use super::estimate::RowTerms;
use super::train::Trained;
use crate::error::Result;
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::index::ivf::{Batch, Runs, SortedRuns, Space, for_each_points, label, subtract};
use crate::progress::Progress;

/// A compressed row on its way to its partition: `row_id u64 | add f32 | scale f32 | codes`.
pub(super) struct Record;

impl Record {
    const CODES_AT: usize = 16;

    /// Bytes of a record.
    pub(super) fn bytes(sub_vectors: usize) -> usize {
        Self::CODES_AT + sub_vectors
    }

    pub(super) fn write(record: &mut [u8], row_id: u64, terms: RowTerms, codes: &[u8]) {
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

/// What a batch of rows was compressed to.
pub(super) struct Coded {
    /// The partition of each row.
    pub(super) labels: Vec<u32>,
    /// Rows x sub-vectors.
    pub(super) codes: Vec<u8>,
    pub(super) terms: Vec<RowTerms>,
}

/// Collects compressed rows; what memory does not hold of them goes to `folder`.
pub(super) fn runs(trained: &Trained, folder: &Path) -> Runs {
    Runs::new(folder, trained.partitioning.centroids.len(), Record::bytes(trained.layout.sub_vectors))
}

/// Compresses the column's rows and sorts them by partition, after those in `runs`.
pub(super) fn encode(
    trained: &Trained,
    column: &VectorColumn,
    space: &Space,
    mut runs: Runs,
    session: &Session,
    progress: &Progress,
) -> Result<SortedRuns> {
    let sub_vectors = trained.layout.sub_vectors;
    let mut push = |(batch, coded): (Batch<'_>, Coded)| {
        let rows = batch.row_ids.iter().zip(coded.labels).zip(coded.terms);
        for (((&row_id, label), terms), codes) in rows.zip(coded.codes.chunks_exact(sub_vectors)) {
            runs.push(label, |record| Record::write(record, row_id, terms, codes))?;
        }
        Ok(())
    };
    // Where sub-vectors are short, comparing their distances is more work than computing them.
    let flops_per_row = (2 * space.dim() + 4 * sub_vectors) * trained.layout.codewords();
    let mut encoder = Encoder::new(trained, space, session, progress)?;
    let partitioning = &trained.partitioning;
    for_each_points(column, space, partitioning, session, flops_per_row, progress, |batch| {
        encoder.push(batch)?.into_iter().try_for_each(&mut push)
    })?;
    encoder.finish()?.into_iter().try_for_each(&mut push)?;
    runs.finish()
}

/// Compresses batches: on the session's GPU as long as it works, else on the CPU.
struct Encoder<'a> {
    trained: &'a Trained,
    space: &'a Space,
    session: &'a Session,
    progress: &'a Progress,
    #[cfg(feature = "gpu")]
    pipeline: Option<super::gpu::Pipeline<'a>>,
}

impl<'a> Encoder<'a> {
    fn new(
        trained: &'a Trained,
        space: &'a Space,
        session: &'a Session,
        progress: &'a Progress,
    ) -> Result<Self> {
        Ok(Self {
            trained,
            space,
            session,
            progress,
            #[cfg(feature = "gpu")]
            pipeline: open_pipeline(trained, space, session)?,
        })
    }

    /// Takes a batch, and returns those that are done: in order, but perhaps not this one yet.
    fn push(&mut self, batch: Batch<'a>) -> Result<Vec<(Batch<'a>, Coded)>> {
        #[cfg(feature = "gpu")]
        if let Some(pipeline) = &mut self.pipeline {
            return match pipeline.push(batch, self.progress) {
                Ok(done) => Ok(done.into_iter().collect()),
                Err(undone) => self.fall_back(undone),
            };
        }
        Ok(vec![self.encode(batch)?])
    }

    /// The batches that are not done yet.
    fn finish(&mut self) -> Result<Vec<(Batch<'a>, Coded)>> {
        #[cfg(feature = "gpu")]
        return self.drain();
        #[cfg(not(feature = "gpu"))]
        Ok(Vec::new())
    }

    #[cfg(feature = "gpu")]
    fn drain(&mut self) -> Result<Vec<(Batch<'a>, Coded)>> {
        let mut all = Vec::new();
        while let Some(pipeline) = &mut self.pipeline {
            match pipeline.pop(self.progress) {
                Ok(Some(done)) => all.push(done),
                Ok(None) => break,
                Err(undone) => all.extend(self.fall_back(undone)?),
            }
        }
        Ok(all)
    }

    /// Does on the CPU what the GPU has left undone.
    #[cfg(feature = "gpu")]
    fn fall_back(&mut self, undone: super::gpu::Undone<'a>) -> Result<Vec<(Batch<'a>, Coded)>> {
        self.session.fall_back(undone.error)?;
        self.pipeline = None;
        undone.batches.into_iter().map(|batch| self.encode(batch)).collect()
    }

    /// Compresses a batch, whose points become residuals.
    fn encode(&self, mut batch: Batch<'a>) -> Result<(Batch<'a>, Coded)> {
        let trained = self.trained;
        label(&trained.partitioning, self.session, &mut batch, self.progress)?;
        let (codes, terms) = encode_batch(trained, self.space, &mut batch);
        let labels = std::mem::take(&mut batch.labels);
        Ok((batch, Coded { labels, codes, terms }))
    }
}

/// The session's GPU, ready for batches, if it has one.
#[cfg(feature = "gpu")]
fn open_pipeline<'a>(
    trained: &'a Trained,
    space: &'a Space,
    session: &'a Session,
) -> Result<Option<super::gpu::Pipeline<'a>>> {
    let Some(gpu) = session.gpu() else { return Ok(None) };
    match super::gpu::Pipeline::open(gpu, trained, space) {
        Ok(pipeline) => Ok(pipeline),
        Err(error) => session.fall_back(error).map(|()| None),
    }
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
