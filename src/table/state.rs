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
        let Some(number) = Manifest::latest_version(folder)? else { return Ok(None) };
        // Taken before reading: if the file is replaced in between, the next check notices.
        let Some(stamp) = stamp(folder, number)? else { return Ok(None) };
        Self::load(folder, number, stamp, None, options).map(Some)
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
        if stamp(folder, number)?.as_ref() != Some(&self.stamp) {
            self.reopen(name, folder, options)?;
        } else if let Some((newest, stamp)) = newest_after(folder, number)? {
            self.replace(name, Self::load(folder, newest, stamp, Some(&self.snapshot), options)?)?;
        }
        self.checked = checked;
        Ok(())
    }

    /// The manifest that the handle knew is gone: finds out what became of the table.
    fn reopen(&mut self, name: &str, folder: &Path, options: &TableOptions) -> Result<()> {
        match Self::open(folder, options)? {
            Some(found) => self.replace(name, found),
            None => Err(Error::table_not_found(name)),
        }
    }

    fn replace(&mut self, name: &str, newer: Self) -> Result<()> {
        if newer.manifest().table_id != self.manifest().table_id {
            return Err(Error::Closed { what: format!("table '{name}', dropped and created anew,") });
        }
        *self = newer;
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
        Ok(Self { snapshot: Arc::new(Snapshot::new(version, previous)), stamp, checked })
    }
}

/// The newest of the versions that follow `number` without a gap.
fn newest_after(folder: &Path, number: u64) -> Result<Option<(u64, Stamp)>> {
    let mut newest = None;
    for next in number + 1.. {
        match stamp(folder, next)? {
            Some(stamp) => newest = Some((next, stamp)),
            None => break,
        }
    }
    Ok(newest)
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
