//! Folders, and the names in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use crate::error::{IoContext, Result};

/// Every folder of a table.
const TABLE_FOLDERS: [&str; 7] = ["data", "deletions", "row_ids", "indexes", "versions", "tags", "pinned"];

/// Makes the names of the files in `folder` durable: without it a crash can undo a rename.
pub fn sync_folder(folder: &Path) -> Result<()> {
    disk::sync_folder(folder).at("sync", folder)
}

/// Makes a folder and those above it, as far as they do not exist, and makes their names durable.
pub fn create_folder(path: &Path) -> Result<()> {
    if create_missing(path)?
        && let Some(parent) = path.parent()
    {
        sync_folder(parent)?;
    }
    Ok(())
}

/// Makes a folder, which must not exist. Its name is not durable yet.
pub fn create_new_folder(path: &Path) -> Result<()> {
    disk::create_folder(path).at("create the folder", path)
}

/// Whether there was no such folder.
fn create_missing(path: &Path) -> Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    match disk::create_folder(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(true),
        created => created.at("create the folder", path).map(|()| true),
    }
}

/// What `look` makes of the names in a folder, with their paths; nothing if there is no such folder.
pub fn names_in<T>(folder: &Path, look: impl Fn(&str) -> Option<T>) -> Result<Vec<(T, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        entries => entries.at("list", folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", folder)?;
        let looked = entry.file_name().to_str().and_then(&look);
        found.extend(looked.map(|looked| (looked, entry.path())));
    }
    Ok(found)
}

/// Whether an error says that there is no such file or folder.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Makes the folders of a table, which may exist already, and makes their names durable.
pub fn create_table_folders(table: &Path) -> Result<()> {
    for name in TABLE_FOLDERS {
        create_missing(&table.join(name))?;
    }
    sync_folder(table)?;
    table.parent().map_or(Ok(()), sync_folder)?;
    // Who made the folders above may have ended before they were durable. Not all of them may be ours to sync.
    for folder in table.ancestors().skip(2).filter(|folder| !folder.as_os_str().is_empty()) {
        let _ = disk::sync_folder(folder);
    }
    Ok(())
}

/// Gives a folder another name in one step.
pub fn rename_folder(from: &Path, to: &Path) -> io::Result<()> {
    disk::rename(from, to)
}

/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    disk::remove(path)
}

/// Removes a folder that is empty.
pub fn remove_empty_folder(folder: &Path) -> io::Result<()> {
    disk::remove_empty(folder)
}

/// Removes a folder and all in it.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    disk::remove_tree(folder)
}
