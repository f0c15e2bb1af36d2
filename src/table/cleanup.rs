//! Removing old versions and the files that nothing else names.
//!
//! Any number of processes read, write and clean up at once, so the order of steps is what keeps rows safe:
//!
//! - The versions in `versions` are a series. They are removed from the oldest on, the newest never, and in a
//!   way that no number is taken twice: see [`Manifest::removable`].
//! - Before the first one is removed, what stays is durable, and it is written down durably up to where versions
//!   are about to be removed: a power cut may undo the removal of some of them.
//! - Whoever needs an old version to stay first copies its manifest to `pinned`, and then looks whether it
//!   is still in `versions`. A cleaner first removes from `versions`, and then looks into `pinned`.
//! - Readers map the files of a version when they open it. A mapped file stays readable although it has no
//!   name any more; where it could not be removed while mapped, it stays until the next time.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::progress::Progress;
use crate::storage::{Manifest, TagList, files, is_abandoned_temporary, is_older};
use crate::table::Table;

/// A file that nobody names may belong to a writer that is not done, unless it is older than this.
const UNNAMED_AGE_MIN: Duration = Duration::from_secs(24 * 3600);

/// What may go.
#[derive(Debug, Clone, Copy)]
pub struct CleanupOptions {
    /// Versions made before this time, in milliseconds since 1970 (UTC), may go.
    pub before_ms: i64,
    /// How many of the newest versions stay in any case; at least one does.
    pub keep_versions: usize,
    /// Whether files that no version names go whatever their age. Only safe if nobody else writes.
    pub unnamed_of_any_age: bool,
}

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CleanedUp {
    /// Bytes of all files that went.
    pub bytes_removed: u64,
    /// Files that went.
    pub files_removed: usize,
    /// Versions that went.
    pub versions_removed: usize,
}

impl Table {
    /// Removes old versions, and all files that only they name. Tagged versions stay, and so does what an
    /// open snapshot reads.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) if a manifest that must stay cannot be read: then
    /// it is not known which files may go. I/O errors, except that a file which cannot be removed is left
    /// for the next time.
    pub fn clean_up(&self, options: &CleanupOptions, progress: &Progress) -> Result<CleanedUp> {
        let newest = self.refresh(Duration::ZERO)?;
        let table = self.path();
        let mut cleaned = CleanedUp::default();
        let removed = remove_versions(table, newest.version().manifest(), options, &mut cleaned)?;
        let live = live_files(table)?;
        for name in removed.difference(&live) {
            remove(&table.join(name), &mut cleaned);
        }
        progress.step("clean up", 1, 2)?;
        let age = if options.unnamed_of_any_age { Duration::ZERO } else { UNNAMED_AGE_MIN };
        remove_unnamed(table, &live, age, &mut cleaned)?;
        for bytes in TagList::remove_old(table)? {
            cleaned.files_removed += 1;
            cleaned.bytes_removed += bytes;
        }
        progress.step("clean up", 2, 2)?;
        Ok(cleaned)
    }
}

/// Removes old versions from the oldest on; the names of the files that they named.
fn remove_versions(
    table: &Path,
    newest: &Manifest,
    options: &CleanupOptions,
    cleaned: &mut CleanedUp,
) -> Result<HashSet<String>> {
    let kept = options.keep_versions.max(1) as u64;
    let mut named = HashSet::new();
    let old = Manifest::removable(table, |manifest| {
        // Of what stays after all, the files are live.
        named.extend(manifest.files().map(|file| file.path.clone()));
        let is_kept = manifest.version.saturating_add(kept) > newest.version;
        !is_kept && manifest.created_ms < options.before_ms
    })?;
    let Some(last) = old.last() else { return Ok(named) };
    let tagged: HashSet<u64> = TagList::read(table)?.tags.into_values().collect();
    for version in old.iter().filter(|version| tagged.contains(version)) {
        Manifest::pin(table, *version)?;
    }
    // What stays must not be lost with what goes.
    newest.make_durable(table)?;
    Manifest::give_up_before(table, last + 1)?;
    for &version in &old {
        let path = Manifest::path(table, version);
        let bytes = files::length(&path).unwrap_or(0);
        match files::remove(&path) {
            Ok(()) => {
                cleaned.bytes_removed += bytes;
                cleaned.files_removed += 1;
                cleaned.versions_removed += 1;
            }
            // Another cleaner was faster.
            Err(error) if files::is_absent(&error) => {}
            Err(_) => break,
        }
    }
    Manifest::sync_versions(table)?;
    Ok(named)
}

/// The files that some version names which is there to stay. Forgets the copies of those that are not.
fn live_files(table: &Path) -> Result<HashSet<String>> {
    let mut live = HashSet::new();
    for manifest in Manifest::all(table)? {
        live.extend(manifest.files().map(|file| file.path.clone()));
    }
    let tagged: HashSet<u64> = TagList::read(table)?.tags.into_values().collect();
    let mut forgotten = 0;
    for version in Manifest::pinned_versions(table)? {
        let path = Manifest::pinned_path(table, version);
        if !tagged.contains(&version) && is_older(&path, UNNAMED_AGE_MIN) && files::remove(&path).is_ok() {
            forgotten += 1;
        } else if let Some(manifest) = Manifest::read_if_there(table, version)? {
            live.extend(manifest.files().map(|file| file.path.clone()));
        }
    }
    if forgotten > 0 {
        // A copy must not come back when the files that it names are gone.
        files::sync_folder(&table.join("pinned"))?;
    }
    Ok(live)
}

/// Removes files that no version names, if they are old enough, and what killed writers left.
fn remove_unnamed(
    table: &Path,
    live: &HashSet<String>,
    age: Duration,
    cleaned: &mut CleanedUp,
) -> Result<()> {
    for folder in ["data", "deletions", "row_ids", "indexes"] {
        for path in files_below(&table.join(folder))? {
            let name = name_of(table, &path);
            if !live.contains(&name) && is_older(&path, age) {
                remove(&path, cleaned);
            }
        }
    }
    for folder in ["versions", "tags", "pinned"] {
        for path in files_below(&table.join(folder))? {
            if is_abandoned_temporary(&path) {
                remove(&path, cleaned);
            }
        }
    }
    Ok(())
}

/// A file's name as manifests have it.
pub(super) fn name_of(table: &Path, path: &Path) -> String {
    path.strip_prefix(table).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// The files in a folder and in the folders in it; none if there is no such folder.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for ((), path) in files::names_in(folder, |_| Some(()))? {
        match path.is_dir() {
            true => found.extend(files_below(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}

/// Removes a file, and the folder of an index that has no file any more.
fn remove(path: &Path, cleaned: &mut CleanedUp) {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if files::remove(path).is_err() {
        return;
    }
    cleaned.bytes_removed += bytes;
    cleaned.files_removed += 1;
    let folder = path.parent().unwrap_or(path);
    if folder.parent().is_some_and(|parent| parent.ends_with("indexes")) {
        let _ = files::remove_empty_folder(folder);
    }
}
