//! What a handle knows of its table, and how it notices that there is more to know.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, IoContext, Result};
use crate::query::Snapshot;
use crate::storage::{Manifest, Version};
use crate::table::TableOptions;

/// The newest version that a handle has seen.
pub(super) struct Current {
    snapshot: Arc<Snapshot>,
    stamp: Stamp,
    checked: Instant,
    /// An earlier version that the handle shows instead.
    pub pinned: Option<Arc<Snapshot>>,
}

/// Tells a manifest file from another of the same name: a table that was dropped and created anew
/// counts its versions from 1 again.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
    /// Clocks of file systems are coarse: in memory, a table is dropped and created anew within a tick.
    #[cfg(unix)]
    inode: u64,
}

impl Current {
    /// The newest version of the table in `folder`; `None` if there is no table.
    pub fn open(folder: &Path, options: &TableOptions) -> Result<Option<Self>> {
        Self::newest(folder, None, options)
    }

    /// The newest version. What `previous` has open stays open.
    fn newest(folder: &Path, previous: Option<&Snapshot>, options: &TableOptions) -> Result<Option<Self>> {
        let Some(mut number) = Manifest::latest_version(folder)? else { return Ok(None) };
        loop {
            // Taken before reading: if the file is replaced in between, the next check notices.
            let loaded = match stamp(folder, number)? {
                Some(stamp) => Self::load(folder, number, stamp, previous, options),
                None => Err(Error::corrupted(&Manifest::path(folder, number), "the file is missing")),
            };
            if loaded.as_ref().is_ok_and(|loaded| loaded.snapshot.hold()) {
                return loaded.map(Some);
            }
            // Perhaps it was cleaned up just now, because there is a newer one.
            match Manifest::latest_version(folder)? {
                Some(newer) if newer != number => number = newer,
                Some(_) => return loaded.map(Some),
                None => return Ok(None),
            }
        }
    }

    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    fn manifest(&self) -> &Manifest {
        self.snapshot.version().manifest()
    }

    /// How long ago the handle looked for newer versions.
    pub fn age(&self) -> Duration {
        self.checked.elapsed()
    }

    /// Looks for newer versions.
    pub fn refresh(&mut self, name: &str, folder: &Path, options: &TableOptions) -> Result<()> {
        let checked = Instant::now();
        let number = self.manifest().version;
        let is_known = stamp(folder, number)?.as_ref() == Some(&self.stamp);
        if !is_known || stamp(folder, number + 1)?.is_some() {
            self.reopen(name, folder, options)?;
        }
        self.checked = checked;
        Ok(())
    }

    /// The manifest that the handle knew is gone, or there is a newer one: finds out what became of the table.
    fn reopen(&mut self, name: &str, folder: &Path, options: &TableOptions) -> Result<()> {
        match Self::newest(folder, Some(&self.snapshot), options)? {
            Some(found) => self.replace(name, found),
            None => Err(Error::table_not_found(name)),
        }
    }

    fn replace(&mut self, name: &str, newer: Self) -> Result<()> {
        if newer.manifest().table_id != self.manifest().table_id {
            return Err(Error::Closed { what: format!("table '{name}', dropped and created anew,") });
        }
        *self = Self { pinned: self.pinned.take(), ..newer };
        Ok(())
    }

    fn load(
        folder: &Path,
        number: u64,
        stamp: Stamp,
        previous: Option<&Snapshot>,
        options: &TableOptions,
    ) -> Result<Self> {
        let checked = Instant::now();
        let manifest = Manifest::read(folder, number)?;
        let version = Version::new(folder, manifest, previous.map(|snapshot| &**snapshot.version()));
        let version = Arc::new(version.kept_by(options.home.clone()));
        let snapshot = Arc::new(Snapshot::new(version, previous));
        Ok(Self { snapshot, stamp, checked, pinned: None })
    }
}

/// One look at a version's manifest; `None` if it does not exist.
fn stamp(folder: &Path, number: u64) -> Result<Option<Stamp>> {
    let path = Manifest::path(folder, number);
    let metadata = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.at("look at", &path)?,
    };
    let modified = metadata.modified().at("look at", &path)?;
    Ok(Some(Stamp {
        modified,
        bytes: metadata.len(),
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(&metadata),
    }))
}
