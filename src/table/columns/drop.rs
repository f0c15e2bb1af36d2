//! Dropping columns.

use super::{indexed_position, position, with_schema};
use crate::error::{Error, Result};
use crate::storage::{Manifest, NewFiles};
use crate::table::Table;

impl Table {
    /// Takes columns out of the table, with their indexes, and publishes a version without them. No row is read or
    /// written: their bytes leave the disk when the table is compacted.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`], [`Error::InvalidArgument`] if no column would go or none be left.
    pub fn drop_columns(&self, columns: &[String]) -> Result<u64> {
        if columns.is_empty() {
            return Err(Error::invalid(
                "the columns to drop",
                "an empty list",
                "at least one column is dropped",
            ));
        }
        let committed = self.commit_change(NewFiles::default(), |base, _| {
            without(base.version().manifest(), columns).map(Some)
        })?;
        Ok(committed.version)
    }
}

fn without(manifest: &Manifest, columns: &[String]) -> Result<Manifest> {
    let schema = &manifest.schema;
    let dropped = columns.iter().map(|name| position(schema, name)).collect::<Result<Vec<_>>>()?;
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(index, _)| !dropped.contains(index))
        .map(|(_, field)| field.clone())
        .collect();
    if fields.is_empty() {
        let expected = "a table keeps at least one column; drop the table with dropTable";
        return Err(Error::invalid("the columns to drop", "all there are", expected));
    }
    let mut next = with_schema(manifest.clone(), fields)?;
    for entry in &mut next.segments {
        let places = entry.places(schema.fields().len());
        let (gone, kept): (Vec<_>, Vec<_>) =
            places.into_iter().enumerate().partition(|(index, _)| dropped.contains(index));
        entry.columns = Some(kept.into_iter().map(|(_, place)| place).collect());
        entry.forget(gone.into_iter().filter_map(|(_, place)| place));
    }
    next.indexes.retain(|index| indexed_position(schema, index).is_none_or(|at| !dropped.contains(&at)));
    Ok(next)
}
