//! Functions that choose among their arguments. All arguments have one type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_null, nullif as null_where};

use super::super::evaluate::{Value, compare};
use super::super::node::Comparison;
use super::arguments::Arguments;
use crate::error::{Error, Result};

pub(super) fn coalesce(arguments: &Arguments) -> Result<ArrayRef> {
    let mut result = arguments.array(0)?;
    for position in 1..arguments.len() {
        if result.logical_null_count() == 0 {
            break;
        }
        let missing = is_null(&result).map_err(Error::internal)?;
        result = zip(&missing, arguments.value(position), &result).map_err(Error::internal)?;
    }
    Ok(result)
}

pub(super) fn nullif(arguments: &Arguments) -> Result<ArrayRef> {
    let (a, b) = (Value::Array(arguments.array(0)?), Value::Array(arguments.array(1)?));
    let equal = compare(Comparison::Equal, &a, &b)?;
    null_where(a.array(), equal.array().as_boolean()).map_err(Error::internal)
}

pub(super) fn greatest(arguments: &Arguments) -> Result<ArrayRef> {
    extreme(arguments, Comparison::Greater)
}

pub(super) fn least(arguments: &Arguments) -> Result<ArrayRef> {
    extreme(arguments, Comparison::Less)
}

fn extreme(arguments: &Arguments, wins: Comparison) -> Result<ArrayRef> {
    let mut result = arguments.array(0)?;
    for position in 1..arguments.len() {
        let next = arguments.array(position)?;
        let better = compare(wins, &Value::Array(next.clone()), &Value::Array(result.clone()))?;
        let better = better.array().as_boolean();
        // Where only one side has a value, it wins.
        let (next_missing, result_missing) =
            (is_null(&next).map_err(Error::internal)?, is_null(&result).map_err(Error::internal)?);
        let take: BooleanArray = (0..next.len())
            .map(|row| {
                let is_better = better.is_valid(row) && better.value(row);
                Some(is_better || (result_missing.value(row) && !next_missing.value(row)))
            })
            .collect();
        result = zip(&take, &next, &result).map_err(Error::internal)?;
    }
    Ok(Arc::clone(&result))
}
