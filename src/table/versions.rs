//! Earlier versions: listing them, reading them, and going back.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{Error, Result, nearest};
use crate::query::Snapshot;
use crate::storage::{Manifest, NewFiles, SegmentEntry, TagList, Version};
use crate::table::Table;

/// Which version is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionRef {
    /// The one with this number.
    Number(u64),
    /// The one that has this tag.
    Tag(String),
}

/// What is known of a version without reading its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number.
    pub version: u64,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created_ms: i64,
    /// Rows, without the deleted ones.
    pub rows: u64,
    /// Files with rows.
    pub segments: usize,
    /// Rows that are deleted, but still in those files.
    pub deleted_rows: u64,
    /// Files that say which rows are deleted.
    pub deletion_files: usize,
    /// Bytes of all its files, those of indexes included.
    pub bytes: u64,
}

/// A name for a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagInfo {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u64,
    /// Bytes of the version's manifest.
    pub manifest_bytes: u64,
}

impl Table {
    /// All versions there are, in the order in which they were made.
    pub fn list_versions(&self) -> Result<Vec<VersionInfo>> {
        self.current()?;
        loop {
            // What another process cleans up meanwhile is left out ...
            let versions = self.versions()?;
            let found = versions.iter().map(|&number| Manifest::read_if_there(self.path(), number));
            let found = found.filter_map(Result::transpose).map(|manifest| Ok(info(&manifest?)));
            let found = found.collect::<Result<Vec<VersionInfo>>>()?;
            // ... but where the newest one went there is a newer one.
            if found.last().map(|found| found.version) == versions.last().copied() {
                return Ok(found);
            }
        }
    }

    /// Makes the handle show an earlier version. Until [`Table::checkout_latest`] or [`Table::restore`] it
    /// does not follow newer ones, and does not write.
    ///
    /// # Errors
    /// [`Error::VersionNotFound`], [`Error::TagNotFound`], [`Error::Corrupted`].
    pub fn checkout(&self, version: &VersionRef) -> Result<()> {
        let newest = self.refresh(Duration::ZERO)?;
        let number = self.resolve(version)?;
        let manifest = self.manifest(number)?;
        let version = Version::new(self.path(), manifest, Some(newest.version()));
        let version = version.kept_by(self.handle.options.home.clone());
        let pinned = Snapshot::new(version.into(), Some(&newest));
        pinned.hold();
        self.pin(Some(pinned.into()))
    }

    /// Makes the handle follow the newest version again.
    pub fn checkout_latest(&self) -> Result<()> {
        self.pin(None)
    }

    /// Publishes a new version that is what the checked-out one was, and follows the newest version again.
    /// Row ids that were given meanwhile are not given again.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if no version is checked out, and I/O errors.
    pub fn restore(&self) -> Result<u64> {
        let pinned = self.pinned()?.ok_or_else(|| {
            Error::invalid(
                "the version to restore",
                "not checked out",
                "checked out before: call checkout first",
            )
        })?;
        let old = pinned.version().manifest();
        self.keep(old.version)?;
        let restored = self.publish_change(NewFiles::default(), |base, _| {
            let base = base.version().manifest();
            Ok(Some(Manifest { generation: base.version + 1, next_row_id: base.next_row_id, ..old.clone() }))
        })?;
        self.pin(None)?;
        Ok(restored.version)
    }

    /// All tags, by name.
    pub fn list_tags(&self) -> Result<Vec<TagInfo>> {
        self.current()?;
        let tags = TagList::read(self.path())?.tags.into_iter();
        tags.map(|(name, version)| {
            let manifest_bytes = self.manifest_bytes(version)?;
            Ok(TagInfo { name, version, manifest_bytes })
        })
        .collect()
    }

    /// The version that has a tag.
    ///
    /// # Errors
    /// [`Error::TagNotFound`].
    pub fn tagged_version(&self, name: &str) -> Result<u64> {
        self.current()?;
        self.resolve(&VersionRef::Tag(name.to_owned()))
    }

    /// Gives a version a name.
    ///
    /// # Errors
    /// [`Error::TagExists`], [`Error::InvalidArgument`] for a name that cannot be one,
    /// [`Error::VersionNotFound`].
    pub fn create_tag(&self, name: &str, version: u64) -> Result<()> {
        check_tag_name(name)?;
        self.current()?;
        self.keep(version)?;
        TagList::change(self.path(), |tags| match tags.insert(name.to_owned(), version) {
            None => Ok(()),
            Some(_) => Err(Error::TagExists { name: name.to_owned() }),
        })
    }

