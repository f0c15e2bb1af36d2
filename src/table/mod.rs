//! Versions of one table: which is the newest, and how the next one is made.
//!
//! A [`Table`] is a handle. Reading takes a snapshot ([`Table::current`]), which costs two looks at
//! the file system when nothing changed. Writing makes files that nothing names, then publishes a
//! manifest that names them ([`Table::commit`]); losing a race means to try again on top of the
//! winner's version.

mod build_index;
mod cleanup;
mod columns;
mod commit;
mod compact;
mod conform;
mod delete;
mod disk_usage;
mod drop_table;
mod extend_indexes;
mod join;
mod keys;
mod matching;
mod measure_recall;
mod merge;
mod name;
mod optimize;
mod read;
mod repair;
mod retention;
mod retrain;
mod rewrite;
mod state;
mod update;
mod upkeep;
mod verify;
mod versions;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::query::Snapshot;
use crate::storage::{Durability, TemporaryFolder, Version};

pub use build_index::{IndexInfo, IndexOptions};
pub use cleanup::{CleanedUp, CleanupOptions};
pub use columns::{Alteration, NewColumn, NewType};
use commit::Queue;
pub use compact::Compacted;
pub use delete::Deleted;
pub use disk_usage::DiskUsage;
pub use drop_table::remove_dropped;
pub use extend_indexes::ExtendedIndexes;
pub use measure_recall::{MeasuredRecall, RecallOptions};
pub use merge::{MergeOptions, Merged};
pub use name::{check_name, folder_of, name_of};
pub use optimize::{OptimizeOptions, Optimized};
pub use read::TableStats;
pub use repair::Repaired;
pub use retention::Retention;
pub use retrain::Retrain;
use state::Current;
pub use update::{NewValue, Updated};
use upkeep::Keeper;
pub use upkeep::{UpkeepState, UpkeepStatus, shut_down as shut_down_upkeep};
pub use verify::Verified;
pub use versions::{TagInfo, VersionInfo, VersionRef};
pub use writer::{CreateMode, WriteMode, Writer};

/// A handle to a table. Clones are the same handle: closing one closes all.
#[derive(Clone)]
pub struct Table {
    handle: Arc<Handle>,
}

struct Handle {
    name: String,
    folder: PathBuf,
    options: TableOptions,
    /// `None` once the handle is closed.
    current: Mutex<Option<Current>>,
    commits: Queue,
    /// `None` where upkeep is off.
    keeper: Option<Keeper>,
}

/// How a handle behaves.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// How old a snapshot may be before the handle looks for a newer version. Default zero: every
    /// read sees all that was committed before it.
    pub read_consistency_interval: Duration,
    /// What a write waits for. Default: that its files are on the disk.
    pub durability: Durability,
    /// The folder that goes with the last handle, if the table lives in one.
    pub home: Option<Arc<TemporaryFolder>>,
    /// Which versions stay when the table is put in order. Default: the last 100, and all of the last hour.
    pub retention: Retention,
    /// Whether the table is kept in order in the background once this handle has written to it: see
    /// [`Table::upkeep_status`]. Default: no.
    pub upkeep: bool,
}

