//! What the files of both kinds of index have in common: the header page, the sections that every query
//! reads, and one extent per partition.
//!
//! ```text
//!  0          4096                                                     extents.offset         file_bytes
//!  +----------+--------+-----------+----------+-----------+--------------+--------+--------+-----+
//!  | header   | mean   | centroids | codebook | directory | extent 0     | extent 1 ...          |
//!  +----------+--------+-----------+----------+-----------+--------------+--------+--------+-----+
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
//!   120  extents      offset u64, bytes u64
//!   136  sections_crc u32       CRC-32C of bytes 4096 .. extents.offset
//!   140  reserved     u32       0
//!   144  zeros
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
//! Point dimensions are the column's dimensions, or eight times as many for hamming, where a point has one
//! value for each bit.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};

use crate::distance::Metric;
use crate::error::{Error, IoContext, Result};
use crate::index::ElementKind;
use crate::storage::{FileEntry, MappedFile};

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
const _: () = assert!(size_of::<Header>() == 144);
const _: () = assert!(std::mem::offset_of!(Header, rows) == 40);
const _: () = assert!(std::mem::offset_of!(Header, mean) == 56);
const _: () = assert!(std::mem::offset_of!(Header, extents) == 120);
const _: () = assert!(std::mem::offset_of!(Header, sections_crc) == 136);
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

/// Writes an index file: extents as they come, then the pages before them.
pub(crate) struct FileWriter {
    path: PathBuf,
    file: BufWriter<File>,
    offset: u64,
    /// CRC-32C of all extents so far.
    extents_crc: u32,
    header: Header,
    directory: Vec<DirectoryEntry>,
}

impl FileWriter {
    /// Creates the file. `header` has the magic number and the shapes; the rest of it is filled in.
    pub(crate) fn create(path: &Path, mut header: Header, sections: &Sections<'_>) -> Result<Self> {
        let mut offset = PAGE as u64;
        let mut place = |bytes: usize| {
            let section = Section { offset, bytes: bytes as u64 };
            offset = page_aligned(offset + section.bytes);
            section
        };
        header.version = VERSION;
        header.mean = place(size_of_val(sections.mean));
        header.centroids = place(size_of_val(sections.centroids));
        header.codebook = place(size_of_val(sections.codebook));
        header.directory = place(header.partitions as usize * size_of::<DirectoryEntry>());
        header.extents = Section { offset, bytes: 0 };

        let file = File::create_new(path).at("create", path)?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.seek(SeekFrom::Start(offset)).at("seek in", path)?;
        Ok(Self { path: path.to_owned(), file, offset, extents_crc: 0, header, directory: Vec::new() })
    }

    /// Starts the next partition's extent.
    pub(crate) fn begin_extent(&mut self, rows: u64) {
        self.directory.push(DirectoryEntry { offset: self.offset, rows, crc: 0, reserved: 0 });
    }

    /// Adds bytes to the extent.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).at("write", &self.path)?;
        self.offset += bytes.len() as u64;
        self.extents_crc = crc32c::crc32c_append(self.extents_crc, bytes);
        if let Some(entry) = self.directory.last_mut() {
            entry.crc = crc32c::crc32c_append(entry.crc, bytes);
        }
        Ok(())
    }

    /// Fills the extent's last page with zeros.
    pub(crate) fn end_extent(&mut self) -> Result<()> {
        let padding = page_aligned(self.offset) - self.offset;
        self.write(&[0; PAGE][..padding as usize])
    }

    /// Writes the header and the sections, and makes the file durable. `name` is the file's path as
    /// the manifest names it.
    pub(crate) fn finish(mut self, sections: &Sections<'_>, name: String) -> Result<FileEntry> {
        self.header.rows = self.directory.iter().map(|entry| entry.rows).sum();
        self.header.file_bytes = self.offset;
        self.header.extents.bytes = self.offset - self.header.extents.offset;
        let front = front_pages(&mut self.header, sections, &self.directory);

        self.file.seek(SeekFrom::Start(0)).at("seek in", &self.path)?;
        self.file.write_all(&front).at("write", &self.path)?;
        let file = self.file.into_inner().map_err(|e| e.into_error()).at("write", &self.path)?;
        // An index whose partitions are all empty ends where its last section does.
        file.set_len(self.offset).at("write", &self.path)?;
        file.sync_all().at("sync", &self.path)?;
        let extents_bytes = self.header.extents.bytes as usize;
        let crc = crc32c::crc32c_combine(crc32c::crc32c(&front), self.extents_crc, extents_bytes);
        Ok(FileEntry { path: name, bytes: self.offset, crc32c: crc })
    }
}

