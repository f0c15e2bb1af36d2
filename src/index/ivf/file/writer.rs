//! Writing an index file.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{DirectoryEntry, HEADER_CRC_AT, Header, PAGE, Section, Sections, VERSION, page_aligned};
use crate::error::{IoContext, Result};
use crate::storage::FileEntry;

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