    /// Gives a tag to another version.
    ///
    /// # Errors
    /// [`Error::TagNotFound`], [`Error::VersionNotFound`].
    pub fn update_tag(&self, name: &str, version: u64) -> Result<()> {
        self.current()?;
        self.keep(version)?;
        TagList::change(self.path(), |tags| match tags.get_mut(name) {
            Some(tagged) => {
                *tagged = version;
                Ok(())
            }
            None => Err(tag_not_found(name, tags.keys())),
        })
    }

    /// Removes a tag. The version stays.
    ///
    /// # Errors
    /// [`Error::TagNotFound`].
    pub fn delete_tag(&self, name: &str) -> Result<()> {
        self.current()?;
        TagList::change(self.path(), |tags| match tags.remove(name) {
            Some(_) => Ok(()),
            None => Err(tag_not_found(name, tags.keys())),
        })
    }

    fn manifest_bytes(&self, version: u64) -> Result<u64> {
        match Manifest::bytes(self.path(), version) {
            Ok(bytes) => Ok(bytes),
            Err(_) => Manifest::pinned_bytes(self.path(), version),
        }
    }

    fn resolve(&self, version: &VersionRef) -> Result<u64> {
        match version {
            VersionRef::Number(number) => Ok(*number),
            VersionRef::Tag(name) => {
                let tags = TagList::read(self.path())?.tags;
                tags.get(name).copied().ok_or_else(|| tag_not_found(name, tags.keys()))
            }
        }
    }

    /// The numbers of all versions: those in a row, and older ones that a tag keeps.
    fn versions(&self) -> Result<Vec<u64>> {
        let recent = Manifest::versions(self.path())?;
        let tagged: BTreeSet<u64> = TagList::read(self.path())?.tags.into_values().collect();
        let pinned = Manifest::pinned_versions(self.path())?;
        let kept = pinned.into_iter().filter(|version| tagged.contains(version));
        Ok(kept.chain(recent).collect::<BTreeSet<u64>>().into_iter().collect())
    }

    /// The manifest of a version that may not be there.
    fn manifest(&self, version: u64) -> Result<Manifest> {
        if self.versions()?.binary_search(&version).is_ok()
            && let Some(manifest) = Manifest::read_if_there(self.path(), version)?
        {
            return Ok(manifest);
        }
        Err(self.version_not_found(version, &self.versions()?))
    }

    /// Makes sure that cleaning up leaves the files of a version alone, or says that it is too late.
    fn keep(&self, version: u64) -> Result<()> {
        // A version that is tagged already was kept in time.
        let is_tagged = || Ok(TagList::read(self.path())?.tags.values().any(|&tagged| tagged == version));
        if Manifest::pin(self.path(), version)? || is_tagged()? {
            return Ok(());
        }
        Err(self.version_not_found(version, &self.versions()?))
    }

    fn version_not_found(&self, version: u64, versions: &[u64]) -> Error {
        let range = versions.first().zip(versions.last());
        let available = range.map_or("none".to_owned(), |(first, last)| format!("{first} to {last}"));
        Error::VersionNotFound { table: self.name().to_owned(), version, available }
    }
}

fn info(manifest: &Manifest) -> VersionInfo {
    let deletions = || manifest.segments.iter().filter_map(|segment| segment.deletions.as_ref());
    VersionInfo {
        version: manifest.version,
        created_ms: manifest.created_ms,
        rows: manifest.segments.iter().map(SegmentEntry::live_rows).sum(),
        segments: manifest.segments.len(),
        deleted_rows: deletions().map(|deletions| deletions.rows).sum(),
        deletion_files: deletions().count(),
        bytes: manifest.files().map(|file| file.bytes).sum(),
    }
}

/// The same names as for tables, for the same reason: they work everywhere.
fn check_tag_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.is_empty() && name.len() <= 200 && name.chars().all(plain) {
        return Ok(());
    }
    let expected = "1 to 200 letters, digits, '.', '-' and '_'";
    Err(Error::invalid("the name of the tag", format!("'{name}'"), expected))
}

fn tag_not_found<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Error {
    let available: Vec<String> = known.cloned().collect();
    Error::TagNotFound {
        name: name.to_owned(),
        similar: nearest(name, available.iter().map(String::as_str)),
        available,
    }
}
