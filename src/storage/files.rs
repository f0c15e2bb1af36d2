//! Files that appear whole or not at all, and the order of syncing that makes it so.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
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

/// Makes a file look as if it was written now; whether there is such a file.
pub fn touch(path: &Path) -> bool {
    let file = File::options().append(true).open(path);
    file.is_ok_and(|file| file.set_modified(std::time::SystemTime::now()).is_ok())
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

/// Creates `path` holding exactly `bytes`, durable but for its name: sync the folder after it.
///
/// Returns `false`, and changes nothing, if `path` exists already: of two writers one wins. After
/// a crash the file is either absent or whole.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    create_new_if(path, bytes, ".tmp-", || Ok(true))
}

/// As [`create_new`], but only if `go_on` agrees, which is asked when a temporary file in the same folder says
/// already that this is about to happen: its name begins with `prefix`, and this process holds a lock on it.
pub fn create_new_if(
    path: &Path,
    bytes: &[u8],
    prefix: &str,
    go_on: impl FnOnce() -> Result<bool>,
) -> Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // In the same folder, because only there it can be linked to its name in one step.
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).at("create a file in", folder)?;
    // Where there are no locks, the file's age has to do.
    let _ = file.as_file().try_lock();
    file.write_all(bytes).at("write", path)?;
    file.as_file().sync_all().at("sync", path)?;
    if !go_on()? {
        return Ok(false);
    }
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error).at("publish", path),
    }
}

/// Puts a file with exactly `bytes` in the place of `path`, durably and in one step.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder).at("create a file in", folder)?;
    file.write_all(bytes).at("write", path)?;
    file.as_file().sync_all().at("sync", path)?;
    file.persist(path).map_err(|error| error.error).at("replace", path)?;
    sync_folder(folder)
}

/// Makes the names of the files in `folder` durable: without it a crash can undo a rename.
pub fn sync_folder(folder: &Path) -> Result<()> {
    // Windows has no such call, and its file systems order these changes themselves.
    if cfg!(unix) {
        File::open(folder).and_then(|file| file.sync_all()).at("sync", folder)?;
    }
    Ok(())
}

/// Makes a folder and those above it, as far as they do not exist, and makes their names durable.
pub fn create_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    create_folder(parent)?;
    match fs::create_dir(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        created => created.at("create the folder", path),
    }?;
    sync_folder(parent)
}

/// Makes the folders of a table, which may exist already, and makes their names durable.
pub fn create_table_folders(table: &Path) -> Result<()> {
    for name in ["data", "versions", "indexes"] {
        let folder = table.join(name);
        fs::create_dir_all(&folder).at("create", &folder)?;
    }
    sync_folder(table)?;
    table.parent().map_or(Ok(()), sync_folder)
}

/// Files and folders that nothing names yet. Dropped, it removes them; [`NewFiles::keep`] lets
/// them stay, once a published manifest names them.
#[derive(Debug, Default)]
pub struct NewFiles {
    paths: Vec<PathBuf>,
}

impl NewFiles {
    /// Watches over one file or folder.
    pub fn one(path: impl Into<PathBuf>) -> Self {
        Self { paths: vec![path.into()] }
    }

    /// Watches over another file or folder.
    pub fn add(&mut self, path: impl Into<PathBuf>) {
        self.paths.push(path.into());
    }

    /// Makes their names durable: a version must not name what a crash can take away.
    pub fn sync_names(&self) -> Result<()> {
        let folders: BTreeSet<&Path> = self.paths.iter().filter_map(|path| path.parent()).collect();
        folders.into_iter().try_for_each(sync_folder)
    }

    /// An error if one of them has gone, because somebody dropped the table meanwhile.
    pub fn check(&self) -> Result<()> {
        for path in &self.paths {
            fs::metadata(path).at("find again", path)?;
        }
        Ok(())
    }

    /// Lets them stay.
    pub fn keep(mut self) {
        self.paths.clear();
    }

    /// Watches over those of another, too.
    pub fn append(&mut self, mut other: Self) {
        self.paths.append(&mut other.paths);
    }

    /// Lets those stay that `is_named`, and removes the others.
    pub fn keep_if(mut self, is_named: impl Fn(&Path) -> bool) {
        self.paths.retain(|path| !is_named(path));
    }

    /// Removes them.
    pub fn remove(&mut self) {
        drop(std::mem::take(self));
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in &self.paths {
            // What cannot be removed is named by nothing, and so is ignored by all readers.
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

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
        let file = File::create_new(path).at("create", path)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 18, file), bytes: 0, crc32c: 0 })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the file durable; its entry names it as `path`, relative to the table's folder.
    pub fn finish(mut self, path: String) -> Result<FileEntry> {
        self.file.flush().at("write", &self.path)?;
        self.file.get_ref().sync_all().at("sync", &self.path)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_creators_of_a_file_the_second_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.json");

        assert!(create_new(&path, b"first").unwrap());
        assert!(!create_new(&path, b"second").unwrap());

        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn new_files_are_removed_unless_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, dropped) = (folder.path().join("kept"), folder.path().join("dropped"));
        fs::write(&kept, "").unwrap();
        fs::create_dir_all(dropped.join("inside")).unwrap();

        NewFiles::one(&kept).keep();
        drop(NewFiles::one(&dropped));

        assert!(kept.exists());
        assert!(!dropped.exists());
    }

    #[test]
    fn an_entry_notices_another_byte_another_length_and_absence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut writer = ChecksumWriter::create(&path).unwrap();
        writer.write_all(b"some bytes").unwrap();
        let entry = writer.finish("file".to_owned()).unwrap();

        entry.verify(folder.path()).unwrap();
        for damage in [&b"some bytEs"[..], b"some byte", b"some bytes "] {
            fs::write(&path, damage).unwrap();
            assert_eq!(entry.verify(folder.path()).unwrap_err().code(), "CORRUPTED");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(entry.verify(folder.path()).unwrap_err().code(), "CORRUPTED");
    }
}
