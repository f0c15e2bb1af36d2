//! Writing rows: many batches in, one version out.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use crate::error::{Error, Result};
use crate::storage::files;
use crate::storage::{Limits, Manifest, NewFiles, SegmentEntry, SegmentWriter, stored_schema};
use crate::table::conform::conform;
use crate::table::{Table, TableOptions, folder_of};

/// What happens to the rows that a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// They stay, and the new ones follow them.
    Append,
    /// The new ones take their place. The columns stay, the indexes go.
    Overwrite,
}

/// What happens if a table of the name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateMode {
    /// It is an error.
    Create,
    /// The new columns and rows take the place of the old ones, as the table's next version.
    Overwrite,
    /// The existing table is left as it is, and the new rows are ignored. Its columns must be
    /// those of the new table.
    ExistOk,
}

/// Writes rows to a table. They appear together when [`Writer::commit`] returns; dropped before,
/// the writer removes what it wrote.
pub struct Writer {
    target: Target,
    schema: SchemaRef,
    /// `None` after a failed write, which makes the whole write fail.
    segments: Option<SegmentWriter>,
    rows: u64,
}

enum Target {
    Existing(Table, WriteMode),
    New(NewTable),
    /// The table exists, and that was fine with the caller.
    Ignored(Table),
}

impl Target {
    /// Why a write failed: if the table was dropped meanwhile, a file that is missing is not the news.
    fn reason(&self, error: Error) -> Error {
        match self {
            Self::Existing(table, _) => table.current().err().unwrap_or(error),
            Self::New(_) | Self::Ignored(_) => error,
        }
    }
}

struct NewTable {
    connection: PathBuf,
    name: String,
    mode: CreateMode,
    options: TableOptions,
}

impl Writer {
    pub(super) fn new(table: &Table, mode: WriteMode) -> Result<Self> {
        table.check_writable()?;
        let schema = table.schema()?;
        Ok(Self::start(Target::Existing(table.clone(), mode), table.path(), schema))
    }

    pub(super) fn create(
        connection: &Path,
        name: &str,
        schema: &Schema,
        mode: CreateMode,
        options: TableOptions,
    ) -> Result<Self> {
        let schema = stored_schema(schema)?;
        let folder = folder_of(connection, name);
        let new = NewTable { connection: connection.to_owned(), name: name.to_owned(), mode, options };
        let target = match (Manifest::latest_version(&folder)?, mode) {
            (None, _) | (Some(_), CreateMode::Overwrite) => Target::New(new),
            (Some(_), CreateMode::Create) => return Err(new.exists()),
            (Some(_), CreateMode::ExistOk) => {
                let table = new.open()?;
                check_same_columns(&schema, &*table.schema()?)?;
                Target::Ignored(table)
            }
        };
        files::create_table_folders(&folder)?;
        Ok(Self::start(target, &folder, schema))
    }

    fn start(target: Target, folder: &Path, schema: SchemaRef) -> Self {
        let segments = SegmentWriter::new(folder, schema.clone(), Limits::default());
        Self { target, schema, segments: Some(segments), rows: 0 }
    }

