//! Reading everything a table consists of, and comparing it with its checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::storage::{FileEntry, Manifest, TagList};
use crate::table::Table;
use crate::table::disk_usage::earlier_files;

/// What is wrong with a table.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Files read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are missing or damaged, each with the reason.
    pub problems: Vec<String>,
}

impl Table {
    /// Reads every file of every version that there is, and compares it with its checksum. Of the version that the
    /// handle shows it also looks at every value.
    ///
    /// # Errors
    /// I/O errors and [`Error::Cancelled`]. Damage is no error here.
    pub fn verify(&self, progress: &Progress) -> Result<Verified> {
        let version = self.current()?;
        let mut verified = Verified::default();
        let named = verified.manifests(self.path(), version.manifest())?;
        let total = named.values().map(|file| file.bytes).sum();
        let mut done = 0;
        let mut failed = Vec::new();
        for file in named.values() {
            progress.step("verify", done, total)?;
            failed.extend(file.verify(self.path()).err().map(|error| (file, error)));
            verified.look(file.bytes, Ok(()));
            done += file.bytes;
        }
        progress.step("verify", total, total)?;
        verified.problems.extend(self.still_named(failed));
        if verified.problems.is_empty()
            && let Err(error) = version.verify()
            && !matches!(Manifest::read_if_there(self.path(), version.manifest().version), Ok(None))
        {
            verified.problems.push(error.to_string());
        }
        Ok(verified)
    }

    /// What is wrong with files that a version which is there now names, as far as can be told. What another
    /// process cleaned up meanwhile is not missing.
    fn still_named(&self, failed: Vec<(&FileEntry, Error)>) -> Vec<String> {
        if failed.is_empty() {
            return Vec::new();
        }
        let named = earlier_files(self.path(), u64::MAX);
        let is_named = |file: &FileEntry| named.as_ref().map_or(true, |named| named.contains(&file.path));
        let kept = failed.into_iter().filter(|(file, _)| is_named(file));
        kept.map(|(_, error)| error.to_string()).collect()
    }
}

/// The numbers of the versions that are there, and of those that should be.
fn expected(versions: &[u64], oldest: Option<u64>) -> BTreeSet<u64> {
    let first = oldest.or(versions.first().copied()).unwrap_or(1);
    // The oldest one that must be there is the newest, at most.
    let last = versions.last().copied().max(oldest).unwrap_or(0);
    versions.iter().copied().chain(first..=last).collect()
}

impl Verified {
    /// Reads the manifests of all versions and the tags; the files that they name, `shown` among them.
    fn manifests(&mut self, table: &Path, shown: &Manifest) -> Result<BTreeMap<String, FileEntry>> {
        let mut named = BTreeMap::new();
        let mut name = |manifest: &Manifest| {
            named.extend(manifest.files().map(|file| (file.path.clone(), file.clone())));
        };
        name(shown);
        let versions = Manifest::versions(table)?;
        let oldest = Manifest::oldest(table)?;
        for number in expected(&versions, oldest) {
            let manifest = Manifest::read(table, number);
            manifest.iter().for_each(&mut name);
            // What another process cleaned up just now was not missing.
            if manifest.is_ok() || Manifest::oldest(table)?.is_none_or(|oldest| oldest <= number) {
                self.look(Manifest::bytes(table, number).unwrap_or(0), manifest.map(|_| ()));
            }
        }
        let tagged = match TagList::read(table) {
            Ok(list) => list.tags,
            Err(error) => {
                self.look(0, Err(error));
                BTreeMap::new()
            }
        };
        let pinned = Manifest::pinned_versions(table)?;
        let is_missing = |version: &u64| versions.binary_search(version).is_err();
        let wanted = tagged.into_values().filter(is_missing);
        for number in pinned.iter().copied().chain(wanted.filter(|number| !pinned.contains(number))) {
            let manifest = Manifest::read_pinned(table, number);
            if manifest.is_err() && pinned.contains(&number) && !Manifest::pinned_path(table, number).exists()
            {
                // A cleanup forgot it, as nobody needed it any more.
                continue;
            }
            manifest.iter().for_each(&mut name);
            self.look(Manifest::pinned_bytes(table, number).unwrap_or(0), manifest.map(|_| ()));
        }
        Ok(named)
    }

    fn look(&mut self, bytes: u64, found: Result<(), Error>) {
        self.files += 1;
        self.bytes += bytes;
        self.problems.extend(found.err().map(|error| error.to_string()));
    }
}
