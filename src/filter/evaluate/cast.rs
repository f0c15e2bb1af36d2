//! Casts: those that a user writes, which may fail, and those that bring operands to one type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;

use super::super::node::OnFailure;
use crate::error::{Error, Result};

/// `array` as `target`. What does not fit is an error that names it, or null.
pub(super) fn cast(
    array: &ArrayRef,
    target: &DataType,
    on_failure: OnFailure,
    sql: &str,
) -> Result<ArrayRef> {
    // Instants are stored in UTC whatever their zone. The zone's name is dropped, because kernels would
    // look it up in a table of zones that is not there.
    let array = &in_utc(array);
    let options =
        CastOptions { safe: on_failure == OnFailure::Null, format_options: FormatOptions::default() };
    cast_with_options(array, target, &options).map_err(|error| match on_failure {
        // A time near the end of its range has no place among finer units.
        OnFailure::Impossible if target.is_temporal() => Error::TypeMismatch {
            sql: format!("CAST({} AS {target})", array.data_type()),
            reason: format!(
                "{}; times of different units are compared in the finer one: CAST the other, or exclude such rows",
                reason(error)
            ),
        },
        OnFailure::Impossible => Error::internal(error),
        _ => Error::TypeMismatch {
            sql: sql.to_owned(),
            reason: format!("{}; TRY_CAST gives null for such rows instead", reason(error)),
        },
    })
}

fn in_utc(array: &ArrayRef) -> ArrayRef {
    let DataType::Timestamp(unit, Some(_)) = array.data_type() else { return array.clone() };
    match unit {
        TimeUnit::Second => {
            Arc::new(array.as_primitive::<TimestampSecondType>().clone().with_timezone_opt(None::<Arc<str>>))
        }
        TimeUnit::Millisecond => Arc::new(
            array.as_primitive::<TimestampMillisecondType>().clone().with_timezone_opt(None::<Arc<str>>),
        ),
        TimeUnit::Microsecond => Arc::new(
            array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<Arc<str>>),
        ),
        TimeUnit::Nanosecond => Arc::new(
            array.as_primitive::<TimestampNanosecondType>().clone().with_timezone_opt(None::<Arc<str>>),
        ),
    }
}

fn reason(error: ArrowError) -> String {
    match error {
        ArrowError::CastError(reason)
        | ArrowError::ComputeError(reason)
        | ArrowError::ParseError(reason)
        | ArrowError::InvalidArgumentError(reason) => reason,
        other => other.to_string(),
    }
}
