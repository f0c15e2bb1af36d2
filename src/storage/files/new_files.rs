//! Files that go again unless a version comes to name them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{disk, sync, sync_folder};
use crate::error::{IoContext, Result};

/// Files and folders that nothing names yet. Dropped, it removes them; [`NewFiles::keep`] lets
/// them stay, once a published manifest names them.
#[derive(Debug, Default)]
pub struct NewFiles {
    paths: Vec<PathBuf>,
    /// How many of them, the first ones, are durable.
    synced: usize,
}

impl NewFiles {
    /// Watches over one file or folder.
    pub fn one(path: impl Into<PathBuf>) -> Self {
        Self { paths: vec![path.into()], synced: 0 }
    }

    /// Watches over another file or folder.
    pub fn add(&mut self, path: impl Into<PathBuf>) {
        self.paths.push(path.into());
    }

    /// Makes them and their names durable: a version must not name what a power cut can take away. Those that were
    /// synced before are not again.
    pub fn sync(&mut self) -> Result<()> {
        let new = &self.paths[self.synced..];
        new.iter().try_for_each(|path| sync_all(path))?;
        let folders: BTreeSet<&Path> = new.iter().filter_map(|path| path.parent()).collect();
        folders.into_iter().try_for_each(sync_folder)?;
        self.synced = self.paths.len();
        Ok(())
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
            // What cannot be removed is named by nothing, and so is ignored by all readers. An empty folder goes even
            // if so many files are open that this one cannot be listed.
            let _ = match path.is_dir() {
                true => disk::remove_empty(path).or_else(|_| disk::remove_tree(path)),
                false => disk::remove(path),
            };
        }
    }
}

/// Makes a file durable, or a folder with all that is in it.
fn sync_all(path: &Path) -> Result<()> {
    if !path.is_dir() {
        return sync(path);
    }
    for entry in fs::read_dir(path).at("list", path)? {
        sync_all(&entry.at("list", path)?.path())?;
    }
    sync_folder(path)
}
