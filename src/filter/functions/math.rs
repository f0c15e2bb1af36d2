//! Functions of numbers. Whole numbers stay whole and exact: they never pass through a float.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};

use super::super::evaluate::evaluate_arithmetic;
use super::super::node::Arithmetic;
use super::arguments::Arguments;
use crate::error::{Error, Result};

pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

pub(super) fn abs(arguments: &Arguments) -> Result<ArrayRef> {
    let array = arguments.array(0)?;
    Ok(match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>();
            let absolute = values.try_unary::<_, Int64Type, _>(|x| x.checked_abs().ok_or(()));
            Arc::new(absolute.map_err(|()| arguments.fail("the smallest Int64 has no positive counterpart"))?)
        }
        DataType::Decimal128(precision, scale) => {
            let absolute =
                array.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(i128::wrapping_abs);
            Arc::new(absolute.with_precision_and_scale(*precision, *scale).map_err(Error::internal)?)
        }
        DataType::Float64 => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs)),
        other => return Err(arguments.fail(format!("abs does not apply to {other}"))),
    })
}

pub(super) fn ceil(arguments: &Arguments) -> Result<ArrayRef> {
    rounded(arguments, |x, unit| x.div_euclid(unit) + i128::from(x.rem_euclid(unit) != 0), f64::ceil)
}

pub(super) fn floor(arguments: &Arguments) -> Result<ArrayRef> {
    rounded(arguments, i128::div_euclid, f64::floor)
}

pub(super) fn round(arguments: &Arguments) -> Result<ArrayRef> {
    let whole = |x: i128, unit: i128| {
        let away = if x < 0 { -1 } else { 1 };
        x / unit
            + if (x % unit).unsigned_abs() >= unit.unsigned_abs().div_ceil(2) && unit > 1 { away } else { 0 }
    };
    rounded(arguments, whole, f64::round)
}

pub(super) fn trunc(arguments: &Arguments) -> Result<ArrayRef> {
    rounded(arguments, |x, unit| x / unit, f64::trunc)
}

/// Brings each number to so many digits after the point. `whole` divides an integer by a power of ten in
/// the wanted direction.
fn rounded(arguments: &Arguments, whole: fn(i128, i128) -> i128, float: fn(f64) -> f64) -> Result<ArrayRef> {
    let array = arguments.array(0)?;
    let digits = arguments.integer(1);
    let digits = |row: usize| if digits.is_given() { digits.get(row) } else { Some(0) };
    let to_unit = |x: i128, scale: i64, digits: i64| -> Option<i128> {
        let dropped = scale.saturating_sub(digits);
        if dropped <= 0 {
            return Some(x);
        }
        let unit = u32::try_from(dropped).ok().and_then(|dropped| 10i128.checked_pow(dropped));
        unit.map_or(Some(0), |unit| whole(x, unit).checked_mul(unit))
    };
    Ok(match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>();
            return arguments.build_integers(|row| {
                let x = values.is_valid(row).then(|| i128::from(values.value(row)))?;
                i64::try_from(to_unit(x, 0, digits(row)?)?).ok()
            });
        }
        DataType::Decimal128(precision, scale) => {
            let values = array.as_primitive::<Decimal128Type>();
            let result: Decimal128Array = (0..arguments.rows())
                .map(|row| {
                    let x = values.is_valid(row).then(|| values.value(row))?;
                    to_unit(x, i64::from(*scale), digits(row)?)
                })
                .collect();
            Arc::new(result.with_precision_and_scale(*precision, *scale).map_err(Error::internal)?)
        }
        DataType::Float64 => {
            let x = arguments.float(0);
            return arguments.build_floats(|row| Some(float_to_digits(x.get(row)?, digits(row)?, float)));
        }
        other => return Err(arguments.fail(format!("rounding does not apply to {other}"))),
    })
}

fn float_to_digits(x: f64, digits: i64, round: fn(f64) -> f64) -> f64 {
    if digits == 0 {
        return round(x);
    }
    let power = 10f64.powi(i32::try_from(digits.clamp(-400, 400)).unwrap_or(0));
    let scaled = x * power;
    match (scaled.is_finite(), power == 0.0) {
        (_, true) => 0.0,
        (true, _) => round(scaled) / power,
        // So many digits that there is nothing to round.
        (false, _) => x,
    }
}

pub(super) fn modulo(arguments: &Arguments) -> Result<ArrayRef> {
    let (x, y) = (arguments.value(0), arguments.value(1));
    evaluate_arithmetic(Arithmetic::Remainder, x, y, arguments.data_type, "mod")?.into_array(arguments.rows())
}

pub(super) fn power(arguments: &Arguments) -> Result<ArrayRef> {
    let (x, y) = (arguments.float(0), arguments.float(1));
    arguments.build_floats(|row| Some(x.get(row)?.powf(y.get(row)?)))
}

pub(super) fn atan2(arguments: &Arguments) -> Result<ArrayRef> {
    let (y, x) = (arguments.float(0), arguments.float(1));
    arguments.build_floats(|row| Some(y.get(row)?.atan2(x.get(row)?)))
}

pub(super) fn pi(arguments: &Arguments) -> Result<ArrayRef> {
    Ok(Arc::new(Float64Array::from(vec![std::f64::consts::PI; arguments.rows()])))
}

pub(super) fn is_nan(arguments: &Arguments) -> Result<ArrayRef> {
    let x = arguments.float(0);
    arguments.build_booleans(|row| Some(x.get(row)?.is_nan()))
}
