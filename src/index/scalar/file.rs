//! The file of a scalar index.
//!
//! ```text
//!  0        4096                     tail.offset                                       file_bytes
//!  +--------+--------+--------+-----+-----------+-----------+------------------+------------+
//!  | header | page 0 | page 1 | ... | directory | first keys | rows without a value          |
//!  +--------+--------+--------+-----+-----------+-----------+------------------+------------+
//! ```
//!
//! Everything is little-endian and read in place. The header page:
//!
//! ```text
//!     0  magic        8 bytes   "\x89SCALR\r\n"
//!     8  version      u32       1
//!    12  kind         u32       0 BTREE, 1 BITMAP, 2 LABEL_LIST
//!    16  key_type     u32       0 boolean, 1 signed, 2 unsigned, 3 float, 4 decimal, 5 text, 6 bytes
//!    20  reserved     u32       0
//!    24  pages        u64
//!    32  keys         u64       in all pages
//!    40  pairs        u64       of a key and a row, in all pages
//!    48  rows         u64       in the index, those without a value included
//!    56  file_bytes   u64
//!    64  tail         u64       where the pages end and the directory begins
//!    72  first_keys   u64       where the directory ends
//!    80  nulls        u64       where the first keys end
//!    88  tail_crc     u32       CRC-32C of bytes tail .. file_bytes
//!    92  reserved     u32       0
//!    96  zeros
//!  4092  header_crc   u32       CRC-32C of bytes 0 .. 4092
//! ```
//!
//! A directory entry; pages follow each other:
//!
//! ```text
//!     0  offset       u64       of the page; a multiple of 8
//!     8  pairs        u64       in the pages before it
//!    16  key          u64       where its first key begins among the first keys
//!    24  crc          u32       CRC-32C of the page
//!    28  reserved     u32       0
//! ```
//!
//! The rows without a value are a set in Roaring's portable 64-bit format, up to the end of the file. Pages
//! are described in `page.rs`.

use bytemuck::{Pod, Zeroable};

pub(super) const MAGIC: [u8; 8] = *b"\x89SCALR\r\n";

/// The newest format that this release reads and the one that it writes.
pub(super) const VERSION: u32 = 1;

/// Bytes of the header page.
pub(super) const HEADER_BYTES: usize = 4096;

/// Where the header's own checksum is.
pub(super) const HEADER_CRC_AT: usize = HEADER_BYTES - 4;

/// The fixed part of the header page.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub magic: [u8; 8],
    pub version: u32,
    pub kind: u32,
    pub key_type: u32,
    pub reserved: u32,
    pub pages: u64,
    pub keys: u64,
    pub pairs: u64,
    pub rows: u64,
    pub file_bytes: u64,
    pub tail: u64,
    pub first_keys: u64,
    pub nulls: u64,
    pub tail_crc: u32,
    pub reserved_too: u32,
}

/// Where a page is, and what comes before it.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct DirectoryEntry {
    pub offset: u64,
    pub pairs: u64,
    pub key: u64,
    pub crc: u32,
    pub reserved: u32,
}
