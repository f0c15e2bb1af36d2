//! Evaluates comparisons: arrow's kernels, and our own where floats are involved.
//!
//! arrow orders floats by their bits, which tells 0.0 from -0.0. In SQL they are equal; NaN equals
//! itself and is greater than every number, as in PostgreSQL.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type};

use super::super::node::{Comparison, Node};
use super::{Value, evaluate as evaluate_node, per_distinct_value};
use crate::error::{Error, Result};

/// `left operator right` for every row of `batch`.
pub(super) fn evaluate(
    operator: Comparison,
    left: &Node,
    right: &Node,
    batch: &RecordBatch,
) -> Result<Value> {
    let right_value = evaluate_node(right, batch)?;
    let null_for_null = !matches!(operator, Comparison::Distinct | Comparison::NotDistinct);
    if null_for_null && right_value.is_scalar() {
        return per_distinct_value(left, batch, |left| compare(operator, &left, &right_value));
    }
    compare(operator, &evaluate_node(left, batch)?, &right_value)
}

/// Compares two values of one type, or an Int64 or Decimal128 of scale 0 with a Float64.
pub(in super::super) fn compare(operator: Comparison, left: &Value, right: &Value) -> Result<Value> {
    use DataType::*;
    let result = match (left.array().data_type(), right.array().data_type()) {
        (Float32, Float32) => {
            floats(operator, left, right, |value| value.as_primitive::<Float32Type>().values())
        }
        (Float64, Float64) => {
            floats(operator, left, right, |value| value.as_primitive::<Float64Type>().values())
        }
        (Int64, Float64) => {
            let integers = left.array().as_primitive::<Int64Type>().values();
            integers_with_floats(operator, left, right, |row| i128::from(integers[row]))
        }
        (Decimal128(_, 0), Float64) => {
            let integers = left.array().as_primitive::<Decimal128Type>().values();
            integers_with_floats(operator, left, right, |row| integers[row])
        }
        _ => by_kernel(operator, left, right)?,
    };
    Ok(Value::like(&[left, right], Arc::new(result)))
}

fn by_kernel(operator: Comparison, left: &Value, right: &Value) -> Result<BooleanArray> {
    let kernel = match operator {
        Comparison::Equal => cmp::eq,
        Comparison::NotEqual => cmp::neq,
        Comparison::Less => cmp::lt,
        Comparison::LessOrEqual => cmp::lt_eq,
        Comparison::Greater => cmp::gt,
        Comparison::GreaterOrEqual => cmp::gt_eq,
        Comparison::Distinct => cmp::distinct,
        Comparison::NotDistinct => cmp::not_distinct,
    };
    kernel(left, right).map_err(Error::internal)
}

fn floats<'a, T: PartialOrd + Copy + 'static>(
    operator: Comparison,
    left: &'a Value,
    right: &'a Value,
    values: impl Fn(&'a ArrayRef) -> &'a [T],
) -> BooleanArray {
    let (l, r) = (values(left.array()), values(right.array()));
    // `x != x` is how a NaN shows itself.
    #[expect(clippy::eq_op, reason = "true for NaN alone")]
    let equal = |a: T, b: T| a == b || (a != a && b != b);
    #[expect(clippy::eq_op, reason = "true for NaN alone")]
    let less = |a: T, b: T| a < b || (b != b && a == a);
    let rows = rows(left, right);
    let bits = match operator {
        Comparison::Equal | Comparison::NotDistinct => pairs(rows, left, right, l, r, equal),
        Comparison::NotEqual | Comparison::Distinct => pairs(rows, left, right, l, r, |a, b| !equal(a, b)),
        Comparison::Less => pairs(rows, left, right, l, r, less),
        Comparison::GreaterOrEqual => pairs(rows, left, right, l, r, |a, b| !less(a, b)),
        Comparison::Greater => pairs(rows, left, right, l, r, |a, b| less(b, a)),
        Comparison::LessOrEqual => pairs(rows, left, right, l, r, |a, b| !less(b, a)),
    };
    with_nulls(operator, left, right, bits)
}

fn pairs<T: Copy>(
    rows: usize,
    left: &Value,
    right: &Value,
    l: &[T],
    r: &[T],
    holds: impl Fn(T, T) -> bool,
) -> BooleanBuffer {
    // One loop for each shape, so that the common one, a column with a literal, is vectorised.
    match (left.is_scalar(), right.is_scalar()) {
        (false, true) => {
            let right = r[0];
            BooleanBuffer::collect_bool(rows, |row| holds(l[row], right))
        }
        (true, false) => {
            let left = l[0];
            BooleanBuffer::collect_bool(rows, |row| holds(left, r[row]))
        }
        _ => BooleanBuffer::collect_bool(rows, |row| holds(l[row], r[row])),
    }
}

fn integers_with_floats(
    operator: Comparison,
    left: &Value,
    right: &Value,
    integer: impl Fn(usize) -> i128,
) -> BooleanArray {
    let floats = right.array().as_primitive::<Float64Type>().values();
    let (left_step, right_step) = (usize::from(!left.is_scalar()), usize::from(!right.is_scalar()));
    let bits = BooleanBuffer::collect_bool(rows(left, right), |row| {
        let ordering = order(integer(row * left_step), floats[row * right_step]);
        match operator {
            Comparison::Equal | Comparison::NotDistinct => ordering.is_eq(),
            Comparison::NotEqual | Comparison::Distinct => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    });
    with_nulls(operator, left, right, bits)
}

/// Where a whole number lies beside a float, exactly.
fn order(integer: i128, float: f64) -> Ordering {
    if float.is_nan() {
        return Ordering::Less;
    }
    // Saturates; integers of 64 bits are far from the edge.
    let whole = float.floor();
    integer.cmp(&(whole as i128)).then(if float > whole { Ordering::Less } else { Ordering::Equal })
}

fn rows(left: &Value, right: &Value) -> usize {
    if left.is_scalar() { right.array().len() } else { left.array().len() }
}

fn with_nulls(operator: Comparison, left: &Value, right: &Value, bits: BooleanBuffer) -> BooleanArray {
    let rows = bits.len();
    let (left, right) = (nulls_of(left, rows), nulls_of(right, rows));
    let distinct = match operator {
        Comparison::Distinct => true,
        Comparison::NotDistinct => false,
        _ => return BooleanArray::new(bits, NullBuffer::union(left.as_ref(), right.as_ref())),
    };
    let is_valid = |nulls: &Option<NullBuffer>, row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let bits = BooleanBuffer::collect_bool(rows, |row| match (is_valid(&left, row), is_valid(&right, row)) {
        (true, true) => bits.value(row),
        (false, false) => !distinct,
        _ => distinct,
    });
    BooleanArray::new(bits, None)
}

fn nulls_of(value: &Value, rows: usize) -> Option<NullBuffer> {
    match value {
        Value::Array(array) => array.logical_nulls(),
        Value::Scalar(array) => array.is_null(0).then(|| NullBuffer::new_null(rows)),
    }
}
