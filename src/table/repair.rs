//! Bringing a damaged table back to its last whole version.
//!
//! A version is whole if its manifest and all its files of rows are what was written. An index that is not is taken
//! out of it: rows are found without it. Nothing is removed.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::storage::{Durability, FileEntry, Manifest, NewFiles};
use crate::table::{Table, TableOptions, check_name, folder_of};

/// How many ids may have been given by versions whose manifests are lost.
const LOST_IDS: u64 = 1 << 32;

/// What was found, and what was done about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// The newest version now.
    pub version: u64,
    /// The version whose rows it has: itself if nothing was wrong with them.
    pub restored: u64,
    /// Indexes that were damaged, and are not in the newest version any more.
    pub indexes_dropped: Vec<String>,
    /// Files of the versions that were looked at that are missing or damaged, each with the reason.
    pub problems: Vec<String>,
}

impl Table {
    /// Reads the newest version of the table `name` in the folder `connection`, and earlier ones until one is whole;
    /// makes its rows the table's newest version if they are not. A version whose manifest is damaged becomes what
    /// the whole version before it was.
    ///
    /// Rows of the versions in between are not shown any more. Nobody else should write meanwhile.
    ///
    /// # Errors
    /// [`Error::TableNotFound`]; [`Error::Corrupted`] if no version is whole, naming what is damaged; I/O errors.
    pub fn repair(
        connection: &Path,
        name: &str,
        options: TableOptions,
        progress: &Progress,
    ) -> Result<Repaired> {
        check_name(name)?;
        let folder = folder_of(connection, name);
        let versions = Manifest::versions(&folder)?;
        let newest = *versions.last().ok_or_else(|| Error::table_not_found(name))?;
        let mut search =
            Search { folder: &folder, progress, known: HashMap::new(), repaired: Repaired::default() };
        let mut whole = None;
        for &number in versions.iter().rev() {
            whole = search.look(number)?;
            if whole.is_some() {
                break;
            }
        }
        let Search { mut repaired, .. } = search;
        let Some(mut whole) = whole else {
            let reason = format!("no version is whole: {}", repaired.problems.join("; "));
            return Err(Error::corrupted(&folder, reason));
        };
        whole.next_row_id += replace_manifests(&folder, &whole, &versions)?;
        if let Some(lost) = last_lost(&folder, &versions)? {
            // There is no way to get it back, and what follows it is whole.
            Manifest::give_up_before(&folder, lost + 1)?;
        }
        (repaired.version, repaired.restored) = (newest, whole.version);
        if whole.version < newest || !repaired.indexes_dropped.is_empty() {
            let options = TableOptions { durability: Durability::Full, ..options };
            let table = Self::open(connection, name, options)?;
            repaired.version = table.put_back(&whole)?;
        }
        Ok(repaired)
    }

    /// Publishes a version with the rows and indexes of `whole`.
    fn put_back(&self, whole: &Manifest) -> Result<u64> {
        let committed = self.commit_change(NewFiles::default(), |base, _| {
            let base = base.version().manifest();
            let next_row_id = base.next_row_id.max(whole.next_row_id);
            Ok(Some(Manifest { generation: base.version + 1, next_row_id, ..whole.clone() }))
        })?;
        self.refresh(Duration::ZERO)?;
        Ok(committed.version)
    }
}

/// The last version before the newest that is missing or damaged, if it should be there.
fn last_lost(folder: &Path, versions: &[u64]) -> Result<Option<u64>> {
    let (Some(first), Some(newest)) = (versions.first(), versions.last()) else { return Ok(None) };
    let first = Manifest::oldest(folder)?.unwrap_or(0).max(*first);
    let is_lost = |version: &u64| matches!(Manifest::read(folder, *version), Err(Error::Corrupted { .. }));
    Ok((first..*newest).rev().find(is_lost))
}

/// Replaces damaged manifests after `whole` by it, under their own numbers. How many row ids they may have given.
fn replace_manifests(folder: &Path, whole: &Manifest, versions: &[u64]) -> Result<u64> {
    let mut lost = 0;
    for &version in versions.iter().filter(|version| **version > whole.version) {
        if matches!(Manifest::read(folder, version), Err(Error::Corrupted { .. })) {
            lost = LOST_IDS;
            let next_row_id = whole.next_row_id + LOST_IDS;
            Manifest { version, next_row_id, generation: version, ..whole.clone() }.replace(folder)?;
        }
    }
    Ok(lost)
}

/// Looks for a whole version. A file that several versions name is read once.
struct Search<'a> {
    folder: &'a Path,
    progress: &'a Progress,
    /// Whether a file is whole, by its path.
    known: HashMap<String, bool>,
    repaired: Repaired,
}

impl Search<'_> {
    /// The version with this number, without damaged indexes, if its rows are whole.
    fn look(&mut self, number: u64) -> Result<Option<Manifest>> {
        let mut manifest = match Manifest::read(self.folder, number) {
            Ok(manifest) => manifest,
            Err(error @ Error::Corrupted { .. }) => {
                self.repaired.problems.push(error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let files: Vec<FileEntry> =
            manifest.segments.iter().flat_map(|segment| segment.files()).cloned().collect();
        if !self.are_whole(&files)? {
            return Ok(None);
        }
        let mut indexes = Vec::new();
        for index in std::mem::take(&mut manifest.indexes) {
            if self.are_whole(&index.files)? {
                indexes.push(index);
            } else {
                self.repaired.indexes_dropped.push(index.name);
            }
        }
        manifest.indexes = indexes;
        Ok(Some(manifest))
    }

    /// Whether files are whole. All of them are looked at, so that all that is wrong is told.
    fn are_whole(&mut self, files: &[FileEntry]) -> Result<bool> {
        let mut whole = true;
        for file in files {
            self.progress.check()?;
            let known = match self.known.get(&file.path) {
                Some(known) => *known,
                None => {
                    let found = file.verify(self.folder);
                    self.repaired.problems.extend(found.as_ref().err().map(|error| error.to_string()));
                    self.known.insert(file.path.clone(), found.is_ok());
                    found.is_ok()
                }
            };
            whole &= known;
        }
        Ok(whole)
    }
}
