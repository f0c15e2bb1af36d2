//! Makes batches of any fitting shape into batches of a table's schema, or says which value of
//! which row does not fit and why.
//!
//! Columns are found by name, in any order. A column that already has the right type is not
//! copied. Others are cast only where every value either keeps its meaning or is reported.

mod lists;
mod scalars;
mod vectors;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StructArray, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};

use crate::error::{Error, Result, nearest};

/// The rows of `batch` in the columns of `schema`. `first_row` is the number of its first row, for
/// errors.
///
/// # Errors
/// [`Error::SchemaMismatch`] for columns, [`Error::InvalidData`] for values.
pub(super) fn conform(batch: &RecordBatch, schema: &SchemaRef, first_row: u64) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let given = batch.schema();
    let columns = children(given.fields(), batch.columns(), schema.fields(), rows, None);
    let columns = columns.map_err(|misfit| misfit.into_error(first_row))?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(Error::internal)
}

/// A value or a type that does not fit, on its way from the innermost array to the column.
#[derive(Debug)]
struct Misfit {
    /// Names of columns and nested fields, the innermost first.
    path: Vec<String>,
    /// Which value; `None` if the type as a whole does not fit.
    index: Option<usize>,
    reason: String,
}

impl Misfit {
    fn value(index: usize, reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), index: Some(index), reason: reason.into() }
    }

    fn types(from: &DataType, to: &DataType) -> Self {
        Self::shape(format!("the column stores {to}, but the data has {from}"))
    }

    fn shape(reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), index: None, reason: reason.into() }
    }

    fn within(mut self, field: &str) -> Self {
        self.path.push(field.to_owned());
        self
    }

    /// Turns the index of a child's value into that of the parent's value that has it.
    fn of_parent(self, parent: impl Fn(usize) -> usize) -> Self {
        Self { index: self.index.map(parent), ..self }
    }

    fn into_error(mut self, first_row: u64) -> Error {
        self.path.reverse();
        let column = self.path.join(".");
        match self.index {
            Some(index) => Error::InvalidData { row: first_row + index as u64, column, reason: self.reason },
            None if column.is_empty() => Error::SchemaMismatch { reason: self.reason },
            None => Error::SchemaMismatch { reason: format!("column '{column}': {}", self.reason) },
        }
    }
}

/// The columns of a batch, or the children of a struct, in the order of `fields`.
///
/// `parent` says which of the `rows` exist at all.
fn children(
    given: &Fields,
    arrays: &[ArrayRef],
    fields: &Fields,
    rows: usize,
    parent: Option<&NullBuffer>,
) -> Result<Vec<ArrayRef>, Misfit> {
    check_names(given, fields)?;
    let child = |field: &Arc<Field>| match given.iter().position(|other| other.name() == field.name()) {
        Some(index) => column(&arrays[index], field, parent),
        None if field.is_nullable() => Ok(new_null_array(field.data_type(), rows)),
        None => Err(Misfit::shape("it is missing in the data, and it does not allow nulls")),
    };
    fields.iter().map(|field| child(field).map_err(|misfit| misfit.within(field.name()))).collect()
}

/// Every given name must be a known one, once.
fn check_names(given: &Fields, fields: &Fields) -> Result<(), Misfit> {
    for (index, field) in given.iter().enumerate() {
        let name = field.name();
        if given[..index].iter().any(|earlier| earlier.name() == name) {
            return Err(Misfit::shape("it is there twice in the data").within(name));
        }
        if !fields.iter().any(|known| known.name() == name) {
            let known: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            let hint = nearest(name, known.iter().copied());
            let hint = hint.map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default();
            let reason = format!("it is not in the table{hint}; the columns are {}", known.join(", "));
            return Err(Misfit::shape(reason).within(name));
        }
    }
    Ok(())
}

/// One array in the type of `field`, with its nulls and vectors checked.
fn column(array: &ArrayRef, field: &Field, parent: Option<&NullBuffer>) -> Result<ArrayRef, Misfit> {
    let converted = convert(array, field.data_type())?;
    if !field.is_nullable() {
        check_no_nulls(&converted, parent)?;
    }
    vectors::check(&converted)?;
    Ok(converted)
}

/// An error unless all nulls are in rows that the parent does not have either.
fn check_no_nulls(array: &ArrayRef, parent: Option<&NullBuffer>) -> Result<(), Misfit> {
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(()) };
    let missing = |&row: &usize| nulls.is_null(row) && parent.is_none_or(|parent| parent.is_valid(row));
    match (0..array.len()).find(missing) {
        Some(row) => Err(Misfit::value(row, "it is null, but the column does not allow nulls")),
        None => Ok(()),
    }
}

/// The values of `array` as the type `to`.
fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    use DataType::*;
    let from = array.data_type();
    match (from, to) {
        (Struct(_), Struct(fields)) => structs(array.as_struct(), fields),
        _ if from == to => Ok(array.clone()),
        (Null, _) => Ok(new_null_array(to, array.len())),
        (RunEndEncoded(_, values), _) => convert(&plain(array, values.data_type())?, to),
        (Dictionary(_, values), _) if !matches!(to, Dictionary(..)) => convert(&plain(array, values)?, to),
        (_, Dictionary(_, values)) => dictionary(array, values, to),
        (_, FixedSizeList(child, size)) => lists::to_fixed_size(array, child, *size),
        (_, List(child)) => lists::to_list::<i32>(array, child),
        (_, LargeList(child)) => lists::to_list::<i64>(array, child),
        (Map(..), Map(..)) => lists::maps(array, to),
        _ => scalars::convert(array, to),
    }
}

fn structs(array: &StructArray, fields: &Fields) -> Result<ArrayRef, Misfit> {
    let arrays = children(array.fields(), array.columns(), fields, array.len(), array.nulls())?;
    let built = StructArray::try_new_with_length(fields.clone(), arrays, array.nulls().cloned(), array.len());
    built.map(|built| Arc::new(built) as ArrayRef).map_err(|error| Misfit::shape(error.to_string()))
}

fn dictionary(array: &ArrayRef, values: &DataType, to: &DataType) -> Result<ArrayRef, Misfit> {
    let values = match array.data_type() {
        DataType::Dictionary(_, given) => convert(&plain(array, given)?, values)?,
        _ => convert(array, values)?,
    };
    // Fails only if there are more values than keys, in which case safe casting makes nulls.
    let encoded = plain(&values, to)?;
    match (0..values.len()).find(|&row| values.is_valid(row) && encoded.is_null(row)) {
        Some(row) => Err(Misfit::value(row, format!("there are more different values than {to} can count"))),
        None => Ok(encoded),
    }
}

/// A cast between types that stand for the same values.
fn plain(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    cast(array, to).map_err(|_| Misfit::types(array.data_type(), to))
}

#[cfg(test)]
mod tests;
