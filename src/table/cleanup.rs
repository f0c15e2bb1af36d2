//! Removing old versions and the files that nothing else names.
//!
//! Any number of processes read, write and clean up at once, so the order of steps is what keeps rows safe:
//!
//! - The versions in `versions` are an unbroken series. They are removed from the oldest on, the newest
//!   never, and one only if the version before it is gone already and nobody is about to publish under its
//!   number. A writer makes a temporary file named after the number it wants, and only then looks whether
//!   the version before is still there ([`Manifest::publish`]). So either the writer sees that its base is
//!   gone, or the cleaner sees the writer: a number that was taken once is never taken again.
//! - Whoever needs an old version to stay first copies its manifest to `pinned`, and then looks whether it
//!   is still in `versions`. A cleaner first removes from `versions`, and then looks into `pinned`.
//! - Readers map the files of a version when they open it. A mapped file stays readable although it has no
//!   name any more; where it could not be removed while mapped, it stays until the next time.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{IoContext, Result};
use crate::progress::Progress;
use crate::storage::files;
use crate::storage::{Manifest, TagList};
use crate::table::Table;

/// A file that nobody names may belong to a writer that is not done, unless it is older than this.
const UNNAMED_AGE_MIN: Duration = Duration::from_secs(24 * 3600);

/// A temporary file is locked by its writer a moment after it was made.
const TEMPORARY_AGE_MIN: Duration = Duration::from_secs(60);

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
        let removed = remove_versions(table, newest.version().manifest().version, options, &mut cleaned)?;
        let live = live_files(table)?;
        for name in removed.difference(&live) {
            remove(&table.join(name), &mut cleaned);
        }
        progress.step("clean up", 1, 2)?;
        let age = if options.unnamed_of_any_age { Duration::ZERO } else { UNNAMED_AGE_MIN };
        remove_unnamed(table, &live, age, &mut cleaned)?;
        progress.step("clean up", 2, 2)?;
        Ok(cleaned)
    }
}

/// Removes old versions from the oldest on; the names of the files that they name.
fn remove_versions(
    table: &Path,
    newest: u64,
    options: &CleanupOptions,
    cleaned: &mut CleanedUp,
) -> Result<HashSet<String>> {
    let versions = Manifest::versions(table)?;
    let kept = options.keep_versions.max(1);
    let old = &versions[..versions.len().saturating_sub(kept)];
    let mut named = HashSet::new();
    for &version in old.iter().filter(|&&version| version < newest) {
        let path = Manifest::path(table, version);
        let Ok(manifest) = Manifest::read(table, version) else { break };
        if manifest.created_ms >= options.before_ms || !is_free(table, version)? {
            break;
        }
        if TagList::read(table)?.tags.values().any(|&tagged| tagged == version) {
            Manifest::pin(table, version)?;
        }
        // Another cleaner may have been faster.
        let Ok(bytes) = Manifest::bytes(table, version) else { break };
        if files::remove(&path).is_err() {
            break;
        }
        cleaned.bytes_removed += bytes;
        cleaned.files_removed += 1;
        cleaned.versions_removed += 1;
        named.extend(manifest.files().map(|file| file.path.clone()));
    }
    files::sync_folder(&table.join("versions"))?;
    Ok(named)
}

/// Whether nobody can publish a version with this number once it is gone.
fn is_free(table: &Path, version: u64) -> Result<bool> {
    if version > 1 && Manifest::path(table, version - 1).exists() {
        return Ok(false);
    }
    let prefix = Manifest::temporary_prefix(version);
    let folder = table.join("versions");
    for entry in fs::read_dir(&folder).at("list", &folder)? {
        let entry = entry.at("list", &folder)?;
        let is_claim = entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix));
        if is_claim && !is_abandoned(&entry.path()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the writer of a temporary file is gone. Its lock goes with it.
fn is_abandoned(path: &Path) -> bool {
    is_older(path, TEMPORARY_AGE_MIN) && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let since = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    since.is_some_and(|since| since >= age)
}

/// The files that some version names which is there to stay. Forgets the copies of those that are not.
fn live_files(table: &Path) -> Result<HashSet<String>> {
    let mut live = HashSet::new();
    for manifest in Manifest::all(table)? {
        live.extend(manifest.files().map(|file| file.path.clone()));
    }
    let tagged: HashSet<u64> = TagList::read(table)?.tags.into_values().collect();
    for version in Manifest::pinned_versions(table)? {
        let path = Manifest::pinned_path(table, version);
        if !tagged.contains(&version) && is_older(&path, UNNAMED_AGE_MIN) {
            let _ = files::remove(&path);
        } else if let Some(manifest) = Manifest::read_if_there(table, version)? {
            live.extend(manifest.files().map(|file| file.path.clone()));
        }
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
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(".tmp-") && is_abandoned(&path) {
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
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(files),
        entries => entries.at("list", folder)?,
    };
    for entry in entries {
        let path = entry.at("list", folder)?.path();
        match path.is_dir() {
            true => files.extend(files_below(&path)?),
            false => files.push(path),
        }
    }
    Ok(files)
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
