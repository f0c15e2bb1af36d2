//! One process at a time looks after a table.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{IoContext, Result};
use crate::storage::files;

/// The file that is locked. It has no content, and stays.
const FILE_NAME: &str = "upkeep.lock";

/// Held while this process looks after a table. Goes with the process, however that ends.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// `None` if another process has it.
    pub fn take(table: &Path) -> Result<Option<Self>> {
        let path = table.join(FILE_NAME);
        files::create_empty(&path)?;
        let file = File::open(&path).at("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Where there are no locks, processes do some work twice; nothing worse.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
        }
        Ok(Some(Self { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_only_one_has_it_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();

        let first = Lock::take(folder.path()).unwrap();

        assert!(first.is_some());
        assert!(Lock::take(folder.path()).unwrap().is_none());
        drop(first);
        assert!(Lock::take(folder.path()).unwrap().is_some());
    }
}