/// Everything before the first extent, with its checksums; completes `header`.
fn front_pages(header: &mut Header, sections: &Sections<'_>, directory: &[DirectoryEntry]) -> Vec<u8> {
    let mut front = vec![0u8; header.extents.offset as usize];
    for (section, bytes) in [
        (header.mean, bytemuck::cast_slice(sections.mean)),
        (header.centroids, bytemuck::cast_slice(sections.centroids)),
        (header.codebook, bytemuck::cast_slice(sections.codebook)),
        (header.directory, bytemuck::cast_slice(directory)),
    ] {
        let start = section.offset as usize;
        front[start..start + section.bytes as usize].copy_from_slice(bytes);
    }
    header.sections_crc = crc32c::crc32c(&front[PAGE..]);
    front[..size_of::<Header>()].copy_from_slice(bytemuck::bytes_of(header));
    let crc = crc32c::crc32c(&front[..HEADER_CRC_AT]);
    front[HEADER_CRC_AT..PAGE].copy_from_slice(&crc.to_le_bytes());
    front
}

/// An index file, mapped and checked: header and sections by checksum, extents by their bounds.
pub(crate) struct IndexFile {
    map: MappedFile,
    path: PathBuf,
    header: Header,
}

impl IndexFile {
    /// Opens a file that starts with `magic`. `extent_bytes` says how long an extent of so many rows is in a
    /// file with this header, or `None` if no file has such a header.
    pub(crate) fn open(
        path: &Path,
        file_bytes: u64,
        magic: [u8; 8],
        extent_bytes: impl Fn(&Header, u64) -> Option<u64>,
    ) -> Result<Self> {
        let map = MappedFile::open(path, file_bytes)?;
        let header = check(map.bytes(), magic, extent_bytes).map_err(|fault| match fault {
            Fault::Damaged(reason) => Error::corrupted(path, reason),
            Fault::Newer(found) => {
                Error::UnsupportedFormat { path: path.to_owned(), found, supported: VERSION }
            }
        })?;
        Ok(Self { map, path: path.to_owned(), header })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What was subtracted from every point before anything else.
    pub(crate) fn mean(&self) -> &[f32] {
        bytemuck::cast_slice(self.section(self.header.mean))
    }

    /// Partitions x point dimensions, the mean removed.
    pub(crate) fn centroids(&self) -> &[f32] {
        bytemuck::cast_slice(self.section(self.header.centroids))
    }

    /// Sub-vectors x codewords x dimensions of a sub-vector.
    pub(crate) fn codebook(&self) -> &[f32] {
        bytemuck::cast_slice(self.section(self.header.codebook))
    }

    /// An entry for each partition.
    pub(crate) fn directory(&self) -> &[DirectoryEntry] {
        bytemuck::cast_slice(self.section(self.header.directory))
    }

    /// A partition's bytes and the zeros after them.
    pub(crate) fn extent(&self, partition: usize) -> &[u8] {
        let directory = self.directory();
        let start = directory[partition].offset;
        let end = directory.get(partition + 1).map_or(self.header.file_bytes, |next| next.offset);
        &self.map.bytes()[start as usize..end as usize]
    }

    /// Reads every partition and compares its checksum.
    pub(crate) fn verify(&self) -> Result<()> {
        for (partition, entry) in self.directory().iter().enumerate() {
            if crc32c::crc32c(self.extent(partition)) != entry.crc {
                let reason = format!("the bytes of partition {partition} do not match their checksum");
                return Err(Error::corrupted(&self.path, reason));
            }
        }
        Ok(())
    }

    fn section(&self, section: Section) -> &[u8] {
        // `check` has seen that this is inside the file.
        &self.map.bytes()[section.offset as usize..(section.offset + section.bytes) as usize]
    }
}

/// Why a file cannot be opened.
enum Fault {
    Damaged(String),
    Newer(u32),
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Fault::Damaged(reason.to_owned())
    }
}

