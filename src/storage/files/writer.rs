//! Writing a file from start to end.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{FileEntry, create};
use crate::error::{IoContext, Result};

/// A new file whose length and checksum are known when it is finished.
#[derive(Debug)]
pub struct ChecksumWriter {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    crc32c: u32,
}

impl ChecksumWriter {
    /// Creates `path`, which must not exist.
    pub fn create(path: &Path) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, create(path)?);
        Ok(Self { path: path.to_owned(), file, bytes: 0, crc32c: 0 })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the file, whose bytes are not durable yet; its entry names it as `path`, relative to the table's folder.
    pub fn finish(mut self, path: String) -> Result<FileEntry> {
        self.file.flush().at("write", &self.path)?;
        Ok(FileEntry { path, bytes: self.bytes, crc32c: self.crc32c })
    }
}

impl Write for ChecksumWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
