//! Files read in place.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use arrow::buffer::Buffer;
use memmap2::Mmap;

use crate::error::{IoContext, Result};
use crate::storage::files;

/// A read-only map of a whole file. Clones share it.
///
/// The bytes are as good as the disk: whoever reads structure out of them checks it first.
#[derive(Clone)]
pub struct MappedFile {
    path: Arc<Path>,
    /// `None` for an empty file, which cannot be mapped.
    map: Option<Arc<Mmap>>,
}

impl MappedFile {
    /// Maps `path`, which must be `expected` bytes long.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) if it is missing or of another length.
    pub fn open(path: impl Into<PathBuf>, expected: u64) -> Result<Self> {
        let path = path.into();
        let file = files::open_named(&path)?;
        let bytes = file.metadata().at("read the size of", &path)?.len();
        files::check_length(&path, bytes, expected)?;
        let map = match bytes {
            0 => None,
            // SAFETY: files of a table are written once and never changed or truncated; they are
            // removed by unlinking only, which leaves existing maps intact.
            _ => Some(Arc::new(unsafe { Mmap::map(&file) }.at("map", &path)?)),
        };
        Ok(Self { path: path.into(), map })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().map_or(&[], |map| &map[..])
    }

    /// Says that small parts of the file will be read, here and there, so that the system reads no more than
    /// what is touched. Without effect on Windows.
    pub fn expect_scattered_reads(&self) {
        #[cfg(unix)]
        if let Some(map) = &self.map {
            // Advice that is not taken changes nothing but the speed.
            let _ = map.advise(memmap2::Advice::Random);
        }
    }

    /// Asks the system to have these bytes in memory soon, all at once. Without effect on Windows.
    ///
    /// # Panics
    /// If they reach past the end of the file.
    pub fn fetch(&self, bytes: Range<usize>) {
        assert!(bytes.end <= self.bytes().len(), "{bytes:?} reach past the end");
        #[cfg(unix)]
        if let Some(map) = &self.map {
            // As above.
            let _ = map.advise_range(memmap2::Advice::WillNeed, bytes.start, bytes.len());
        }
    }

    /// The whole file as an Arrow buffer that keeps the map alive.
    pub fn buffer(&self) -> Buffer {
        let Some(map) = &self.map else { return Buffer::from(&[]) };
        let start = NonNull::from(&map[..]).cast::<u8>();
        // SAFETY: the pointer and length are those of the map, whose address is fixed, and the
        // buffer holds a count of it until its own last clone goes.
        unsafe { Buffer::from_custom_allocation(start, map.len(), map.clone()) }
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedFile({}, {} bytes)", self.path.display(), self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_outlives_its_map_and_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "held").unwrap();

        let buffer = MappedFile::open(&path, 4).unwrap().buffer();
        drop(folder);

        assert_eq!(buffer.as_slice(), b"held");
    }

    #[test]
    fn an_empty_file_has_no_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();

        let map = MappedFile::open(&path, 0).unwrap();

        assert!(map.bytes().is_empty());
        assert!(map.buffer().is_empty());
    }
}