/// Checks everything that reading in place relies on.
fn check(
    bytes: &[u8],
    magic: [u8; 8],
    extent_bytes: impl Fn(&Header, u64) -> Option<u64>,
) -> Result<Header, Fault> {
    let page = bytes.get(..PAGE).ok_or("the file is shorter than its header")?;
    if page[..8] != magic {
        return Err("it does not start like an index of this kind".into());
    }
    if crc32c::crc32c(&page[..HEADER_CRC_AT]).to_le_bytes() != page[HEADER_CRC_AT..] {
        return Err("the header does not match its checksum".into());
    }
    let header: Header = bytemuck::pod_read_unaligned(&page[..size_of::<Header>()]);
    if header.version != VERSION {
        return Err(Fault::Newer(header.version));
    }
    if header.file_bytes != bytes.len() as u64 {
        let reason = format!("it has {} bytes instead of {}", bytes.len(), header.file_bytes);
        return Err(Fault::Damaged(reason));
    }
    check_sections(&header, bytes)?;
    let directory = section_bytes(bytes, header.directory);
    check_directory(
        &header,
        bytemuck::try_cast_slice(directory).map_err(|_| "it is not aligned")?,
        |rows| extent_bytes(&header, rows),
    )?;
    Ok(header)
}

/// Checks that the sections follow each other, have the shapes' sizes, and match their checksum.
fn check_sections(header: &Header, bytes: &[u8]) -> Result<(), Fault> {
    let partitions = u64::from(header.partitions);
    let point_bytes = header.point_dim() as u64 * 4;
    let codewords = if header.sub_vectors == 0 { Some(0) } else { 1u64.checked_shl(header.bits) };
    let codebook_bytes = codewords.and_then(|codewords| codewords.checked_mul(u64::from(header.dim) * 4));
    let mut offset = PAGE as u64;
    for (section, expected) in [
        (header.mean, Some(point_bytes)),
        (header.centroids, point_bytes.checked_mul(partitions)),
        (header.codebook, codebook_bytes),
        (header.directory, Some(partitions * size_of::<DirectoryEntry>() as u64)),
    ] {
        if section.offset != offset || Some(section.bytes) != expected {
            return Err("its sections do not have the places and sizes that its shapes ask for".into());
        }
        let end = section.offset.checked_add(section.bytes);
        offset = end.and_then(|end| end.checked_next_multiple_of(PAGE as u64)).unwrap_or(u64::MAX);
    }
    let end = header.extents.offset;
    if end != offset || end.checked_add(header.extents.bytes) != Some(bytes.len() as u64) {
        return Err("its extents do not reach from the last section to the end of the file".into());
    }
    if crc32c::crc32c(&bytes[PAGE..end as usize]) != header.sections_crc {
        return Err("the centroids, codebook or directory do not match their checksum".into());
    }
    Ok(())
}

fn section_bytes(bytes: &[u8], section: Section) -> &[u8] {
    &bytes[section.offset as usize..(section.offset + section.bytes) as usize]
}