impl Table {
    /// Opens the table `name` in the folder `connection`.
    ///
    /// # Errors
    /// [`Error::InvalidTableName`], [`Error::TableNotFound`], or [`Error::Corrupted`] if its newest
    /// manifest is damaged.
    pub fn open(connection: &Path, name: &str, options: TableOptions) -> Result<Self> {
        check_name(name)?;
        let folder = folder_of(connection, name);
        let absent = || Error::table_not_found(name);
        let current = Current::open(&folder, &options)?.ok_or_else(absent)?;
        let commits = commit::queue_of(&folder);
        let keeper = options.upkeep.then(|| Keeper::enter(connection, name, &folder, &options));
        let current = Mutex::new(Some(current));
        let handle = Handle { name: name.to_owned(), folder, options, current, commits, keeper };
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Starts the table `name` in the folder `connection`. It appears, with all that was written,
    /// when the writer commits.
    ///
    /// # Errors
    /// [`Error::InvalidTableName`]; [`Error::SchemaMismatch`] if `schema` has no columns or types
    /// that cannot be stored, or differs from the existing table's with [`CreateMode::ExistOk`];
    /// [`Error::TableExists`] with [`CreateMode::Create`].
    pub fn create(
        connection: &Path,
        name: &str,
        schema: &SchemaRef,
        mode: CreateMode,
        options: TableOptions,
    ) -> Result<Writer> {
        check_name(name)?;
        Writer::create(connection, name, schema, mode, options)
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.handle.name
    }

    /// The table's folder.
    pub fn path(&self) -> &Path {
        &self.handle.folder
    }

    /// Whether [`Table::close`] was not called yet.
    pub fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Closes the handle and lets go of its files. Snapshots taken from it stay readable. If it was the last handle
    /// of this process, upkeep of the table has ended when this returns.
    pub fn close(&self) {
        *self.lock() = None;
        self.end_upkeep();
    }

    /// The columns of the newest version.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(self.current()?.schema().clone())
    }

    /// The number of the newest version, or of the one that is checked out.
    pub fn version(&self) -> Result<u64> {
        Ok(self.current()?.manifest().version)
    }

    /// A snapshot of the newest version, or of the one that is checked out.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`Table::close`], or when the table was dropped and created anew;
    /// [`Error::TableNotFound`] when it was dropped; [`Error::Corrupted`].
    pub fn current(&self) -> Result<Arc<Version>> {
        Ok(self.snapshot()?.version().clone())
    }

    /// The newest version, ready to be searched. Costs two looks at the file system when nothing has
    /// changed: whether the version is still there, and whether there is one after it.
    ///
    /// # Errors
    /// As [`Table::current`].
    pub fn snapshot(&self) -> Result<Arc<Snapshot>> {
        if let Some(pinned) = self.pinned()? {
            return Ok(pinned);
        }
        self.refresh(self.handle.options.read_consistency_interval)
    }

    /// A writer of rows. What it wrote appears as one version when it commits.
    pub fn writer(&self, mode: WriteMode) -> Result<Writer> {
        Writer::new(self, mode)
    }

    /// Appends the rows of `batch` and returns the version that has them.
    ///
    /// # Errors
    /// Those of [`Writer::write`] and [`Writer::commit`].
    pub fn add(&self, batch: &RecordBatch) -> Result<u64> {
        let mut writer = self.writer(WriteMode::Append)?;
        writer.write(batch)?;
        writer.commit()
    }

    /// The version that is checked out, if one is.
    fn pinned(&self) -> Result<Option<Arc<Snapshot>>> {
        let guard = self.lock();
        Ok(guard.as_ref().ok_or_else(|| self.closed())?.pinned.clone())
    }

    fn pin(&self, pinned: Option<Arc<Snapshot>>) -> Result<()> {
        self.lock().as_mut().ok_or_else(|| self.closed())?.pinned = pinned;
        Ok(())
    }

    /// An error if an earlier version is checked out.
    fn check_writable(&self) -> Result<()> {
        match self.pinned()? {
            None => Ok(()),
            Some(pinned) => {
                let version = pinned.version().manifest().version;
                Err(Error::ReadOnly { table: self.name().to_owned(), version })
            }
        }
    }

    /// The newest version, at most `age` old.
    fn refresh(&self, age: Duration) -> Result<Arc<Snapshot>> {
        let mut guard = self.lock();
        let current = guard.as_mut().ok_or_else(|| self.closed())?;
        if age.is_zero() || current.age() >= age {
            current.refresh(&self.handle.name, &self.handle.folder, &self.handle.options)?;
        }
        Ok(current.snapshot().clone())
    }

    fn closed(&self) -> Error {
        Error::Closed { what: format!("table '{}'", self.handle.name) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.handle.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Table {
    /// `Table(cities, uri=/data/cities.quiver)`, or `ClosedTable(cities)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        if self.is_open() {
            write!(f, "Table({name}, uri={})", self.path().display())
        } else {
            write!(f, "ClosedTable({name})")
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
