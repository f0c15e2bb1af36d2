//! `ivf_flat.idx`: header, sections and directory as in `ivf/file`, then an extent for each partition.
//!
//! ```text
//!  0                            rows x vector bytes, up to a multiple of 8     + 8 x rows
//!  +----------+----------+-----+----------------------------------------------+---------+
//!  | vector 0 | vector 1 | ... | row ids, u64, in the order of vectors        | zeros   |
//!  +----------+----------+-----+----------------------------------------------+---------+
//! ```
//!
//! Vectors are as the column stores them: `dim` values of the header's element. Row ids ascend within a
//! partition. There is no codebook.

use std::path::Path;

use bytemuck::Zeroable;

use super::encode::Record;
use crate::distance::Metric;
use crate::error::Result;
use crate::index::VectorColumn;
use crate::index::ivf::{FileWriter, Header, Partitioning, Sections, SortedRuns, UnsealedFile};
use crate::progress::Progress;

/// Starts with a byte that is no text and ends with a line end, so that damage by text tools shows.
pub(super) const MAGIC: [u8; 8] = *b"\x89IVFFL\r\n";

/// Bytes of all vectors of a partition, up to where its row ids start.
pub(super) fn vectors_bytes(vector_bytes: u64, rows: u64) -> Option<u64> {
    rows.checked_mul(vector_bytes)?.checked_next_multiple_of(size_of::<u64>() as u64)
}

/// Bytes of a partition's extent without the zeros at its end; `None` if that is no number of bytes.
pub(super) fn extent_bytes(header: &Header, rows: u64) -> Option<u64> {
    let vector_bytes = u64::from(header.dim) * header.element()?.bytes() as u64;
    header.metric()?;
    let no_codes = header.sub_vectors == 0 && header.dim > 0;
    let ids = rows.checked_mul(size_of::<u64>() as u64)?;
    vectors_bytes(vector_bytes, rows)?.checked_add(ids).filter(|_| no_codes)
}

/// Writes all of the file but its calibration.
pub(super) fn write(
    path: &Path,
    partitioning: &Partitioning,
    column: &VectorColumn,
    metric: Metric,
    encoded: &mut SortedRuns,
    progress: &Progress,
) -> Result<UnsealedFile> {
    let header = Header {
        magic: MAGIC,
        metric: Header::metric_code(metric),
        element: Header::element_code(column.element()),
        dim: column.dim() as u32,
        partitions: encoded.rows().len() as u32,
        ..Header::zeroed()
    };
    let sections =
        Sections { mean: &partitioning.mean, centroids: partitioning.centroids.values(), codebook: &[] };
    let mut file = FileWriter::create(path, header, &sections)?;
    let partitions = encoded.rows().len();
    let vector_bytes = column.dim() * column.element().bytes();
    for partition in 0..partitions {
        progress.step("write", partition as u64, partitions as u64)?;
        write_extent(&mut file, vector_bytes, encoded, partition, progress)?;
    }
    let file = file.complete(&sections)?;
    progress.step("write", partitions as u64, partitions as u64)?;
    Ok(file)
}

fn write_extent(
    file: &mut FileWriter,
    vector_bytes: usize,
    encoded: &mut SortedRuns,
    partition: usize,
    progress: &Progress,
) -> Result<()> {
    let rows = encoded.rows()[partition];
    file.begin_extent(rows);
    let mut row_ids: Vec<u64> = Vec::new();
    encoded.read(partition, |records| {
        progress.check()?;
        for record in records.chunks_exact(Record::bytes(vector_bytes)) {
            let (row_id, vector) = Record::read(record);
            row_ids.push(row_id);
            file.write(vector)?;
        }
        Ok(())
    })?;
    let bytes = rows as usize * vector_bytes;
    file.write(&[0; size_of::<u64>()][..bytes.next_multiple_of(size_of::<u64>()) - bytes])?;
    file.write(bytemuck::cast_slice(&row_ids))?;
    file.end_extent()
}