/// Checks that the extents fill the file and that each has the length that its rows need.
fn check_directory(
    header: &Header,
    directory: &[DirectoryEntry],
    extent_bytes: impl Fn(u64) -> Option<u64>,
) -> Result<(), Fault> {
    let mut offset = header.extents.offset;
    let mut rows = 0u64;
    for entry in directory {
        let bytes = extent_bytes(entry.rows).filter(|&bytes| bytes <= header.file_bytes);
        if entry.offset != offset || bytes.is_none() {
            return Err("its directory does not describe its extents".into());
        }
        offset = page_aligned(offset + bytes.unwrap_or(0));
        rows = rows.saturating_add(entry.rows);
    }
    if offset != header.file_bytes || rows != header.rows {
        return Err("its extents do not add up to the rows and bytes of its header".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"\x89IVFPQ\r\n";

    #[test]
    fn bytes_on_disk_never_change() {
        let section = |offset, bytes| Section { offset, bytes };
        let header = Header {
            magic: MAGIC,
            version: 1,
            metric: Header::metric_code(Metric::Cosine),
            element: Header::element_code(ElementKind::F32),
            dim: 128,
            partitions: 256,
            sub_vectors: 16,
            bits: 8,
            block_rows: 64,
            rows: 1000,
            file_bytes: 0x0102_0304,
            mean: section(0x1000, 512),
            centroids: section(0x2000, 0x20000),
            codebook: section(0x22000, 0x20000),
            directory: section(0x42000, 0x1800),
            extents: section(0x44000, 0x5000),
            sections_crc: 0xAABB_CCDD,
            reserved: 0,
        };
        let golden = b"\x89IVFPQ\r\n\x01\0\0\0\x01\0\0\0\x01\0\0\0\x80\0\0\0\0\x01\0\0\x10\0\0\0\x08\0\0\0\
            \x40\0\0\0\xE8\x03\0\0\0\0\0\0\x04\x03\x02\x01\0\0\0\0\
            \0\x10\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\
            \0\x20\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x20\x04\0\0\0\0\0\0\x18\0\0\0\0\0\0\
            \0\x40\x04\0\0\0\0\0\0\x50\0\0\0\0\0\0\xDD\xCC\xBB\xAA\0\0\0\0";
        assert_eq!(bytemuck::bytes_of(&header), golden);

        let entry = DirectoryEntry { offset: 0x44000, rows: 65, crc: 0x0102_0304, reserved: 0 };
        let golden = b"\0\x40\x04\0\0\0\0\0\x41\0\0\0\0\0\0\0\x04\x03\x02\x01\0\0\0\0";
        assert_eq!(bytemuck::bytes_of(&entry), golden);
    }

    /// A file with two extents, of 5000 bytes and of none.
    fn file(folder: &Path) -> (PathBuf, FileEntry) {
        let path = folder.join("index.idx");
        let header = Header { magic: MAGIC, dim: 2, partitions: 2, ..Header::zeroed() };
        let sections = Sections { mean: &[1.0, 2.0], centroids: &[3.0, 4.0, 5.0, 6.0], codebook: &[] };
        let mut file = FileWriter::create(&path, header, &sections).unwrap();
        file.begin_extent(5000);
        file.write(&[7; 5000]).unwrap();
        file.end_extent().unwrap();
        file.begin_extent(0);
        file.end_extent().unwrap();
        let entry = file.finish(&sections, "index.idx".to_owned()).unwrap();
        (path, entry)
    }

    fn open(path: &Path, bytes: u64) -> Result<IndexFile> {
        IndexFile::open(path, bytes, MAGIC, |_, rows| Some(rows))
    }

    #[test]
    fn reading_gives_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, entry) = file(folder.path());
        entry.verify(folder.path()).unwrap();
        let file = open(&path, entry.bytes).unwrap();

        assert_eq!(file.mean(), [1.0, 2.0]);
        assert_eq!(file.centroids(), [3.0, 4.0, 5.0, 6.0]);
        assert!(file.codebook().is_empty());
        assert_eq!((file.header().rows, entry.bytes), (5000, 6 * 4096));
        assert_eq!(file.extent(0)[..5000], [7; 5000]);
        assert!(file.extent(0)[5000..].iter().all(|&byte| byte == 0));
        assert!(file.extent(1).is_empty());
        file.verify().unwrap();
    }

    /// Changes the header, and makes its checksum right again.
    fn forge(path: &Path, change: impl Fn(&mut Header)) {
        let mut bytes = std::fs::read(path).unwrap();
        let mut header: Header = bytemuck::pod_read_unaligned(&bytes[..size_of::<Header>()]);
        change(&mut header);
        bytes[..size_of::<Header>()].copy_from_slice(bytemuck::bytes_of(&header));
        let crc = crc32c::crc32c(&bytes[..HEADER_CRC_AT]);
        bytes[HEADER_CRC_AT..PAGE].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn shapes_and_places_that_do_not_fit_are_damage_even_with_a_right_checksum() {
        let changes: [fn(&mut Header); 12] = [
            |header| header.dim = 3,
            |header| header.dim = u32::MAX,
            |header| header.partitions = 3,
            |header| header.partitions = u32::MAX,
            |header| header.sub_vectors = 1,
            |header| (header.sub_vectors, header.bits) = (1, 63),
            |header| header.rows = 1,
            |header| header.file_bytes = 4096,
            |header| header.mean.offset = u64::MAX,
            |header| header.codebook.bytes = u64::MAX,
            |header| header.extents.offset = u64::MAX - 4095,
            |header| header.extents.bytes = 0,
        ];
        for (i, change) in changes.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let (path, entry) = file(folder.path());
            forge(&path, change);
            assert_eq!(open(&path, entry.bytes).err().unwrap().code(), "CORRUPTED", "change {i}");
        }
    }

    #[test]
    fn a_newer_format_asks_for_an_upgrade() {
        let folder = tempfile::tempdir().unwrap();
        let (path, entry) = file(folder.path());
        forge(&path, |header| header.version = 2);

        assert_eq!(open(&path, entry.bytes).err().unwrap().code(), "UNSUPPORTED_FORMAT");
    }
}
