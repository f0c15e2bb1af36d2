//! Updating rows: those that match go, and changed copies of them come, in one version.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{Field, Schema, SchemaRef};
use roaring::RoaringBitmap;

use crate::error::{Error, Result};
use crate::filter::{Expression, Filter};
use crate::progress::Progress;
use crate::query::column_name;
use crate::storage::{NewFiles, Version};
use crate::table::Table;
use crate::table::conform::conform;
use crate::table::delete::without;
use crate::table::matching::Matching;
use crate::table::rewrite::Rewritten;

/// What a column becomes.
#[derive(Debug, Clone)]
pub enum NewValue {
    /// An SQL expression over the columns of the row as it was.
    Sql(String),
    /// A value: an array of length one, of any type that fits the column.
    Value(ArrayRef),
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updated {
    /// How many rows changed.
    pub rows: u64,
    /// The version with the changes; the one before if there were none.
    pub version: u64,
}

impl Table {
    /// Gives new values to columns of the rows that `filter` is true for (without one, of all rows), and
    /// publishes a version with them. Without such rows no version is made.
    ///
    /// A changed row is a new row: it has a new id, and comes after all others. If other writers are faster,
    /// the update applies to what they wrote, too.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if `values` is empty, [`Error::ColumnNotFound`], whatever is wrong with
    /// filter and expressions, and [`Error::InvalidData`] for values that do not fit a column.
    pub fn update(
        &self,
        filter: Option<Filter>,
        values: &[(String, NewValue)],
        progress: &Progress,
    ) -> Result<Updated> {
        if values.is_empty() {
            return Err(Error::invalid("values", "empty", "an update sets at least one column"));
        }
        let filter = filter.unwrap_or_else(|| "true".into());
        let mut matching = Matching::new(&filter);
        let mut rewritten = Rewritten::new();
        let mut rows = 0;
        let committed = self.commit_change(NewFiles::default(), |base, new_files| {
            let version = base.version();
            let change = Change::bind(values, version.schema())?;
            let gone = matching.places(base, progress)?;
            rows = gone.iter().map(|(_, places)| places.len()).sum();
            if rows == 0 {
                return Ok(None);
            }
            let mut next = without(version, &gone, new_files)?;
            let files = gone.iter().map(|(segment, places)| {
                (version.manifest().segments[*segment].file.path.clone(), places.clone())
            });
            let key = (version.manifest().generation, files.collect::<Vec<_>>());
            rewritten.append(&mut next, version.folder(), key, new_files, |write| {
                for (segment, places) in &gone {
                    change.rows(version, *segment, places, progress, write)?;
                }
                Ok(())
            })?;
            Ok(Some(next))
        })?;
        // The changes are there, whatever becomes of this.
        let _ = self.join_small();
        Ok(Updated { rows, version: committed.version })
    }
}

/// New values, bound to a table's columns.
struct Change {
    schema: SchemaRef,
    values: Vec<(usize, BoundValue)>,
}

enum BoundValue {
    Sql(Expression),
    Value(ArrayRef),
}

impl Change {
    fn bind(values: &[(String, NewValue)], schema: &SchemaRef) -> Result<Self> {
        let mut bound: Vec<(usize, BoundValue)> = Vec::new();
        for (name, value) in values {
            let name = column_name(schema, name);
            let known = schema.fields().iter().map(|field| field.name().as_str());
            let index = schema.index_of(&name).map_err(|_| Error::column_not_found(&name, known))?;
            if bound.iter().any(|(other, _)| *other == index) {
                return Err(Error::invalid("values", format!("'{name}' twice"), "each column is set once"));
            }
            let value = match value {
                NewValue::Sql(sql) => BoundValue::Sql(Expression::parse(sql, schema)?),
                NewValue::Value(value) => BoundValue::Value(value.clone()),
            };
            bound.push((index, value));
        }
        Ok(Self { schema: schema.clone(), values: bound })
    }

    /// Hands the rows at some places of a segment to `write`, changed.
    fn rows(
        &self,
        version: &Version,
        segment: usize,
        places: &RoaringBitmap,
        progress: &Progress,
        write: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        for batch in version.batches().filter(|batch| batch.segment == segment) {
            progress.check()?;
            let start = batch.start as u32;
            let range = start..start + batch.rows as u32;
            if places.range_cardinality(range) == 0 {
                continue;
            }
            let mask = BooleanBuffer::collect_bool(batch.rows, |row| places.contains(start + row as u32));
            let rows = filter_record_batch(&version.batch(&batch)?, &mask.into()).map_err(Error::internal)?;
            write(&self.apply(&rows)?)?;
        }
        Ok(())
    }

    fn apply(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        let mut fields: Vec<Arc<Field>> = self.schema.fields().iter().cloned().collect();
        for (index, value) in &self.values {
            columns[*index] = match value {
                BoundValue::Sql(expression) => expression.evaluate(rows)?,
                BoundValue::Value(value) => {
                    let first = UInt32Array::from(vec![0; rows.num_rows()]);
                    take(value, &first, None).map_err(Error::internal)?
                }
            };
            let given = columns[*index].data_type().clone();
            fields[*index] = Arc::new(Field::new(fields[*index].name(), given, true));
        }
        let changed =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(Error::internal)?;
        conform(&changed, &self.schema, 0)
    }
}
