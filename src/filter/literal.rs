//! Literals, kept exact until the type they are compared with is known.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, PrimitiveArray, UInt64Array};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::{string_to_datetime, string_to_time_nanoseconds};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, TimeUnit};
use chrono::Utc;

/// A number as written: exactly, where 38 digits are enough, and as the nearest f64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    /// `(digits, scale)`: the value is digits / 10^scale.
    exact: Option<(i128, i32)>,
    float: f64,
    /// Whether it was written without a point and exponent: `2.0` is whole but not written so.
    written_whole: bool,
}

/// Where a number lies on a grid of whole units: `floor <= number < floor + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub floor: i128,
    /// Whether the number is `floor` itself.
    pub exact: bool,
}

impl Number {
    /// Reads `12`, `1.5`, `.5`, `1e-3`.
    pub fn parse(text: &str) -> Option<Self> {
        let float = text.parse::<f64>().ok()?;
        Some(Self { exact: parse_exact(text), float, written_whole: !text.contains(['.', 'e', 'E']) })
    }

    pub fn from_integer(value: i128) -> Self {
        Self { exact: Some((value, 0)), float: value as f64, written_whole: true }
    }

    pub fn from_float(value: f64) -> Self {
        Self { exact: None, float: value, written_whole: false }
    }

    /// The number in a constant of any number type; none for nulls and other types.
    pub fn from_array(value: &dyn Array) -> Option<Self> {
        if value.is_null(0) {
            return None;
        }
        match value.data_type() {
            DataType::Decimal128(_, scale) => {
                let digits = value.as_primitive::<Decimal128Type>().value(0);
                let scale = i32::from(*scale);
                let float = digits as f64 / 10f64.powi(scale);
                Some(Self { exact: Some((digits, scale)), float, written_whole: false })
            }
            integer if integer.is_integer() => {
                let wide = cast(value, &DataType::Decimal128(38, 0)).ok()?;
                Some(Self::from_integer(wide.as_primitive::<Decimal128Type>().value(0)))
            }
            float if float.is_floating() => {
                let wide = cast(value, &DataType::Float64).ok()?;
                Some(Self::from_float(wide.as_primitive::<Float64Type>().value(0)))
            }
            _ => None,
        }
    }

    pub fn negated(self) -> Self {
        let exact = self.exact.and_then(|(digits, scale)| Some((digits.checked_neg()?, scale)));
        Self { exact, float: -self.float, ..self }
    }

    pub fn as_f64(self) -> f64 {
        self.float
    }

    /// The digits after the point, where the number is known exactly.
    pub fn scale(self) -> Option<i32> {
        self.exact.map(|(_, scale)| scale.max(0))
    }

    /// Whether it counts as an integer in arithmetic: `x / 2` is not `x / 2.0`.
    pub fn is_written_whole(self) -> bool {
        self.written_whole
    }

    /// The number as a whole i64, if it is one.
    pub fn as_i64(self) -> Option<i64> {
        let bound = self.bound(0);
        if bound.exact { i64::try_from(bound.floor).ok() } else { None }
    }

    /// The number on a grid of 10^-scale. Beyond 38 digits the grid ends and the floor is its edge.
    pub fn bound(self, scale: i32) -> Bound {
        let Some((digits, own)) = self.exact else {
            return bound_of_float(self.float * 10f64.powi(scale));
        };
        let shift = scale - own;
        let power = 10i128.checked_pow(shift.unsigned_abs());
        if shift >= 0 {
            return match power.and_then(|power| digits.checked_mul(power)) {
                Some(floor) => Bound { floor, exact: true },
                None if digits == 0 => Bound { floor: 0, exact: true },
                None => Bound { floor: if digits > 0 { i128::MAX } else { i128::MIN }, exact: false },
            };
        }
        match power {
            Some(power) => Bound { floor: digits.div_euclid(power), exact: digits.rem_euclid(power) == 0 },
            None => Bound { floor: if digits < 0 { -1 } else { 0 }, exact: digits == 0 },
        }
    }

    /// The type a number has where nothing else decides: Int64, UInt64, Decimal128, else Float64.
    pub fn natural(self) -> ArrayRef {
        let whole = (self.written_whole && self.exact.is_some()).then(|| self.bound(0).floor);
        match whole {
            Some(whole) => {
                if let Ok(value) = i64::try_from(whole) {
                    Arc::new(Int64Array::from(vec![value]))
                } else if let Ok(value) = u64::try_from(whole) {
                    Arc::new(UInt64Array::from(vec![value]))
                } else {
                    Arc::new(Float64Array::from(vec![self.float]))
                }
            }
            None => Arc::new(Float64Array::from(vec![self.float])),
        }
    }
}

fn parse_exact(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}").parse::<i128>().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if scale >= 0 || digits == 0 {
        return Some((digits, scale.max(0)));
    }
    Some((digits.checked_mul(10i128.checked_pow(scale.unsigned_abs())?)?, 0))
}

fn bound_of_float(value: f64) -> Bound {
    // A cast from float saturates, which is what the grid's edge means.
    let floor = value.floor();
    Bound { floor: floor as i128, exact: floor == value && floor.abs() < 1.7e38 }
}

/// The grid a column of whole units lies on, and the first and last value its type can hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub unit_nanos: i128,
    pub min: i128,
    pub max: i128,
}

const DAY_NANOS: i128 = 86_400_000_000_000;

