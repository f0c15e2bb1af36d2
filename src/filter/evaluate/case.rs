//! CASE: each result is evaluated where its condition is the first to hold.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::DataType;

use super::super::node::Node;
use super::{evaluate as evaluate_node, evaluate_where};
use crate::error::{Error, Result};

/// The first branch whose condition is true, else `otherwise`, else null; for every row of `batch`.
pub(super) fn evaluate(
    branches: &[(Node, Node)],
    otherwise: Option<&Node>,
    data_type: &DataType,
    batch: &RecordBatch,
) -> Result<ArrayRef> {
    let rows = batch.num_rows();
    let mut open = BooleanBuffer::new_set(rows);
    let mut result = new_null_array(data_type, rows);
    for (condition, value) in branches {
        let holds = evaluate_on(condition, batch, &open)?;
        let chosen = &open & &is_true(holds.as_boolean());
        result = choose(&chosen, value, result, batch)?;
        open = &open & &!&chosen;
    }
    match otherwise {
        Some(value) => choose(&open, value, result, batch),
        None => Ok(result),
    }
}

fn choose(mask: &BooleanBuffer, value: &Node, others: ArrayRef, batch: &RecordBatch) -> Result<ArrayRef> {
    if mask.count_set_bits() == 0 {
        return Ok(others);
    }
    let values = evaluate_on(value, batch, mask)?;
    zip(&BooleanArray::new(mask.clone(), None), &values, &others).map_err(Error::internal)
}

fn evaluate_on(node: &Node, batch: &RecordBatch, mask: &BooleanBuffer) -> Result<ArrayRef> {
    if node.can_fail() && mask.count_set_bits() < batch.num_rows() {
        return evaluate_where(node, batch, mask);
    }
    evaluate_node(node, batch)?.into_array(batch.num_rows())
}

fn is_true(condition: &BooleanArray) -> BooleanBuffer {
    match condition.nulls() {
        Some(nulls) => condition.values() & nulls.inner(),
        None => condition.values().clone(),
    }
}
