//! The way from a schema's top-level fields, through structs, to a column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, Result};

/// The top-level field of a path, and the fields below it that lead to the column.
pub(in crate::index) fn resolve(schema: &Schema, column: &str) -> Result<(Arc<Field>, Vec<Arc<Field>>)> {
    let unknown =
        || Error::column_not_found(column, schema.fields().iter().map(|field| field.name().as_str()));
    // A name may itself hold dots: the longest top-level name that fits is meant.
    let root = schema.fields().iter().filter(|field| {
        column == field.name()
            || column.strip_prefix(field.name().as_str()).is_some_and(|rest| rest.starts_with('.'))
    });
    let root = root.max_by_key(|field| field.name().len()).ok_or_else(unknown)?;
    let mut path: Vec<Arc<Field>> = Vec::new();
    for name in column[root.name().len()..].split('.').skip(1) {
        let parent = path.last().unwrap_or(root);
        let DataType::Struct(fields) = parent.data_type() else { return Err(unknown()) };
        let (_, child) = fields
            .find(name)
            .ok_or_else(|| Error::column_not_found(name, fields.iter().map(|field| field.name().as_str())))?;
        path.push(child.clone());
    }
    Ok((root.clone(), path))
}

/// Follows a path through structs to the lists; with them, where a struct on the way is null.
pub(super) fn descend(
    array: &ArrayRef,
    path: &[Arc<Field>],
) -> Result<(FixedSizeListArray, Option<NullBuffer>)> {
    let (array, nulls) = follow(array, path)?;
    Ok((array.as_fixed_size_list_opt().ok_or_else(mismatch)?.clone(), nulls))
}

fn mismatch() -> Error {
    Error::internal("a record batch does not have the table's schema")
}

/// Follows a path through structs to a column; with it, where a struct on the way is null.
pub(in crate::index) fn follow(
    array: &ArrayRef,
    path: &[Arc<Field>],
) -> Result<(ArrayRef, Option<NullBuffer>)> {
    let mut array = array.clone();
    let mut nulls = None;
    for field in path {
        let parent = array.as_any().downcast_ref::<StructArray>().ok_or_else(mismatch)?;
        nulls = NullBuffer::union(nulls.as_ref(), parent.nulls());
        let child = parent.column_by_name(field.name()).ok_or_else(mismatch)?.clone();
        array = child;
    }
    Ok((array, nulls))
}