/// The grid of a date, timestamp, time or duration.
pub(super) fn temporal_grid(data_type: &DataType) -> Option<Grid> {
    let (unit_nanos, bits) = match data_type {
        DataType::Date32 => (DAY_NANOS, 32),
        DataType::Date64 => (1_000_000, 64),
        DataType::Time32(unit) => (unit_nanos(unit), 32),
        DataType::Timestamp(unit, _) | DataType::Time64(unit) | DataType::Duration(unit) => {
            (unit_nanos(unit), 64)
        }
        _ => return None,
    };
    Some(match bits {
        32 => Grid { unit_nanos, min: i32::MIN.into(), max: i32::MAX.into() },
        _ => Grid { unit_nanos, min: i64::MIN.into(), max: i64::MAX.into() },
    })
}

pub(super) fn unit_nanos(unit: &TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Where `nanos` lies among whole units.
pub(super) fn bound_of_nanos(nanos: i128, grid: Grid) -> Bound {
    Bound { floor: nanos.div_euclid(grid.unit_nanos), exact: nanos.rem_euclid(grid.unit_nanos) == 0 }
}

/// Nanoseconds since 1970 in UTC (or since midnight for times) of text meant for a `data_type` column.
pub(super) fn parse_temporal(text: &str, data_type: &DataType) -> Option<i128> {
    let text = text.trim();
    if matches!(data_type, DataType::Time32(_) | DataType::Time64(_)) {
        return string_to_time_nanoseconds(text).ok().map(i128::from);
    }
    let instant = string_to_datetime(&Utc, text).ok()?;
    Some(i128::from(instant.timestamp()) * 1_000_000_000 + i128::from(instant.timestamp_subsec_nanos()))
}

/// An array of one row of `data_type` that holds `value` in its own units, if `value` fits.
pub(super) fn integer_constant(value: i128, data_type: &DataType) -> Option<ArrayRef> {
    use arrow::datatypes::*;
    Some(match data_type {
        DataType::Int8 => one::<Int8Type>(value.try_into().ok()?, data_type),
        DataType::Int16 => one::<Int16Type>(value.try_into().ok()?, data_type),
        DataType::Int32 => one::<Int32Type>(value.try_into().ok()?, data_type),
        DataType::Int64 => one::<Int64Type>(value.try_into().ok()?, data_type),
        DataType::UInt8 => one::<UInt8Type>(value.try_into().ok()?, data_type),
        DataType::UInt16 => one::<UInt16Type>(value.try_into().ok()?, data_type),
        DataType::UInt32 => one::<UInt32Type>(value.try_into().ok()?, data_type),
        DataType::UInt64 => one::<UInt64Type>(value.try_into().ok()?, data_type),
        DataType::Date32 => one::<Date32Type>(value.try_into().ok()?, data_type),
        DataType::Date64 => one::<Date64Type>(value.try_into().ok()?, data_type),
        DataType::Time32(TimeUnit::Second) => one::<Time32SecondType>(value.try_into().ok()?, data_type),
        DataType::Time32(_) => one::<Time32MillisecondType>(value.try_into().ok()?, data_type),
        DataType::Time64(TimeUnit::Nanosecond) => {
            one::<Time64NanosecondType>(value.try_into().ok()?, data_type)
        }
        DataType::Time64(_) => one::<Time64MicrosecondType>(value.try_into().ok()?, data_type),
        DataType::Timestamp(unit, _) => {
            let value = value.try_into().ok()?;
            match unit {
                TimeUnit::Second => one::<TimestampSecondType>(value, data_type),
                TimeUnit::Millisecond => one::<TimestampMillisecondType>(value, data_type),
                TimeUnit::Microsecond => one::<TimestampMicrosecondType>(value, data_type),
                TimeUnit::Nanosecond => one::<TimestampNanosecondType>(value, data_type),
            }
        }
        DataType::Duration(unit) => {
            let value = value.try_into().ok()?;
            match unit {
                TimeUnit::Second => one::<DurationSecondType>(value, data_type),
                TimeUnit::Millisecond => one::<DurationMillisecondType>(value, data_type),
                TimeUnit::Microsecond => one::<DurationMicrosecondType>(value, data_type),
                TimeUnit::Nanosecond => one::<DurationNanosecondType>(value, data_type),
            }
        }
        DataType::Decimal128(..) => one::<Decimal128Type>(value, data_type),
        DataType::Decimal256(..) => one::<Decimal256Type>(i256::from_i128(value), data_type),
        _ => return None,
    })
}

fn one<T: ArrowPrimitiveType>(value: T::Native, data_type: &DataType) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values([value]).with_data_type(data_type.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str, scale: i32) -> (i128, bool) {
        let bound = Number::parse(text).unwrap().bound(scale);
        (bound.floor, bound.exact)
    }

    #[test]
    fn a_number_knows_its_place_among_whole_ones() {
        assert_eq!(bound("10.0", 0), (10, true));
        assert_eq!(bound("1.5", 0), (1, false));
        assert_eq!(bound("9007199254740993", 0), (9_007_199_254_740_993, true));
        assert_eq!(bound("1.25e2", 0), (125, true));
        assert_eq!(bound("1e-300", 0), (0, false));
        assert_eq!(bound("1e300", 0), (i128::MAX, false));
        assert_eq!(Number::parse("1.5").unwrap().negated().bound(0), Bound { floor: -2, exact: false });
        assert_eq!(bound("12.345", 2), (1234, false));
    }

    #[test]
    fn an_instant_is_floored_to_its_column() {
        let nanos = parse_temporal("1969-12-31 12:00:00", &DataType::Date32).unwrap();
        let grid = temporal_grid(&DataType::Date32).unwrap();

        assert_eq!(bound_of_nanos(nanos, grid), Bound { floor: -1, exact: false });
    }
}
