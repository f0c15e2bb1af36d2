//! Creating files.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use super::{Durability, disk, sync_folder};
use crate::error::{IoContext, Result};

/// A file that only lasts as long as this.
pub use tempfile::TempPath as TemporaryPath;

/// Creates `path`, which must not exist. Neither its bytes nor its name are durable yet.
pub fn create(path: &Path) -> Result<File> {
    disk::create(path).at("create", path)
}

/// Creates `path` without bytes, if it does not exist. Its name is not durable yet.
pub fn create_empty(path: &Path) -> Result<()> {
    match disk::create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.at("create", path).map(|_| ()),
    }
}

/// Makes the bytes of a file durable.
pub fn sync(path: &Path) -> Result<()> {
    disk::sync_closed(path).at("sync", path)
}

/// Creates `path` holding exactly `bytes`, durable but for its name: sync the folder after it.
///
/// Returns `false`, and changes nothing, if `path` exists already: of two writers one wins. After
/// a crash the file is either absent or whole.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    create_new_if(path, bytes, ".tmp-", Durability::Full, || Ok(true))
}

/// As [`create_new`], but only if `go_on` agrees, which is asked when a temporary file in the same folder says
/// already that this is about to happen: its name begins with `prefix`, and this process holds a lock on it.
/// Only with [`Durability::Full`] are its bytes durable then.
pub fn create_new_if(
    path: &Path,
    bytes: &[u8],
    prefix: &str,
    durability: Durability,
    go_on: impl FnOnce() -> Result<bool>,
) -> Result<bool> {
    let temporary = write_temporary(path, bytes, prefix, durability)?;
    Ok(go_on()? && temporary.name_if_free(path).at("publish", path)?)
}

/// Puts a file with exactly `bytes` in the place of `path`, durably and in one step.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    write_temporary(path, bytes, ".tmp-", Durability::Full)?.name(path).at("replace", path)?;
    sync_folder(folder_of(path))
}

/// In the same folder as `path`, because only there it gets that name in one step.
fn write_temporary(
    path: &Path,
    bytes: &[u8],
    prefix: &str,
    durability: Durability,
) -> Result<disk::Temporary> {
    let folder = folder_of(path);
    let mut temporary = disk::create_temporary(folder, prefix).at("create a file in", folder)?;
    let (file, place) = temporary.file().at("write", path)?;
    // Where there are no locks, the file's age has to do.
    let _ = file.try_lock();
    file.write_all(bytes).at("write", path)?;
    if durability.is_full() {
        disk::sync(file, &place).at("sync", path)?;
    }
    Ok(temporary)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Makes a file look as if it was written now; whether there is such a file.
pub fn touch(path: &Path) -> bool {
    let file = File::options().append(true).open(path);
    file.is_ok_and(|file| file.set_modified(SystemTime::now()).is_ok())
}

/// A file without a name: it is gone when it is closed, however that comes about.
pub fn unnamed_in(folder: &Path) -> Result<File> {
    tempfile::tempfile_in(folder).at("create a temporary file in", folder)
}

/// A file that can be opened again by its name, and goes with it.
pub fn temporary_in(folder: &Path) -> Result<(File, TemporaryPath)> {
    let file = tempfile::NamedTempFile::new_in(folder).at("create a temporary file in", folder)?;
    Ok(file.into_parts())
}
