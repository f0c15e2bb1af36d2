//! Runs `+ - * / %` and unary minus with arrow's checked kernels.
//!
//! Division by zero is null, as in SQLite and MySQL; a result too large for its type is an error.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Datum, Decimal128Array, Scalar};
use arrow::buffer::NullBuffer;
use arrow::compute::kernels::{cmp, numeric};
use arrow::compute::{binary, cast, nullif};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type};
use arrow::error::ArrowError;

use super::super::literal::integer_constant;
use super::super::node::Arithmetic;
use super::Value;
use crate::error::{Error, Result};

/// One of arrow's kernels.
pub(in super::super) type Kernel = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

pub(in super::super) fn kernel(operator: Arithmetic) -> Kernel {
    match operator {
        Arithmetic::Add => numeric::add,
        Arithmetic::Subtract => numeric::sub,
        Arithmetic::Multiply => numeric::mul,
        Arithmetic::Divide => numeric::div,
        Arithmetic::Remainder => numeric::rem,
    }
}

/// Computes what [`bind`] bound.
pub(in super::super) fn evaluate(
    operator: Arithmetic,
    left: &Value,
    right: &Value,
    data_type: &DataType,
    sql: &str,
) -> Result<Value> {
    let right = match operator {
        Arithmetic::Divide | Arithmetic::Remainder => &right.clone().map(null_for_zero)?,
        _ => right,
    };
    let result = match (left.array().data_type(), right.array().data_type()) {
        (DataType::Date32, DataType::Int64 | DataType::Date32) => days(operator, left, right, sql)?,
        (DataType::Decimal128(_, 0), DataType::Decimal128(_, 0)) => whole(operator, left, right, sql)?,
        _ => kernel(operator)(left, right).map_err(|error| too_large(error, data_type, sql))?,
    };
    Ok(Value::like(&[left, right], result))
}

/// `-value`.
pub(in super::super) fn negate(value: &ArrayRef, sql: &str) -> Result<ArrayRef> {
    numeric::neg(value).map_err(|error| too_large(error, value.data_type(), sql))
}

fn null_for_zero(divisor: &ArrayRef) -> Result<ArrayRef> {
    let is_zero = match divisor.data_type() {
        DataType::Float32 => {
            let values = divisor.as_primitive::<Float32Type>();
            BooleanArray::from_unary(values, |value| value == 0.0)
        }
        DataType::Float64 => {
            let values = divisor.as_primitive::<Float64Type>();
            BooleanArray::from_unary(values, |value| value == 0.0)
        }
        other => match integer_constant(0, other) {
            Some(zero) => cmp::eq(divisor, &Scalar::new(zero)).map_err(Error::internal)?,
            None => return Ok(divisor.clone()),
        },
    };
    nullif(divisor, &is_zero).map_err(Error::internal)
}

/// Days added to a date, or between two.
fn days(operator: Arithmetic, left: &Value, right: &Value, sql: &str) -> Result<ArrayRef> {
    let as_days = |value: &Value| {
        let stored =
            if value.array().data_type() == &DataType::Date32 { DataType::Int32 } else { DataType::Int64 };
        value.clone().map(|array| {
            let stored = cast(array, &stored).map_err(Error::internal)?;
            cast(&stored, &DataType::Int64).map_err(Error::internal)
        })
    };
    let result = kernel(operator)(&as_days(left)?, &as_days(right)?);
    let result = result.map_err(|error| too_large(error, &DataType::Date32, sql))?;
    if right.array().data_type() == &DataType::Date32 {
        return Ok(result);
    }
    let days = result.as_primitive::<Int64Type>();
    let dates = days.try_unary::<_, Date32Type, _>(|days| {
        i32::try_from(days).map_err(|_| ArrowError::ArithmeticOverflow(days.to_string()))
    });
    Ok(Arc::new(dates.map_err(|error| too_large(error, &DataType::Date32, sql))?))
}

/// Whole numbers beyond Int64, in 128 bits. arrow's decimal division would add digits.
fn whole(operator: Arithmetic, left: &Value, right: &Value, sql: &str) -> Result<ArrayRef> {
    let rows = if left.is_scalar() { right.array().len() } else { left.array().len() };
    let (left, right) = (left.clone().into_array(rows)?, right.clone().into_array(rows)?);
    let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let compute = match operator {
        Arithmetic::Add => i128::checked_add,
        Arithmetic::Subtract => i128::checked_sub,
        Arithmetic::Multiply => i128::checked_mul,
        Arithmetic::Divide => i128::checked_div,
        Arithmetic::Remainder => i128::checked_rem,
    };
    // Null rows hold anything, zero divisors too; a result that does not exist there does not matter.
    let overflow = std::cell::Cell::new(false);
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let result: Decimal128Array = binary(left, right, |a, b| {
        compute(a, b).filter(|result| result.unsigned_abs() < 10u128.pow(38)).unwrap_or(i128::MAX)
    })
    .map_err(Error::internal)?;
    for (row, value) in result.values().iter().enumerate() {
        if *value == i128::MAX && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            overflow.set(true);
        }
    }
    if overflow.get() {
        let error = ArrowError::ArithmeticOverflow(String::new());
        return Err(too_large(error, &DataType::Decimal128(38, 0), sql));
    }
    Ok(Arc::new(result.with_precision_and_scale(38, 0).map_err(Error::internal)?))
}

fn too_large(error: ArrowError, data_type: &DataType, sql: &str) -> Error {
    match error {
        ArrowError::ArithmeticOverflow(_) | ArrowError::ComputeError(_) => Error::TypeMismatch {
            sql: sql.to_owned(),
            reason: format!(
                "a row's result does not fit into {data_type}; CAST an operand to DOUBLE, or exclude such rows"
            ),
        },
        other => Error::internal(other),
    }
}