    /// The columns that rows are made to fit.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows were written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the rows of `batch`. Its columns are found by name, in any order; missing ones
    /// become nulls, and other types are cast where no value changes by it.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for columns that do not fit and [`Error::InvalidData`] for values
    /// that do not, with their row, counted from the first row written. After an error nothing can
    /// be written or committed any more.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut segments = self.segments.take().ok_or_else(failed_before)?;
        if !matches!(self.target, Target::Ignored(_)) {
            let rows = conform(batch, &self.schema, self.rows)?;
            segments.write(&rows).map_err(|error| self.target.reason(error))?;
        }
        self.rows += batch.num_rows() as u64;
        self.segments = Some(segments);
        Ok(())
    }

    /// Publishes the rows, durably, and returns the table's version that has them. Appending no
    /// rows makes no version.
    ///
    /// # Errors
    /// [`Error::TableExists`] if the new table was created meanwhile, [`Error::Conflict`] if the
    /// table's columns changed, and I/O errors. Nothing is left behind then.
    pub fn commit(self) -> Result<u64> {
        self.publish().map(|(_, version)| version)
    }

    /// As [`Writer::commit`], returning a handle to the table.
    pub fn finish(self) -> Result<Table> {
        self.publish().map(|(table, _)| table)
    }

    fn publish(self) -> Result<(Table, u64)> {
        let segments = self.segments.ok_or_else(failed_before)?;
        let (segments, new_files) = segments.finish().map_err(|error| self.target.reason(error))?;
        let (table, mode) = match self.target {
            Target::New(new) => return new.publish(&self.schema, &segments, new_files),
            Target::Existing(table, mode) if mode == WriteMode::Overwrite || !segments.is_empty() => {
                (table, mode)
            }
            Target::Ignored(table) | Target::Existing(table, _) => {
                let version = table.version()?;
                return Ok((table, version));
            }
        };
        let version = table.commit_files(new_files, |base| {
            if base.schema != self.schema {
                return Err(columns_changed());
            }
            let next = if mode == WriteMode::Append { base.clone() } else { emptied(base) };
            Ok(with_segments(next, &segments))
        })?;
        // The rows are there, whatever becomes of this.
        let _ = table.join_small();
        Ok((table, version))
    }
}

impl NewTable {
    fn open(&self) -> Result<Table> {
        Table::open(&self.connection, &self.name, self.options.clone())
    }

    fn exists(&self) -> Error {
        Error::TableExists { name: self.name.clone() }
    }

    fn publish(
        &self,
        schema: &SchemaRef,
        segments: &[SegmentEntry],
        mut new_files: NewFiles,
    ) -> Result<(Table, u64)> {
        let folder = folder_of(&self.connection, &self.name);
        new_files.check()?;
        // Whatever the durability: so there is always a whole version.
        new_files.sync()?;
        let first = with_segments(Manifest::first(schema.clone()), segments);
        // Looking first, because an old table may no longer have its version 1.
        if Manifest::latest_version(&folder)?.is_none() && first.publish(&folder)? {
            new_files.keep();
            Manifest::confirm(&folder)?;
            return Ok((self.open()?, first.version));
        }
        let table = match self.mode {
            CreateMode::Create => return Err(self.exists()),
            CreateMode::ExistOk | CreateMode::Overwrite => self.open()?,
        };
        let version = if self.mode == CreateMode::ExistOk {
            check_same_columns(schema, &*table.schema()?)?;
            table.version()?
        } else {
            table.commit_files(new_files, |base| {
                Ok(with_segments(Manifest { schema: schema.clone(), ..emptied(base) }, segments))
            })?
        };
        Ok((table, version))
    }
}

fn with_segments(mut manifest: Manifest, segments: &[SegmentEntry]) -> Manifest {
    manifest.append(segments);
    manifest
}

/// The same table without rows and indexes. Row ids are not used again.
fn emptied(manifest: &Manifest) -> Manifest {
    let generation = manifest.version + 1;
    Manifest { segments: Vec::new(), indexes: Vec::new(), generation, ..manifest.clone() }
}

fn check_same_columns(new: &Schema, existing: &Schema) -> Result<()> {
    if new.fields() == existing.fields() {
        return Ok(());
    }
    let columns = |schema: &Schema| {
        let columns = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        columns.collect::<Vec<_>>().join(", ")
    };
    let reason =
        format!("the existing table has the columns ({}), not ({})", columns(existing), columns(new));
    Err(Error::SchemaMismatch { reason })
}

fn columns_changed() -> Error {
    Error::Conflict { action: "adding rows", reason: "the columns of the table changed".to_owned() }
}

fn failed_before() -> Error {
    Error::Closed { what: "the writer, after an earlier write failed,".to_owned() }
}
