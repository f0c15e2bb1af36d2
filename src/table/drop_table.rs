//! Removing a table with all that it has.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, IoContext, Result};
use crate::storage::{Manifest, files};
use crate::table::{Table, check_name, folder_of};

/// What a folder is called between being dropped and being gone.
const DROPPED_PREFIX: &str = ".dropped-";

impl Table {
    /// Removes the table `name` from the folder `connection`, with all its versions.
    ///
    /// # Errors
    /// [`Error::InvalidTableName`], [`Error::TableNotFound`], I/O errors; [`Error::NotDurable`] if the table is gone for
    /// all readers, but a power cut may bring it back.
    pub fn drop_table(connection: &Path, name: &str) -> Result<()> {
        check_name(name)?;
        let absent = || Error::table_not_found(name);
        let table = folder_of(connection, name);
        Manifest::latest_version(&table)?.ok_or_else(absent)?;
        // Renamed first, because that is one step: there is never half a table.
        let dropped = connection.join(format!("{DROPPED_PREFIX}{}", uuid::Uuid::new_v4()));
        match files::rename_folder(&table, &dropped) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(absent()),
            renamed => renamed.at("drop", &table)?,
        }
        let synced = files::sync_folder(connection);
        synced.map_err(|error| Error::not_durable("the removal of the table", error))?;
        remove_dropped(connection);
        Ok(())
    }
}

/// Removes what is left of dropped tables. What cannot be removed now is hidden and can wait.
pub fn remove_dropped(connection: &Path) {
    let is_dropped = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(DROPPED_PREFIX))
    };
    let dropped: Vec<_> =
        fs::read_dir(connection).into_iter().flatten().flatten().filter(is_dropped).collect();
    // Who renamed them may have ended before that was durable, and half a table must not get its name back.
    if dropped.is_empty() || files::sync_folder(connection).is_err() {
        return;
    }
    for entry in dropped {
        let _ = files::remove_folder(&entry.path());
    }
}
