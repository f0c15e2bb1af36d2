//! A folder for tables that live as long as the handles to them: `memory://`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::disk;
use crate::error::{IoContext, Result};

const PREFIX: &str = "quiverdb-memory-";
const LOCK: &str = "lock";
/// A smaller memory file system, as containers have it, is left alone.
const MEMORY_BYTES_MIN: u64 = 1 << 30;

/// A private folder, in memory where the system has a file system for that. Dropped, it is removed.
#[derive(Debug)]
pub struct TemporaryFolder {
    // Before `folder`, because Windows does not remove a folder that has an open file.
    _lock: File,
    folder: tempfile::TempDir,
}

impl TemporaryFolder {
    /// Makes a new, empty folder, and removes those of processes that were killed.
    pub fn create() -> Result<Self> {
        let parent = parent();
        remove_abandoned(&parent);
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(PREFIX).tempdir_in(&parent).at("create a folder in", &parent)?;
        // Locked before it has the name that others look for, so that nobody finds it unlocked.
        let unnamed = folder.path().join("unlocked");
        let lock = disk::create(&unnamed).at("create", &unnamed)?;
        lock.lock().at("lock", &unnamed)?;
        disk::rename(&unnamed, &folder.path().join(LOCK)).at("name", &unnamed)?;
        Ok(Self { _lock: lock, folder })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The memory file system if it can hold tables, else the system's folder for temporary files.
fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let writable = || tempfile::tempfile_in(memory).is_ok();
    if cfg!(target_os = "linux") && !is_small(memory) && writable() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Whether a file system was mounted with a size below [`MEMORY_BYTES_MIN`].
fn is_small(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    mounts.lines().any(|mount| {
        let mut words = mount.split(' ').skip(1);
        words.next().is_some_and(|target| Path::new(target) == folder)
            && words.nth(1).and_then(mounted_bytes).is_some_and(|bytes| bytes < MEMORY_BYTES_MIN)
    })
}

/// The size among the options of a mount: `rw,nosuid,size=65536k`.
fn mounted_bytes(options: &str) -> Option<u64> {
    let size = options.split(',').find_map(|option| option.strip_prefix("size="))?;
    let digits = size.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let scale = match &size[digits.len()..] {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// Removes the folders whose owners are gone. A lock goes with the process that held it.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let lock = entry.path().join(LOCK);
        let free = || File::open(&lock).is_ok_and(|file| file.try_lock().is_ok());
        if ours && free() {
            // Another process may be doing the same; that the folder goes is what counts.
            let _ = disk::remove_tree(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_last_handle() {
        let folder = TemporaryFolder::create().unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("file"), "").unwrap();

        drop(folder);

        assert!(!path.exists());
    }

    #[test]
    fn a_folder_in_use_is_not_abandoned() {
        let folder = TemporaryFolder::create().unwrap();

        let other = TemporaryFolder::create().unwrap();

        assert!(folder.path().exists());
        assert_ne!(folder.path(), other.path());
    }

    #[test]
    fn a_folder_whose_owner_was_killed_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let abandoned = parent.path().join(format!("{PREFIX}x"));
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();

        remove_abandoned(parent.path());

        assert!(!abandoned.exists());
    }

    #[test]
    fn the_size_of_a_mount_is_read_with_its_unit() {
        assert_eq!(mounted_bytes("rw,size=65536k,mode=755"), Some(64 << 20));
        assert_eq!(mounted_bytes("rw,size=2g"), Some(2 << 30));
        assert_eq!(mounted_bytes("rw,nosuid"), None);
    }
}
