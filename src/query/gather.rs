//! Reading single rows, wherever they lie.

use std::collections::HashMap;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::interleave_record_batch;

use crate::error::{Error, Result};
use crate::storage::{BatchRef, Version};

/// Reads the rows `row_ids`, in that order, and of them only the columns `projection`.
///
/// Every id must exist in `version`.
pub(crate) fn gather(version: &Version, row_ids: &[u64], projection: &[usize]) -> Result<RecordBatch> {
    let schema = version.schema().project(projection).map_err(Error::internal)?;
    if projection.is_empty() || row_ids.is_empty() {
        return no_columns_or_rows(schema, row_ids.len());
    }
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut places: HashMap<(usize, usize), usize> = HashMap::new();
    let mut indices = Vec::with_capacity(row_ids.len());
    for &row_id in row_ids {
        let (batch, row) = version.locate(row_id)?.ok_or_else(|| unknown_row(version, row_id))?;
        let place = match places.get(&(batch.segment, batch.batch)) {
            Some(&place) => place,
            None => {
                batches.push(version.column_batch(&batch, projection)?);
                places.insert((batch.segment, batch.batch), batches.len() - 1);
                batches.len() - 1
            }
        };
        indices.push((place, row));
    }
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    interleave_record_batch(&batches, &indices).map_err(Error::internal)
}

/// Scans and exact searches find only rows that there are, so an index must have made this one up.
fn unknown_row(version: &Version, row_id: u64) -> Error {
    let reason = format!("it names row {row_id}, which is not in the table; build the index again");
    Error::corrupted(&version.folder().join("indexes"), reason)
}

/// The rows of a whole batch, of them only the columns `projection`.
pub(crate) fn read_batch(version: &Version, batch: &BatchRef, projection: &[usize]) -> Result<RecordBatch> {
    if projection.is_empty() {
        let schema = version.schema().project(projection).map_err(Error::internal)?;
        return no_columns_or_rows(schema, batch.rows);
    }
    version.column_batch(batch, projection)
}

fn no_columns_or_rows(schema: arrow::datatypes::Schema, rows: usize) -> Result<RecordBatch> {
    if rows == 0 {
        return Ok(RecordBatch::new_empty(schema.into()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.into(), Vec::new(), &options).map_err(Error::internal)
}
