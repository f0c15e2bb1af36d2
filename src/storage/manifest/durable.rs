//! Versions and power cuts: what is made durable, and which versions may be missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Manifest;
use crate::error::{Error, Result};
use crate::storage::files;

/// What the name of the file ends with that says which version is the oldest.
const OLDEST: &str = ".oldest";

impl Manifest {
    /// Makes the version durable that was published last.
    ///
    /// # Errors
    /// [`Error::NotDurable`]: readers see the version, and a power cut may undo it.
    pub fn confirm(table: &Path) -> Result<()> {
        let synced = Self::sync_versions(table);
        synced.map_err(|error| Error::not_durable("the new version of the table", error))
    }

    /// Makes durable which versions there are.
    pub fn sync_versions(table: &Path) -> Result<()> {
        files::sync_folder(&Self::versions_folder(table))
    }

    /// Makes every file durable that this manifest names, with its name.
    pub fn sync_files(&self, table: &Path) -> Result<()> {
        let paths: BTreeSet<PathBuf> = self.files().map(|file| file.locate(table)).collect();
        paths.iter().try_for_each(|path| files::sync(path))?;
        sync_folders(table, &paths)
    }

    /// Makes a version durable that was published without waiting for that.
    pub fn make_durable(&self, table: &Path) -> Result<()> {
        if !self.relaxed {
            return Ok(());
        }
        self.sync_files(table)?;
        let path = Self::path(table, self.version);
        match files::sync(&path) {
            // Cleaned up meanwhile: there is a copy then.
            Err(_) if !path.exists() => {}
            synced => synced?,
        }
        Self::sync_versions(table)
    }

    /// Makes this version durable, and those before it, as far as nobody waited for that, so that a power cut leaves no
    /// damaged ones. Files that are missing, because they are cleaned up or lost already, are passed over.
    pub fn make_earlier_durable(&self, table: &Path) -> Result<()> {
        let mut paths = BTreeSet::new();
        let mut version = self.clone();
        while version.relaxed {
            paths.extend(version.files().map(|file| file.locate(table)));
            paths.insert(Self::path(table, version.version));
            match Self::read_if_there(table, version.version - 1) {
                Ok(Some(before)) => version = before,
                // Cleaned up, or damaged: then there is nothing to keep.
                Ok(None) | Err(_) => break,
            }
        }
        paths.retain(|path| files::sync(path).is_ok() || path.exists());
        sync_folders(table, &paths)
    }

    /// The oldest version that must be there; those before it were removed, or are about to be. `None` if none ever
    /// was.
    pub fn oldest(table: &Path) -> Result<Option<u64>> {
        Ok(oldest_names(table)?.into_iter().map(|(number, _)| number).max())
    }

    /// Says that versions before `version` are about to be removed, so that it is no damage if some of them are
    /// missing after a power cut. Makes the names durable of those that stay.
    pub fn give_up_before(table: &Path, version: u64) -> Result<()> {
        let folder = Self::versions_folder(table);
        let version = version.max(Self::oldest(table)?.unwrap_or(0));
        // Before this is said, what stays must be there: its writer may have ended before it had synced it.
        files::sync_folder(&folder)?;
        files::create_empty(&folder.join(format!("{version:020}{OLDEST}")))?;
        files::sync_folder(&folder)?;
        for (_, path) in oldest_names(table)?.into_iter().filter(|(number, _)| *number < version) {
            // Others may do the same, and one that is left is just not the highest.
            let _ = files::remove(&path);
        }
        Ok(())
    }
}

/// Makes the names of files durable, and those of their folders below `table`.
fn sync_folders(table: &Path, paths: &BTreeSet<PathBuf>) -> Result<()> {
    // The files of an index are in a folder of its own.
    let folders = paths.iter().flat_map(|path| path.ancestors().skip(1));
    let folders: BTreeSet<&Path> = folders.filter(|folder| folder.starts_with(table)).collect();
    folders.into_iter().try_for_each(files::sync_folder)
}

fn oldest_names(table: &Path) -> Result<Vec<(u64, PathBuf)>> {
    files::names_in(&Manifest::versions_folder(table), |name| {
        name.strip_suffix(OLDEST).filter(|digits| digits.len() == 20)?.parse().ok()
    })
}
