//! The files that a manifest names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, IoContext, Result};

/// A file that a manifest names: where it is, how long it is, and what its bytes add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the table's folder, with `/` between the parts.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// CRC-32C of the whole file.
    pub crc32c: u32,
}

impl FileEntry {
    /// Where the file is, given the table's folder.
    pub fn locate(&self, table: &Path) -> PathBuf {
        table.join(&self.path)
    }

    /// Reads the whole file and compares length and checksum.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the file is missing or differs from what was written.
    pub fn verify(&self, table: &Path) -> Result<()> {
        let path = self.locate(table);
        let (bytes, crc32c) = checksum(&path)?;
        check_length(&path, bytes, self.bytes)?;
        self.check_crc32c(&path, crc32c)
    }

    /// The whole file, once its length and checksum are known to be right. For small files.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the file is missing or differs from what was written.
    pub fn read(&self, table: &Path) -> Result<Vec<u8>> {
        let path = self.locate(table);
        let mut bytes = Vec::new();
        open_named(&path)?.read_to_end(&mut bytes).at("read", &path)?;
        check_length(&path, bytes.len() as u64, self.bytes)?;
        self.check_crc32c(&path, crc32c::crc32c(&bytes))?;
        Ok(bytes)
    }

    fn check_crc32c(&self, path: &Path, found: u32) -> Result<()> {
        if found == self.crc32c {
            return Ok(());
        }
        let reason = format!("its checksum is {found:08x}, but the manifest says {:08x}", self.crc32c);
        Err(Error::corrupted(path, reason))
    }
}

/// [`Error::Corrupted`] unless the file is as long as the manifest says.
pub fn check_length(path: &Path, bytes: u64, expected: u64) -> Result<()> {
    if bytes == expected {
        return Ok(());
    }
    Err(Error::corrupted(path, format!("it has {bytes} bytes, but the manifest says {expected}")))
}

/// How long a file is.
pub fn length(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).at("look at", path)?.len())
}

/// Opens a file that a manifest names. A missing one is damage, not an I/O error.
pub fn open_named(path: &Path) -> Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::corrupted(path, "the file is missing"))
        }
        opened => opened.at("open", path),
    }
}

fn checksum(path: &Path) -> Result<(u64, u32)> {
    let mut file = open_named(path)?;
    let mut chunk = vec![0; 1 << 20];
    let (mut bytes, mut crc) = (0, 0);
    loop {
        let read = file.read(&mut chunk).at("read", path)?;
        if read == 0 {
            return Ok((bytes, crc));
        }
        bytes += read as u64;
        crc = crc32c::crc32c_append(crc, &chunk[..read]);
    }
}
