//! `ivf_pq.idx`: header, sections and directory as in `ivf/file`, then an extent for each partition.
//!
//! ```text
//!  0                               blocks x block bytes           + lower halves             + 8 x rows
//!  +---------+---------+-----------+------------------------------+--------------------------+---------+
//!  | block 0 | block 1 | ...       | lower halves, row after row  | row ids, u64, by row     | zeros   |
//!  +---------+---------+-----------+------------------------------+--------------------------+---------+
//! ```
//!
//! A partition of n rows has ceil(n / 64) blocks; row i is row i % 64 of block i / 64. Row ids ascend within
//! a partition. A block, with h = ceil(sub_vectors / 2) (`scan/layout.rs` shows where a code lies in it):
//!
//! ```text
//!  h x 64 bytes   codes of 4 bits, or the upper halves of codes of 8 bits
//!  256            adds: 64 x f32
//!  128            scales: 64 x f16
//! ```
//!
//! The lower halves of codes of 8 bits are n x h bytes and zeros up to a multiple of 8; for 4 bits there are
//! none.
//!
//! What adds and scales mean is in `estimate.rs`. Rows of the last block that are not there have zero codes,
//! an add of +infinity and a scale of zero. The codebook is sub-vectors x codewords x dimensions of a
//! sub-vector.

use std::path::Path;

use bytemuck::Zeroable;

use super::encode::Record;
use super::scan::{BLOCK_ROWS, BlockLayout};
use super::train::Trained;
use crate::distance::Metric;
use crate::error::Result;
use crate::index::VectorColumn;
use crate::index::ivf::{FileWriter, Header, Sections, SortedRuns, UnsealedFile};
use crate::progress::Progress;

/// Starts with a byte that is no text and ends with a line end, so that damage by text tools shows.
pub(super) const MAGIC: [u8; 8] = *b"\x89IVFPQ\r\n";

/// Bytes of a partition's extent without the zeros at its end; `None` if that is no number of bytes.
pub(super) fn extent_bytes(layout: BlockLayout, rows: u64) -> Option<u64> {
    let blocks = rows.div_ceil(BLOCK_ROWS as u64).checked_mul(layout.bytes() as u64)?;
    let lower = rows.checked_mul(layout.lower_bytes() as u64)?.checked_next_multiple_of(8)?;
    blocks.checked_add(lower)?.checked_add(rows.checked_mul(size_of::<u64>() as u64)?)
}

/// The parts of a partition's extent.
pub(super) struct Extent<'a> {
    pub(super) blocks: &'a [u8],
    pub(super) lower: &'a [u8],
    pub(super) row_ids: &'a [u64],
}

impl<'a> Extent<'a> {
    /// Takes apart the extent of a partition of `rows` rows.
    pub(super) fn of(layout: BlockLayout, extent: &'a [u8], rows: usize) -> Self {
        let (blocks, rest) = extent.split_at(layout.blocks(rows) * layout.bytes());
        let (lower, rest) = rest.split_at((rows * layout.lower_bytes()).next_multiple_of(8));
        Self { blocks, lower, row_ids: bytemuck::cast_slice(&rest[..rows * size_of::<u64>()]) }
    }
}

/// The layout that a header asks for, if there is one.
pub(super) fn layout(header: &Header) -> Option<BlockLayout> {
    let sub_vectors = header.sub_vectors as usize;
    let fits = header.block_rows == BLOCK_ROWS as u32
        && sub_vectors > 0
        && header.dim > 0
        && (header.dim as usize).is_multiple_of(sub_vectors)
        && matches!(header.metric(), Some(Metric::L2 | Metric::Cosine | Metric::Dot));
    BlockLayout::new(sub_vectors, u8::try_from(header.bits).ok()?).filter(|_| fits)
}

/// Writes all of the file but its calibration.
pub(super) fn write(
    path: &Path,
    trained: &Trained,
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
        sub_vectors: trained.layout.sub_vectors as u32,
        bits: u32::from(trained.layout.bits),
        block_rows: BLOCK_ROWS as u32,
        ..Header::zeroed()
    };
    let sections = Sections {
        mean: &trained.partitioning.mean,
        centroids: trained.partitioning.centroids.values(),
        codebook: trained.codebook.values(),
    };
    let mut file = FileWriter::create(path, header, &sections)?;
    let partitions = encoded.rows().len();
    for partition in 0..partitions {
        progress.step("write", partition as u64, partitions as u64)?;
        write_extent(&mut file, trained.layout, encoded, partition, progress)?;
    }
    let file = file.complete(&sections)?;
    progress.step("write", partitions as u64, partitions as u64)?;
    Ok(file)
}

fn write_extent(
    file: &mut FileWriter,
    layout: BlockLayout,
    encoded: &mut SortedRuns,
    partition: usize,
    progress: &Progress,
) -> Result<()> {
    file.begin_extent(encoded.rows()[partition]);
    let mut block = BlockRows::new(layout);
    let mut row_ids: Vec<u64> = Vec::new();
    encoded.read(partition, |records| {
        progress.check()?;
        for record in records.chunks_exact(Record::bytes(layout.sub_vectors)) {
            let (row_id, terms, codes) = Record::read(record);
            row_ids.push(row_id);
            block.codes.extend_from_slice(codes);
            block.adds.push(terms.add);
            block.scales.push(terms.scale);
            if block.adds.len() == BLOCK_ROWS {
                file.write(block.pack(layout))?;
            }
        }
        Ok(())
    })?;
    if !block.adds.is_empty() {
        file.write(block.pack(layout))?;
    }
    block.lower.resize(block.lower.len().next_multiple_of(8), 0);
    file.write(&block.lower)?;
    file.write(bytemuck::cast_slice(&row_ids))?;
    file.end_extent()
}

/// The rows of the block in progress, and the lower halves of all rows so far.
struct BlockRows {
    lower: Vec<u8>,
    codes: Vec<u8>,
    adds: Vec<f32>,
    scales: Vec<f32>,
    packed: Vec<u8>,
}

impl BlockRows {
    fn new(layout: BlockLayout) -> Self {
        Self {
            lower: Vec::new(),
            codes: Vec::new(),
            adds: Vec::new(),
            scales: Vec::new(),
            packed: vec![0; layout.bytes()],
        }
    }

    /// The block's bytes; the next block starts empty.
    fn pack(&mut self, layout: BlockLayout) -> &[u8] {
        layout.pack(&self.codes, &self.adds, &self.scales, &mut self.packed, &mut self.lower);
        self.codes.clear();
        self.adds.clear();
        self.scales.clear();
        &self.packed
    }
}
