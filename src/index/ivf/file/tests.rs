//! The bytes of index files, and what happens when they are others.

use std::path::{Path, PathBuf};

use super::*;
use crate::error::Result;
use crate::index::ivf::calibration::{Calibration, CalibrationEntry};
use crate::storage::FileEntry;

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
        calibration: section(0x44000, 864),
        extents: section(0x45000, 0x5000),
        sections_crc: 0xAABB_CCDD,
        reserved: 0,
    };
    let golden = b"\x89IVFPQ\r\n\x01\0\0\0\x01\0\0\0\x01\0\0\0\x80\0\0\0\0\x01\0\0\x10\0\0\0\x08\0\0\0\
        \x40\0\0\0\xE8\x03\0\0\0\0\0\0\x04\x03\x02\x01\0\0\0\0\
        \0\x10\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\
        \0\x20\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x20\x04\0\0\0\0\0\0\x18\0\0\0\0\0\0\
        \0\x40\x04\0\0\0\0\0\x60\x03\0\0\0\0\0\0\
        \0\x50\x04\0\0\0\0\0\0\x50\0\0\0\0\0\0\xDD\xCC\xBB\xAA\0\0\0\0";
    assert_eq!(bytemuck::bytes_of(&header), golden);

    let entry = DirectoryEntry { offset: 0x44000, rows: 65, crc: 0x0102_0304, reserved: 0 };
    let golden = b"\0\x40\x04\0\0\0\0\0\x41\0\0\0\0\0\0\0\x04\x03\x02\x01\0\0\0\0";
    assert_eq!(bytemuck::bytes_of(&entry), golden);
}

#[test]
fn a_calibration_entry_is_24_bytes() {
    let entry =
        CalibrationEntry { k: 10, candidates: 40, target: 0.5, recall: 0.75, reach: 2.0, probes: 16.0 };
    let golden = b"\x0A\0\0\0\x28\0\0\0\0\0\0\x3F\0\0\x40\x3F\0\0\0\x40\0\0\x80\x41";
    assert_eq!(bytemuck::bytes_of(&entry), golden);
}

fn calibration() -> Calibration {
    let entry = CalibrationEntry { k: 1, candidates: 2, target: 0.9, recall: 0.9, reach: 1.0, probes: 1.5 };
    Calibration::new(vec![entry, CalibrationEntry { k: 10, candidates: 20, ..entry }]).unwrap()
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
    let file = file.complete(&sections).unwrap();
    let uncalibrated = open(&path, file.bytes()).unwrap();
    assert!(uncalibrated.calibration().is_none());
    drop(uncalibrated);
    let entry = file.seal(Some(&calibration()), "index.idx".to_owned()).unwrap();
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
    assert_eq!(file.calibration(), Some(&calibration()));
    assert_eq!((file.header().rows, entry.bytes), (5000, 7 * 4096));
    assert_eq!(file.extent(0).unwrap()[..5000], [7; 5000]);
    assert!(file.extent(0).unwrap()[5000..].iter().all(|&byte| byte == 0));
    assert!(file.extent(1).unwrap().is_empty());
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
    let changes: [fn(&mut Header); 15] = [
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
        |header| header.calibration.offset += 4096,
        |header| header.calibration.bytes -= 1,
        |header| header.calibration.bytes = 8192,
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
