//! Names for versions.
//!
//! All tags of a table are one small file, and changing them means to create the next: like versions,
//! they are numbered, created only if nobody was faster, and never changed. Only the newest counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::storage::{Durability, checked_json, files, series};

/// The newest format of the file.
const FORMAT: u32 = 1;

/// The tags of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagList {
    /// Counts the changes; 0 for a table that never had a tag.
    pub revision: u64,
    /// The version of each name.
    pub tags: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    revision: u64,
    tags: BTreeMap<String, u64>,
}

impl TagList {
    /// The tags of the table in this folder.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::error::Error::Corrupted) if the newest list is damaged.
    pub fn read(table: &Path) -> Result<Self> {
        let folder = folder(table);
        loop {
            let Some(revision) = series::numbers(&folder)?.pop() else { return Ok(Self::default()) };
            let path = series::path(&folder, revision);
            match checked_json::read(&path) {
                // It was removed just now, because there is a newer one.
                Err(_) if series::numbers(&folder)?.last().is_some_and(|newest| *newest > revision) => {}
                bytes => {
                    let document: Document = checked_json::decode(&path, &bytes?, FORMAT)?;
                    return Ok(Self { revision, tags: document.tags });
                }
            }
        }
    }

    /// Publishes the tags that `change` makes of the newest ones; again, if somebody was faster.
    ///
    /// # Errors
    /// Those of `change`, and I/O errors.
    pub fn change(table: &Path, change: impl Fn(&mut BTreeMap<String, u64>) -> Result<()>) -> Result<()> {
        let folder = folder(table);
        files::create_folder(&folder)?;
        loop {
            let mut list = Self::read(table)?;
            change(&mut list.tags)?;
            let revision = list.revision + 1;
            let bytes = checked_json::encode(&Document { format: FORMAT, revision, tags: list.tags })?;
            let base_is_there = || match list.revision {
                0 => Ok(series::numbers(&folder)?.is_empty()),
                base => Ok(series::path(&folder, base).exists()),
            };
            if series::publish(&folder, revision, &bytes, Durability::Full, base_is_there)? {
                let synced = files::sync_folder(&folder);
                return synced.map_err(|error| Error::not_durable("the change of the tags", error));
            }
        }
    }

    /// Removes lists that newer ones took the place of; the bytes of each.
    ///
    /// # Errors
    /// I/O errors, except that a list which cannot be removed is left for the next time.
    pub fn remove_old(table: &Path) -> Result<Vec<u64>> {
        let folder = folder(table);
        let old = series::removable(&folder, |_| true)?;
        if old.is_empty() {
            return Ok(Vec::new());
        }
        // The newest must not be lost with those before it.
        files::sync_folder(&folder)?;
        let paths = old.into_iter().map(|revision| series::path(&folder, revision));
        Ok(paths
            .map_while(|path| files::length(&path).ok().filter(|_| files::remove(&path).is_ok()))
            .collect())
    }
}

fn folder(table: &Path) -> PathBuf {
    table.join("tags")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_follow_each_other_and_damage_is_named() {
        let table = tempfile::tempdir().unwrap();
        let set = |name: &'static str, version: u64| {
            TagList::change(table.path(), move |tags| {
                tags.insert(name.to_owned(), version);
                Ok(())
            })
        };
        assert_eq!(TagList::read(table.path()).unwrap(), TagList::default());

        set("a", 3).unwrap();
        set("b", 4).unwrap();

        let list = TagList::read(table.path()).unwrap();
        assert_eq!(list.revision, 2);
        assert_eq!(list.tags.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 3), ("b".to_owned(), 4)]);
        let path = series::path(&folder(table.path()), 2);
        let damaged = std::fs::read_to_string(&path).unwrap().replace("\"b\": 4", "\"b\": 5");
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(TagList::read(table.path()).unwrap_err().code(), "CORRUPTED");
    }
}
