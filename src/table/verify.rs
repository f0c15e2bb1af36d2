//! Reading everything a table consists of, and comparing it with its checksums.

use std::collections::BTreeMap;
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
        for file in named.values() {
            progress.step("verify", done, total)?;
            let found = match file.verify(self.path()) {
                // What another process cleaned up meanwhile is not missing.
                Err(_) if !self.is_named(file) => Ok(()),
                found => found,
            };
            verified.look(file.bytes, found);
            done += file.bytes;
        }
        progress.step("verify", total, total)?;
        if verified.problems.is_empty()
            && let Err(error) = version.verify()
        {
            verified.problems.push(error.to_string());
        }
        Ok(verified)
    }

    /// Whether a version that is there now names a file, as far as can be told.
    fn is_named(&self, file: &FileEntry) -> bool {
        earlier_files(self.path(), u64::MAX).map_or(true, |files| files.contains(&file.path))
    }
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
        for number in versions.first().into_iter().flat_map(|first| *first..=versions[versions.len() - 1]) {
            let manifest = Manifest::read(table, number);
            manifest.iter().for_each(&mut name);
            // What another process cleaned up just now was not missing.
            if manifest.is_ok() || Manifest::versions(table)?.first().is_some_and(|first| *first <= number) {
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
