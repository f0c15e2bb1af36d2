//! Reading an index file in place, after checking all that this relies on.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{DirectoryEntry, HEADER_CRC_AT, Header, PAGE, Section, VERSION, page_aligned};
use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::index::ivf::calibration::{Calibration, CalibrationEntry};
use crate::index::ivf::coarse::CoarseCentroids;
use crate::index::ivf::train::Partitioning;
use crate::kmeans::Centroids;
use crate::storage::MappedFile;

/// An index file, mapped and checked: header and sections by checksum when it is opened, each extent by its
/// checksum when it is first read.
pub(crate) struct IndexFile {
    map: MappedFile,
    path: PathBuf,
    header: Header,
    calibration: Option<Calibration>,
    coarse: CoarseCentroids,
    /// Which extents have been found to be whole.
    whole: Box<[AtomicBool]>,
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
        // A query reads the sections and the extents that it probes, and nothing between.
        map.expect_scattered_reads();
        let checked = check(&map, magic, extent_bytes);
        let (header, calibration) = checked.map_err(|fault| match fault {
            Fault::Damaged(reason) => Error::corrupted(path, reason),
            Fault::Newer(found) => {
                Error::UnsupportedFormat { path: path.to_owned(), found, supported: VERSION }
            }
        })?;
        let whole = (0..header.partitions).map(|_| AtomicBool::new(false)).collect();
        let centroids = bytemuck::cast_slice(section_bytes(map.bytes(), header.centroids));
        let metric = header.metric().unwrap_or(Metric::L2);
        let coarse = CoarseCentroids::new(metric, centroids, header.point_dim());
        Ok(Self { map, path: path.to_owned(), header, calibration, coarse, whole })
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

    /// What rows are assigned by.
    pub(crate) fn partitioning(&self) -> Partitioning {
        let centroids = Centroids::new(self.centroids().to_vec(), self.header.point_dim());
        Partitioning { mean: self.mean().to_vec(), centroids }
    }

    /// The centroids as bytes.
    pub(crate) fn coarse(&self) -> &CoarseCentroids {
        &self.coarse
    }

    /// Sub-vectors x codewords x dimensions of a sub-vector.
    pub(crate) fn codebook(&self) -> &[f32] {
        bytemuck::cast_slice(self.section(self.header.codebook))
    }

    /// What was measured when the index was built; `None` if nothing was.
    pub(crate) fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// An entry for each partition.
    pub(crate) fn directory(&self) -> &[DirectoryEntry] {
        bytemuck::cast_slice(self.section(self.header.directory))
    }

    /// A partition's bytes and the zeros after them.
    ///
    /// # Errors
    /// If they are not what was written.
    pub(crate) fn extent(&self, partition: usize) -> Result<&[u8]> {
        // No other memory depends on the flag: two threads at once check twice, and that is all.
        if !self.whole[partition].load(Ordering::Relaxed) {
            self.check_extent(partition)?;
            self.whole[partition].store(true, Ordering::Relaxed);
        }
        Ok(self.unchecked_extent(partition))
    }

    /// As [`IndexFile::extent`], for who only wants the bytes to be near.
    pub(crate) fn unchecked_extent(&self, partition: usize) -> &[u8] {
        &self.map.bytes()[self.extent_range(partition)]
    }

    fn extent_range(&self, partition: usize) -> Range<usize> {
        let directory = self.directory();
        let start = directory[partition].offset;
        let end = directory.get(partition + 1).map_or(self.header.file_bytes, |next| next.offset);
        start as usize..end as usize
    }

    /// Reads every partition and compares its checksum.
    pub(crate) fn verify(&self) -> Result<()> {
        (0..self.whole.len()).try_for_each(|partition| self.check_extent(partition))
    }

    #[cold]
    fn check_extent(&self, partition: usize) -> Result<()> {
        // One read for the whole extent, where touching its pages would be one for each.
        self.map.fetch(self.extent_range(partition));
        if crc32c::crc32c(self.unchecked_extent(partition)) == self.directory()[partition].crc {
            return Ok(());
        }
        let reason = format!("the bytes of partition {partition} do not match their checksum");
        Err(Error::corrupted(&self.path, reason))
    }

    fn section(&self, section: Section) -> &[u8] {
        // `check` has seen that this is inside the file.
        section_bytes(self.map.bytes(), section)
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
    map: &MappedFile,
    magic: [u8; 8],
    extent_bytes: impl Fn(&Header, u64) -> Option<u64>,
) -> Result<(Header, Option<Calibration>), Fault> {
    let bytes = map.bytes();
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
    map.fetch(PAGE..(header.extents.offset as usize).clamp(PAGE, bytes.len()));
    check_sections(&header, bytes)?;
    let directory = section_bytes(bytes, header.directory);
    check_directory(
        &header,
        bytemuck::try_cast_slice(directory).map_err(|_| "it is not aligned")?,
        |rows| extent_bytes(&header, rows),
    )?;
    let calibration = check_calibration(section_bytes(bytes, header.calibration))?;
    Ok((header, calibration))
}

fn check_calibration(bytes: &[u8]) -> Result<Option<Calibration>, Fault> {
    let entries: &[CalibrationEntry] = bytemuck::try_cast_slice(bytes).map_err(|_| "it is not aligned")?;
    if entries.is_empty() {
        return Ok(None);
    }
    let calibration = Calibration::new(entries.to_vec());
    calibration.map(Some).ok_or_else(|| "its calibration makes no sense".into())
}

/// Checks that the sections follow each other, have the shapes' sizes, and match their checksum.
fn check_sections(header: &Header, bytes: &[u8]) -> Result<(), Fault> {
    let partitions = u64::from(header.partitions);
    let point_bytes = header.point_dim() as u64 * 4;
    let codewords = if header.sub_vectors == 0 { Some(0) } else { 1u64.checked_shl(header.bits) };
    let codebook_bytes = codewords.and_then(|codewords| codewords.checked_mul(u64::from(header.dim) * 4));
    let mut offset = PAGE as u64;
    let page = PAGE as u64;
    // The calibration has its page, however little of it is used.
    for (section, expected, bytes_min) in [
        (header.mean, Some(point_bytes), 0),
        (header.centroids, point_bytes.checked_mul(partitions), 0),
        (header.codebook, codebook_bytes, 0),
        (header.directory, Some(partitions * size_of::<DirectoryEntry>() as u64), 0),
        (header.calibration, Some(header.calibration.bytes.min(page)), page),
    ] {
        if section.offset != offset || Some(section.bytes) != expected {
            return Err("its sections do not have the places and sizes that its shapes ask for".into());
        }
        let end = section.offset.checked_add(section.bytes.max(bytes_min));
        offset = end.and_then(|end| end.checked_next_multiple_of(page)).unwrap_or(u64::MAX);
    }
    let end = header.extents.offset;
    if end != offset || end.checked_add(header.extents.bytes) != Some(bytes.len() as u64) {
        return Err("its extents do not reach from the last section to the end of the file".into());
    }
    if crc32c::crc32c(&bytes[PAGE..end as usize]) != header.sections_crc {
        return Err("the centroids, codebook, directory or calibration do not match their checksum".into());
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
