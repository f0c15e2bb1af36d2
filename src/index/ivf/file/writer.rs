//! Writing an index file.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{DirectoryEntry, HEADER_CRC_AT, Header, PAGE, Section, Sections, VERSION, page_aligned};
use crate::error::{IoContext, Result};
use crate::index::ivf::calibration::Calibration;
use crate::storage::{FileEntry, files};

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
        header.calibration = Section { bytes: 0, ..place(PAGE) };
        header.extents = Section { offset, bytes: 0 };

        let mut file = BufWriter::with_capacity(1 << 20, files::create(path)?);
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

    /// Writes the header and the sections. The file can be opened then.
    pub(crate) fn complete(mut self, sections: &Sections<'_>) -> Result<UnsealedFile> {
        self.header.rows = self.directory.iter().map(|entry| entry.rows).sum();
        self.header.file_bytes = self.offset;
        self.header.extents.bytes = self.offset - self.header.extents.offset;
        let front = front_pages(&mut self.header, sections, &self.directory);

        self.file.seek(SeekFrom::Start(0)).at("seek in", &self.path)?;
        self.file.write_all(&front).at("write", &self.path)?;
        let file = self.file.into_inner().map_err(|e| e.into_error()).at("write", &self.path)?;
        // An index whose partitions are all empty ends where its last section does.
        file.set_len(self.offset).at("write", &self.path)?;
        Ok(UnsealedFile { path: self.path, file, front, extents_crc: self.extents_crc, header: self.header })
    }
}

/// An index file that is whole but for its calibration.
pub(crate) struct UnsealedFile {
    path: PathBuf,
    file: File,
    /// Everything before the first extent.
    front: Vec<u8>,
    extents_crc: u32,
    header: Header,
}

impl UnsealedFile {
    /// The length of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.header.file_bytes
    }

    /// Adds what was measured, and ends the file. `name` is the file's path as the manifest names it.
    ///
    /// # Panics
    /// If the calibration is longer than its page.
    pub(crate) fn seal(mut self, calibration: Option<&Calibration>, name: String) -> Result<FileEntry> {
        if let Some(calibration) = calibration {
            let bytes: &[u8] = bytemuck::cast_slice(calibration.entries());
            assert!(bytes.len() <= PAGE, "a calibration has a page");
            let start = self.header.calibration.offset as usize;
            self.front[start..start + bytes.len()].copy_from_slice(bytes);
            self.header.calibration.bytes = bytes.len() as u64;
            write_header(&mut self.header, &mut self.front);
            self.write_page(start)?;
            self.write_page(0)?;
        }
        let extents_bytes = self.header.extents.bytes as usize;
        let crc = crc32c::crc32c_combine(crc32c::crc32c(&self.front), self.extents_crc, extents_bytes);
        Ok(FileEntry { path: name, bytes: self.bytes(), crc32c: crc })
    }

    fn write_page(&mut self, start: usize) -> Result<()> {
        self.file.seek(SeekFrom::Start(start as u64)).at("seek in", &self.path)?;
        self.file.write_all(&self.front[start..start + PAGE]).at("write", &self.path)
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
    write_header(header, &mut front);
    front
}

/// Puts the header before its sections, with the checksums of both.
fn write_header(header: &mut Header, front: &mut [u8]) {
    header.sections_crc = crc32c::crc32c(&front[PAGE..]);
    front[..size_of::<Header>()].copy_from_slice(bytemuck::bytes_of(header));
    let crc = crc32c::crc32c(&front[..HEADER_CRC_AT]);
    front[HEADER_CRC_AT..PAGE].copy_from_slice(&crc.to_le_bytes());
}
