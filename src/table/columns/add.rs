//! Adding columns: computed from the others, or empty.

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};

use super::{Written, part_schema, plain, with_schema};
use crate::error::{Error, Result};
use crate::filter::Expression;
use crate::progress::Progress;
use crate::storage::{ColumnPlace, Manifest, NewFiles, Version};
use crate::table::Table;

/// A column that a table does not have yet.
#[derive(Debug, Clone)]
pub enum NewColumn {
    /// Its values are those of an SQL expression over the other columns of the row.
    Sql {
        /// The name.
        name: String,
        /// The expression.
        sql: String,
    },
    /// It is null in every row that there is.
    Empty(FieldRef),
}

impl Table {
    /// Adds columns after those there are, and publishes a version that has them. Expressions see the columns as
    /// they were; their values are written into files of their own, so adding costs what the new values take.
    /// Empty columns take nothing.
    ///
    /// # Errors
    /// [`Error::ColumnExists`], [`Error::InvalidArgument`] for no columns and for an empty one that allows no
    /// nulls in a table with rows, whatever is wrong with an expression, [`Error::Cancelled`], and I/O errors.
    pub fn add_columns(&self, columns: &[NewColumn], progress: &Progress) -> Result<u64> {
        if columns.is_empty() {
            return Err(Error::invalid("the new columns", "an empty list", "at least one column is added"));
        }
        let mut written = Written::default();
        let committed = self.commit_change(NewFiles::default(), |base, new_files| {
            let addition = Addition::bind(columns, base.version())?;
            addition.apply(base.version(), &mut written, progress, new_files).map(Some)
        })?;
        Ok(committed.version)
    }
}

/// New columns, bound to those of a table.
struct Addition {
    /// A field for each new column, and the expression of its values.
    columns: Vec<(FieldRef, Option<Expression>)>,
}

impl Addition {
    fn bind(columns: &[NewColumn], version: &Version) -> Result<Self> {
        let bind = |column: &NewColumn| match column {
            NewColumn::Empty(field) if field.is_nullable() || version.row_count() == 0 => {
                Ok((field.clone(), None))
            }
            NewColumn::Empty(field) => Err(Error::invalid(
                "the new column",
                format!("'{}', which allows no nulls", field.name()),
                "nullable, because the rows that there are have no value for it; give it one with valueSql",
            )),
            NewColumn::Sql { name, sql } => {
                let expression = Expression::parse(sql, version.schema())?;
                let data_type = plain(expression.data_type());
                if data_type == DataType::Null {
                    return Err(Error::invalid(
                        "valueSql",
                        format!("'{sql}', which has no type"),
                        "a value of some type: CAST(NULL AS INT)",
                    ));
                }
                Ok((Field::new(name, data_type, true).into(), Some(expression)))
            }
        };
        Ok(Self { columns: columns.iter().map(bind).collect::<Result<_>>()? })
    }

    fn apply(
        &self,
        version: &Version,
        written: &mut Written,
        progress: &Progress,
        new_files: &mut NewFiles,
    ) -> Result<Manifest> {
        let schema = version.schema();
        let added = self.columns.iter().map(|(field, _)| field.clone());
        let fields = schema.fields().iter().cloned().chain(added).collect();
        let mut next = with_schema(version.manifest().clone(), fields)?;
        let computed: Vec<(&FieldRef, &Expression)> = self
            .columns
            .iter()
            .filter_map(|(field, expression)| expression.as_ref().map(|expression| (field, expression)))
            .collect();
        let part_schema = part_schema(computed.iter().map(|(field, _)| field.as_ref()));
        let reads: Vec<usize> = computed
            .iter()
            .flat_map(|(_, expression)| expression.columns().iter().copied())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let values = |rows: &RecordBatch, _: u64| compute(rows, &computed, &part_schema);
        for (index, entry) in next.segments.iter_mut().enumerate() {
            let mut places = entry.places(schema.fields().len());
            let part = entry.parts.len() as u32 + 1;
            let mut columns = 0..;
            places.extend(self.columns.iter().map(|(_, expression)| {
                expression.as_ref()?;
                Some(ColumnPlace { part, column: columns.next()? })
            }));
            entry.columns = Some(places);
            if !computed.is_empty() {
                let values = (reads.as_slice(), &values as &_);
                entry.parts.push(written.part(version, index, &part_schema, values, progress, new_files)?);
            }
        }
        Ok(next)
    }
}

fn compute(
    rows: &RecordBatch,
    columns: &[(&FieldRef, &Expression)],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let values = columns.iter().map(|(field, expression)| {
        let values = expression.evaluate(rows)?;
        if values.data_type() == field.data_type() {
            return Ok(values);
        }
        cast(&values, field.data_type()).map_err(Error::internal)
    });
    RecordBatch::try_new(schema.clone(), values.collect::<Result<_>>()?).map_err(Error::internal)
}
