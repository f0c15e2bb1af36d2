//! A folder of tables.

mod uri;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::storage::files;
use crate::storage::{Manifest, TemporaryFolder};
use crate::table::{CreateMode, Repaired, Retention, Table, TableOptions, Writer, name_of, remove_dropped};

use uri::Location;

pub use crate::storage::Durability;

/// How a connection behaves.
#[derive(Debug, Clone, Copy)]
pub struct ConnectOptions {
    /// How old a table's snapshot may be before a read looks for a newer version. Default zero:
    /// every read sees all that was committed before it, by any process.
    pub read_consistency_interval: Duration,
    /// What a write waits for before it is acknowledged. Default: that it survives a power cut.
    pub durability: Durability,
    /// Which versions of a table stay when it is put in order. Default: the last 100, and all of the last hour.
    pub retention: Retention,
    /// Whether tables are kept in order in the background once they are written to: see
    /// [`Table::upkeep_status`]. Default: yes.
    pub upkeep: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            read_consistency_interval: Duration::ZERO,
            durability: Durability::default(),
            retention: Retention::default(),
            upkeep: true,
        }
    }
}

/// A handle to a folder of tables. Clones are the same handle: closing one closes all.
#[derive(Clone)]
pub struct Connection {
    handle: Arc<Handle>,
}

struct Handle {
    uri: String,
    options: ConnectOptions,
    /// `None` once the handle is closed.
    place: Mutex<Option<Place>>,
}

#[derive(Clone)]
struct Place {
    folder: PathBuf,
    home: Option<Arc<TemporaryFolder>>,
}

impl Connection {
    /// Connects to a folder, which is created if it does not exist.
    ///
    /// `uri` is a path (a relative one is made absolute now), a `file://` URL, or `memory://`: a
    /// private folder that is removed when the last handle to it or to one of its tables goes.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for any other kind of URI, and I/O errors.
    pub fn connect(uri: &str, options: ConnectOptions) -> Result<Self> {
        let place = match uri::parse(uri)? {
            Location::Memory => {
                let home = Arc::new(TemporaryFolder::create()?);
                Place { folder: home.path().to_owned(), home: Some(home) }
            }
            Location::Folder(folder) => {
                files::create_folder(&folder)?;
                Place { folder, home: None }
            }
        };
        remove_dropped(&place.folder);
        let uri = if place.home.is_some() { uri.to_owned() } else { place.folder.display().to_string() };
        Ok(Self { handle: Arc::new(Handle { uri, options, place: Mutex::new(Some(place)) }) })
    }

    /// Where the connection leads: an absolute path, or `memory://`.
    pub fn uri(&self) -> &str {
        &self.handle.uri
    }

    /// Whether [`Connection::close`] was not called yet.
    pub fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Closes the connection. Tables that were opened from it stay open.
    pub fn close(&self) {
        *self.lock() = None;
    }

    /// The names of all tables in lexicographic order: those after `start_after`, if given, and
    /// `limit` of them at most.
    pub fn table_names(&self, start_after: Option<&str>, limit: Option<usize>) -> Result<Vec<String>> {
        let mut names = names_in(&self.place()?.folder)?;
        names.retain(|name| start_after.is_none_or(|start| name.as_str() > start));
        names.truncate(limit.unwrap_or(usize::MAX));
        Ok(names)
    }

    /// Opens a table.
    ///
    /// # Errors
    /// [`Error::InvalidTableName`], [`Error::TableNotFound`] with the names there are,
    /// [`Error::Corrupted`].
    pub fn open_table(&self, name: &str) -> Result<Table> {
        let place = self.place()?;
        let opened = Table::open(&place.folder, name, self.table_options(&place));
        opened.map_err(|error| with_names(error, &place.folder))
    }

    /// Starts a table. It appears, with all that was written, when the writer commits; until then,
    /// and if it never does, nobody sees anything of it.
    ///
    /// # Errors
    /// [`Error::InvalidTableName`], [`Error::TableExists`], and [`Error::SchemaMismatch`] if a
    /// column cannot be stored.
    pub fn create_table(&self, name: &str, schema: &SchemaRef, mode: CreateMode) -> Result<Writer> {
        let place = self.place()?;
        Table::create(&place.folder, name, schema, mode, self.table_options(&place))
    }

    /// Creates a table without rows.
    ///
    /// # Errors
    /// As [`Connection::create_table`].
    pub fn create_empty_table(&self, name: &str, schema: &SchemaRef, mode: CreateMode) -> Result<Table> {
        self.create_table(name, schema, mode)?.finish()
    }

    /// Brings a damaged table back to its last whole version: see [`Table::repair`].
    ///
    /// # Errors
    /// As [`Table::repair`].
    pub fn repair_table(&self, name: &str, progress: &Progress) -> Result<Repaired> {
        let place = self.place()?;
        let repaired = Table::repair(&place.folder, name, self.table_options(&place), progress);
        repaired.map_err(|error| with_names(error, &place.folder))
    }

    /// Removes a table with all its versions. Snapshots that are in use stay readable, except on
    /// Windows, where a table in use cannot be dropped.
    ///
    /// # Errors
    /// [`Error::InvalidTableName`], [`Error::TableNotFound`] with the names there are, I/O errors.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        let place = self.place()?;
        Table::drop_table(&place.folder, name).map_err(|error| with_names(error, &place.folder))
    }

    /// Removes all tables.
    pub fn drop_all_tables(&self) -> Result<()> {
        let place = self.place()?;
        for name in names_in(&place.folder)? {
            match Table::drop_table(&place.folder, &name) {
                // Somebody else was faster.
                Err(Error::TableNotFound { .. }) => {}
                dropped => dropped?,
            }
        }
        Ok(())
    }

    fn table_options(&self, place: &Place) -> TableOptions {
        let ConnectOptions { read_consistency_interval, durability, retention, upkeep } = self.handle.options;
        TableOptions { read_consistency_interval, durability, home: place.home.clone(), retention, upkeep }
    }

    fn place(&self) -> Result<Place> {
        self.lock().clone().ok_or_else(|| Error::Closed { what: "the connection".to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.handle.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Connection {
    /// `Connection(uri=/data)`, or `ClosedConnection(uri=/data)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.is_open() { "" } else { "Closed" };
        write!(f, "{closed}Connection(uri={})", self.handle.uri)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The tables in a folder: its subfolders that have a table's name and at least one version.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let file_name = entry.file_name();
        let Some(name) = name_of(&file_name) else { continue };
        if Manifest::latest_version(&entry.path())?.is_some() {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Adds the names of the tables there are to the error that there is no such table.
fn with_names(error: Error, folder: &Path) -> Error {
    match error {
        Error::TableNotFound { name, .. } => Error::TableNotFound { name, available: names_in(folder).ok() },
        other => other,
    }
}

#[cfg(test)]
mod tests;
