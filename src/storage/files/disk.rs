//! The one place that changes the disk: all that is created, named, removed and synced passes here.
//!
//! So the order in which that happens can be read in one file, and tests can write it down: see `power_cut`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

#[cfg(test)]
use super::power_cut::note;

/// One thing that is done to the disk.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests look into it"))]
pub(super) enum Change<'a> {
    File(&'a Path),
    Folder(&'a Path),
    /// In one step: there is never none and, in one folder, never both.
    Named(&'a Path, &'a Path),
    Removed(&'a Path),
    RemovedTree(&'a Path),
    SyncedFile(&'a Path),
    SyncedFolder(&'a Path),
}

#[cfg(not(test))]
fn note(_: Change<'_>) -> io::Result<()> {
    Ok(())
}

/// Creates a file, which must not exist.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = File::create_new(path)?;
    note(Change::File(path))?;
    Ok(file)
}

/// Creates a folder, which must not exist.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    note(Change::Folder(path))
}

/// Creates a file with a new name that begins with `prefix`. It goes when it is dropped.
pub(super) fn create_temporary(folder: &Path, prefix: &str) -> io::Result<Temporary> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    note(Change::File(file.path()))?;
    Ok(Temporary { file: Some(file) })
}

/// Gives a file or folder another name in one step. A file that has that name already is no more.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    note(Change::Named(from, to))
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    note(Change::Removed(path))
}

/// Removes a folder that is empty.
pub(super) fn remove_empty(folder: &Path) -> io::Result<()> {
    fs::remove_dir(folder)?;
    note(Change::Removed(folder))
}

/// Removes a folder and all in it.
pub(super) fn remove_tree(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(folder)?;
    note(Change::RemovedTree(folder))
}

/// Makes the bytes of a file durable.
pub(super) fn sync(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    note(Change::SyncedFile(path))
}

/// Makes the bytes of a file durable that is not open any more.
pub(super) fn sync_closed(path: &Path) -> io::Result<()> {
    // Windows syncs only what may be written.
    sync(&File::options().read(true).write(cfg!(windows)).open(path)?, path)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows has no such call, and its file systems order these changes themselves.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    note(Change::SyncedFolder(folder))
}

/// A file that has no name of its own yet.
pub(super) struct Temporary {
    /// `None` once it has one.
    file: Option<tempfile::NamedTempFile>,
}

impl Temporary {
    /// The open file, and where it is.
    pub(super) fn file(&mut self) -> io::Result<(&mut File, std::path::PathBuf)> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let path = file.path().to_owned();
        Ok((file.as_file_mut(), path))
    }

    /// Gives it its name in one step; `false` if that is taken.
    pub(super) fn name_if_free(mut self, path: &Path) -> io::Result<bool> {
        let Some(file) = self.file.take() else { return Ok(false) };
        let from = file.path().to_owned();
        match file.persist_noclobber(path) {
            Ok(_) => note(Change::Named(&from, path)).map(|()| true),
            Err(refused) => {
                self.file = Some(refused.file);
                match refused.error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(false),
                    _ => Err(refused.error),
                }
            }
        }
    }

    /// Gives it its name in one step. A file that has it already is no more.
    pub(super) fn name(mut self, path: &Path) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let from = file.path().to_owned();
        file.persist(path).map_err(|refused| refused.error)?;
        note(Change::Named(&from, path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let path = file.path().to_owned();
        // What cannot be removed now is removed by a cleanup.
        if file.close().is_ok() {
            let _ = note(Change::Removed(&path));
        }
    }
}
