//! What the files of both kinds of index have in common: the header page, the sections that every query
//! reads, and one extent per partition.
//!
//! ```text
//!  0        4096                                                   extents.offset         file_bytes
//!  +--------+------+-----------+----------+-----------+-------------+----------+----------+-----+
//!  | header | mean | centroids | codebook | directory | calibration | extent 0 | extent 1 ...   |
//!  +--------+------+-----------+----------+-----------+-------------+----------+----------+-----+
//! ```
//!
//! Everything is little-endian and read in place. Each section and each extent starts at a multiple of
//! 4096; the bytes between one's end and the next one's start are zero.
//!
//! The header page:
//!
//! ```text
//!     0  magic        8 bytes   "\x89IVFPQ\r\n" or "\x89IVFFL\r\n"
//!     8  version      u32       1
//!    12  metric       u32       0 l2, 1 cosine, 2 dot, 3 hamming
//!    16  element      u32       of the column: 0 f16, 1 f32, 2 f64, 3 u8, 4 i8
//!    20  dim          u32       of the column
//!    24  partitions   u32
//!    28  sub_vectors  u32       IVF_PQ, else 0
//!    32  bits         u32       IVF_PQ: of a code, 4 or 8; else 0
//!    36  block_rows   u32       IVF_PQ: 64; else 0
//!    40  rows         u64       in all extents
//!    48  file_bytes   u64
//!    56  mean         offset u64, bytes u64    f32: point dimensions
//!    72  centroids    offset u64, bytes u64    f32: partitions x point dimensions, the mean removed
//!    88  codebook     offset u64, bytes u64    f32: sub_vectors x 2^bits x (dim / sub_vectors), or nothing
//!   104  directory    offset u64, bytes u64    an entry for each partition
//!   120  calibration  offset u64, bytes u64    its entries, at most a page of them, or nothing
//!   136  extents      offset u64, bytes u64
//!   152  sections_crc u32       CRC-32C of bytes 4096 .. extents.offset
//!   156  reserved     u32       0
//!   160  zeros
//!  4092  header_crc   u32       CRC-32C of bytes 0 .. 4092
//! ```
//!
//! A directory entry; extents follow each other in the order of partitions:
//!
//! ```text
//!     0  offset       u64       of the extent; a multiple of 4096
//!     8  rows         u64
//!    16  crc          u32       CRC-32C of the extent and of the zeros up to the next
//!    20  reserved     u32       0
//! ```
//!
//! A calibration entry; in the order of k, then of targets. The calibration has a page to itself, also when
//! it is empty, so that it can be measured with the extents in their places:
//!
//! ```text
//!     0  k            u32       neighbours wanted
//!     4  candidates   u32       whose distances are computed from the stored vectors; at least k
//!     8  target       f32       the share of the neighbours to be found, between 0 and 1
//!    12  recall       f32       the share that was found
//!    16  reach        f32       partitions beyond it are not searched: see `reach.rs`
//!    20  probes       f32       partitions searched on average
//! ```
//!
//! Point dimensions are the column's dimensions, or eight times as many for hamming, where a point has one
//! value for each bit.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use bytemuck::{Pod, Zeroable};

use crate::distance::Metric;
use crate::index::ElementKind;

pub(crate) use reader::IndexFile;
pub(crate) use writer::{FileWriter, UnsealedFile};

/// Sections and extents start at multiples of this.
pub(crate) const PAGE: usize = 4096;

/// The newest format that this release reads and the one that it writes.
pub(crate) const VERSION: u32 = 1;

/// Where the header's own checksum is.
const HEADER_CRC_AT: usize = PAGE - 4;

/// The fixed part of the header page.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) metric: u32,
    pub(crate) element: u32,
    pub(crate) dim: u32,
    pub(crate) partitions: u32,
    pub(crate) sub_vectors: u32,
    pub(crate) bits: u32,
    pub(crate) block_rows: u32,
    pub(crate) rows: u64,
    pub(crate) file_bytes: u64,
    pub(crate) mean: Section,
    pub(crate) centroids: Section,
    pub(crate) codebook: Section,
    pub(crate) directory: Section,
    pub(crate) calibration: Section,
    pub(crate) extents: Section,
    pub(crate) sections_crc: u32,
    pub(crate) reserved: u32,
}

/// Where a part of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Where a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct DirectoryEntry {
    pub(crate) offset: u64,
    pub(crate) rows: u64,
    pub(crate) crc: u32,
    pub(crate) reserved: u32,
}

// The pictures above are a promise to files already on disk.
const _: () = assert!(size_of::<Header>() == 160);
const _: () = assert!(std::mem::offset_of!(Header, rows) == 40);
const _: () = assert!(std::mem::offset_of!(Header, mean) == 56);
const _: () = assert!(std::mem::offset_of!(Header, extents) == 136);
const _: () = assert!(std::mem::offset_of!(Header, sections_crc) == 152);
const _: () = assert!(size_of::<DirectoryEntry>() == 24);
#[cfg(target_endian = "big")]
compile_error!("index files are read in place and are little-endian");

impl Header {
    /// The metric's number in the file.
    pub(crate) fn metric_code(metric: Metric) -> u32 {
        match metric {
            Metric::L2 => 0,
            Metric::Cosine => 1,
            Metric::Dot => 2,
            Metric::Hamming => 3,
        }
    }

    /// The metric, unless no metric has this number.
    pub(crate) fn metric(&self) -> Option<Metric> {
        Metric::ALL.into_iter().find(|&metric| Self::metric_code(metric) == self.metric)
    }

    /// The number in the file of a kind of element.
    pub(crate) fn element_code(element: ElementKind) -> u32 {
        ElementKind::ALL.iter().position(|&other| other == element).unwrap_or(0) as u32
    }

    /// The kind of the column's elements, unless no kind has this number.
    pub(crate) fn element(&self) -> Option<ElementKind> {
        ElementKind::ALL.get(self.element as usize).copied()
    }

    /// Values of a point: see the top of this file.
    pub(crate) fn point_dim(&self) -> usize {
        let bits_per_value = if self.metric() == Some(Metric::Hamming) { 8 } else { 1 };
        self.dim as usize * bits_per_value
    }
}

/// Rounds up to a whole number of pages.
pub(crate) fn page_aligned(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE as u64)
}

/// The sections that every query reads.
pub(crate) struct Sections<'a> {
    pub(crate) mean: &'a [f32],
    pub(crate) centroids: &'a [f32],
    pub(crate) codebook: &'a [f32],
}
