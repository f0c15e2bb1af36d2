//! Altering columns: another name, another type, nulls or none.

use std::mem::replace;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};

use super::{Written, indexed_position, part_schema, plain, position, with_schema};
use crate::error::{Error, Result};
use crate::filter::Expression;
use crate::progress::Progress;
use crate::storage::{ColumnPlace, IndexEntry, Manifest, NewFiles, Version};
use crate::table::Table;
use crate::table::conform::conform;

/// What becomes of a column. At least one of the changes must be asked for.
#[derive(Debug, Clone, Default)]
pub struct Alteration {
    /// The column.
    pub column: String,
    /// Another name.
    pub rename: Option<String>,
    /// Whether it allows nulls.
    pub nullable: Option<bool>,
    /// Another type.
    pub data_type: Option<NewType>,
}

/// The type that a column gets.
#[derive(Debug, Clone)]
pub enum NewType {
    /// A type of Arrow.
    Arrow(DataType),
    /// A name as in `CAST(x AS …)`, or Arrow's own: `INT`, `Float32`.
    Name(String),
}

impl Table {
    /// Gives columns other names or types, or says whether they allow nulls, and publishes a version with that.
    ///
    /// Names and nulls are a matter of the manifest; a column of another type is written anew, and its indexes go.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`], [`Error::ColumnExists`], [`Error::InvalidArgument`] if nothing would change;
    /// [`Error::InvalidData`], with row and column, for a value that the new type does not have or a null that is
    /// not allowed any more; [`Error::Cancelled`], and I/O errors.
    pub fn alter_columns(&self, alterations: &[Alteration], progress: &Progress) -> Result<u64> {
        if alterations.is_empty() {
            return Err(Error::invalid("the alterations", "an empty list", "at least one column is altered"));
        }
        let mut written = Written::default();
        let committed = self.commit_change(NewFiles::default(), |base, new_files| {
            let altered = Altered::bind(alterations, base.version())?;
            altered.check_nulls(base.version(), progress)?;
            altered.apply(base.version(), &mut written, progress, new_files).map(Some)
        })?;
        Ok(committed.version)
    }
}

/// The columns of a table as they shall be.
struct Altered {
    fields: Vec<FieldRef>,
    /// Columns that are written anew.
    cast: Vec<usize>,
    /// Columns that allow nulls no more.
    required: Vec<usize>,
}

impl Altered {
    fn bind(alterations: &[Alteration], version: &Version) -> Result<Self> {
        let schema = version.schema();
        let mut altered = Self {
            fields: schema.fields().iter().cloned().collect(),
            cast: Vec::new(),
            required: Vec::new(),
        };
        let mut seen = Vec::new();
        for Alteration { column, rename, nullable, data_type } in alterations {
            let index = position(schema, column)?;
            if rename.is_none() && nullable.is_none() && data_type.is_none() {
                let expected = "it must have rename, nullable or dataType";
                return Err(Error::invalid(
                    "the alteration of a column",
                    format!("'{column}' only"),
                    expected,
                ));
            }
            if seen.contains(&index) {
                return Err(Error::invalid(
                    "the alterations",
                    format!("'{column}' twice"),
                    "each is altered once",
                ));
            }
            seen.push(index);
            let old = schema.field(index);
            let mut field: Field = old.clone();
            if let Some(name) = rename {
                field.set_name(name.clone());
            }
            if let Some(nullable) = nullable {
                field.set_nullable(*nullable);
                if old.is_nullable() && !nullable {
                    altered.required.push(index);
                }
            }
            if let Some(data_type) = data_type {
                let data_type = data_type.resolve(schema)?;
                if data_type != *old.data_type() {
                    field.set_data_type(data_type);
                    altered.cast.push(index);
                }
            }
            altered.fields[index] = field.into();
        }
        altered.cast.sort_unstable();
        Ok(altered)
    }

    /// An error if a row has no value where it will have to have one.
    fn check_nulls(&self, version: &Version, progress: &Progress) -> Result<()> {
        let mut first = 0;
        for batch in version.batches().filter(|_| !self.required.is_empty()) {
            progress.check()?;
            let rows = version.column_batch(&batch, &self.required)?;
            let live = version.live(&batch)?;
            let is_live = |row: usize| live.as_ref().is_none_or(|live| live.value(row));
            for (column, &index) in rows.columns().iter().zip(&self.required) {
                let nulls = column.logical_nulls();
                let Some(nulls) = nulls else { continue };
                if let Some(row) = (0..rows.num_rows()).find(|&row| nulls.is_null(row) && is_live(row)) {
                    let before = (0..row).filter(|&row| is_live(row)).count() as u64;
                    let column = version.schema().field(index).name().clone();
                    let reason = "it is null, so the column has to allow nulls".to_owned();
                    return Err(Error::InvalidData { row: first + before, column, reason });
                }
            }
            first += live.map_or(batch.rows, |live| live.count_set_bits()) as u64;
        }
        Ok(())
    }

    fn apply(
        &self,
        version: &Version,
        written: &mut Written,
        progress: &Progress,
        new_files: &mut NewFiles,
    ) -> Result<Manifest> {
        let schema = version.schema();
        let mut next = with_schema(version.manifest().clone(), self.fields.clone())?;
        let fields = || self.cast.iter().map(|&index| self.fields[index].as_ref());
        let part_schema = part_schema(fields());
        let target = Arc::new(Schema::new(
            // Under the names that they have so far, by which their values are found.
            fields()
                .zip(&self.cast)
                .map(|(field, &at)| field.clone().with_name(schema.field(at).name()))
                .collect::<Vec<_>>(),
        ));
        let values = |rows: &RecordBatch, first: u64| {
            let cast = conform(rows, &target, first)?;
            RecordBatch::try_new(part_schema.clone(), cast.columns().to_vec()).map_err(Error::internal)
        };
        for (index, entry) in next.segments.iter_mut().enumerate() {
            let mut places = entry.places(schema.fields().len());
            let mut gone = Vec::new();
            if !self.cast.is_empty() {
                let part = entry.parts.len() as u32 + 1;
                let values = (self.cast.as_slice(), &values as &_);
                entry.parts.push(written.part(version, index, &part_schema, values, progress, new_files)?);
                let new = (0..).map(|column| Some(ColumnPlace { part, column }));
                gone.extend(self.cast.iter().zip(new).filter_map(|(&at, new)| replace(&mut places[at], new)));
            }
            entry.columns = Some(places);
            entry.forget(gone);
        }
        let old_name = |index: usize| schema.field(index).name();
        let column_of = |index: &IndexEntry| indexed_position(schema, index);
        next.indexes.retain(|index| column_of(index).is_none_or(|at| !self.cast.contains(&at)));
        for index in &mut next.indexes {
            if let Some(at) = column_of(index) {
                index.column = format!("{}{}", self.fields[at].name(), &index.column[old_name(at).len()..]);
            }
        }
        Ok(next)
    }
}

impl NewType {
    fn resolve(&self, schema: &Schema) -> Result<DataType> {
        let data_type = match self {
            Self::Arrow(data_type) => data_type.clone(),
            Self::Name(name) => match name.parse::<DataType>() {
                Ok(data_type) => data_type,
                Err(_) => Expression::parse(&format!("CAST(NULL AS {name})"), schema)?.data_type().clone(),
            },
        };
        if plain(&data_type) == data_type {
            return Ok(data_type);
        }
        Err(Error::invalid("dataType", data_type, "a plain type, without a dictionary"))
    }
}
