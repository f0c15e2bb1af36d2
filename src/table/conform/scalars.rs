//! Single values into other types, wherever they keep their meaning.
//!
//! Numbers may not lose digits, except that a float column stores the nearest float, as it always
//! does. Text becomes dates, times and decimals, but never plain numbers: "12" in a number column
//! is nearly always a mistake.

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::compute::kernels::cmp;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type, TimeUnit};
use arrow::util::display::array_value_to_string;

use crate::table::conform::Misfit;

/// The values of `array` as the scalar type `to`.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    use DataType::*;
    let from = array.data_type();
    match (from, to) {
        (Timestamp(..) | Date32 | Date64, Timestamp(unit, _)) => {
            let instants = exact(&without_timezone(array)?, &Timestamp(*unit, None))?;
            relabel(&instants, to)
        }
        (Timestamp(..), Date32 | Date64) => exact(&without_timezone(array)?, to),
        (Date32 | Date64, Date32 | Date64) => exact(array, to),
        (Time32(_) | Time64(_), Time32(_) | Time64(_)) | (Duration(_), Duration(_)) => exact(array, to),
        _ if is_text(from) && is_text(to) => every(array, to),
        _ if is_text(from) && finest(to).is_some() => {
            let parsed = finest(to).map_or(Utf8, |finest| finest);
            convert(&every(array, &parsed).map_err(|misfit| reworded(misfit, array, to))?, to)
        }
        _ if is_text(from) && to.is_decimal() => decimal_text(array, to),
        (_, FixedSizeBinary(size)) if is_binary(from) => fixed_size_binary(array, *size, to),
        _ if is_binary(from) && is_binary(to) => every(array, to),
        _ if from.is_integer() && to.is_integer() => every(array, to),
        _ if from.is_floating() && to.is_floating() => floats(array, to),
        _ if from.is_decimal() && to.is_floating() => every(array, to),
        _ if is_number(from) && is_number(to) => exact(array, to),
        _ => Err(Misfit::types(from, to)),
    }
}

/// A cast in which every value that is there must stay there.
fn every(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    // Safe casting makes nulls of what does not fit, which shows where it is.
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let converted =
        cast_with_options(array, to, &options).map_err(|_| Misfit::types(array.data_type(), to))?;
    if converted.null_count() == array.null_count() {
        return Ok(converted);
    }
    match (0..array.len()).find(|&row| array.is_valid(row) && converted.is_null(row)) {
        Some(row) => Err(unfit(array, row, to)),
        None => Ok(converted),
    }
}

/// A cast that can be undone: casting back gives the same values.
fn exact(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let converted = every(array, to)?;
    let back = every(&converted, array.data_type()).map_err(|misfit| reworded(misfit, array, to))?;
    let differs: Box<dyn Fn(usize) -> bool> = if array.data_type().is_floating() {
        // As numbers, for which 0 and -0 are the same.
        let (given, back) = (every(array, &DataType::Float64)?, every(&back, &DataType::Float64)?);
        Box::new(move |row| {
            given.as_primitive::<Float64Type>().value(row) != back.as_primitive::<Float64Type>().value(row)
        })
    } else {
        let differs = cmp::neq(array, &back).map_err(|error| Misfit::shape(error.to_string()))?;
        Box::new(move |row| differs.value(row))
    };
    match (0..array.len()).find(|&row| array.is_valid(row) && differs(row)) {
        Some(row) => Err(unfit(array, row, to)),
        None => Ok(converted),
    }
}

/// The nearest floats; a finite number must stay finite.
fn floats(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let converted = every(array, to)?;
    if !has_infinity(&converted) {
        return Ok(converted);
    }
    let (given, stored) = (every(array, &DataType::Float64)?, every(&converted, &DataType::Float64)?);
    let (given, stored) = (given.as_primitive::<Float64Type>(), stored.as_primitive::<Float64Type>());
    let overflows = |&row: &usize| stored.value(row).is_infinite() && given.value(row).is_finite();
    match (0..array.len()).find(|row| array.is_valid(*row) && overflows(row)) {
        Some(row) => Err(unfit(array, row, to)),
        None => Ok(converted),
    }
}

/// Whether a float that is not a Float64 is infinite.
fn has_infinity(array: &ArrayRef) -> bool {
    // Folded without branches, because nearly always there is none.
    match array.data_type() {
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>().values();
            values.iter().fold(false, |any, value| any | value.is_infinite())
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values();
            values.iter().fold(false, |any, value| any | value.is_infinite())
        }
        _ => false,
    }
}

fn fixed_size_binary(array: &ArrayRef, size: i32, to: &DataType) -> Result<ArrayRef, Misfit> {
    // One kind of binary first, so that the lengths are found in one way.
    let binary = every(array, &DataType::LargeBinary)?;
    let values = binary.as_binary::<i64>();
    let wrong = |&row: &usize| values.is_valid(row) && values.value(row).len() != size as usize;
    match (0..values.len()).find(wrong) {
        Some(row) => {
            let bytes = values.value(row).len();
            Err(Misfit::value(row, format!("the value has {bytes} bytes, but the column stores {size}")))
        }
        None => every(&binary, to),
    }
}

fn decimal_text(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let (DataType::Decimal32(_, scale)
    | DataType::Decimal64(_, scale)
    | DataType::Decimal128(_, scale)
    | DataType::Decimal256(_, scale)) = to
    else {
        return Err(Misfit::types(array.data_type(), to));
    };
    let texts = every(array, &DataType::LargeUtf8)?;
    let texts = texts.as_string::<i64>();
    // Parsing would round what it cannot keep.
    let too_fine = |text: &str| fraction_digits(text).is_none_or(|digits| digits > i64::from(*scale).max(0));
    match (0..texts.len()).find(|&row| texts.is_valid(row) && too_fine(texts.value(row))) {
        Some(row) => Err(unfit(array, row, to)),
        None => every(array, to),
    }
}

/// How many digits of a plain decimal number follow its point, not counting zeros at the end;
/// `None` for any other text.
fn fraction_digits(text: &str) -> Option<i64> {
    let digits = text.trim().trim_start_matches(['+', '-']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = !digits.is_empty() && digits != ".";
    let plain = number && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    plain.then(|| fraction.trim_end_matches('0').len() as i64)
}

/// The finest type to read text as, before it is made a `to`, so that nothing is cut off unseen.
fn finest(to: &DataType) -> Option<DataType> {
    use DataType::*;
    match to {
        Timestamp(TimeUnit::Nanosecond, zone) => Some(Timestamp(TimeUnit::Nanosecond, zone.clone())),
        Timestamp(_, zone) => Some(Timestamp(TimeUnit::Microsecond, zone.clone())),
        Date32 | Date64 => Some(Timestamp(TimeUnit::Microsecond, None)),
        Time32(_) | Time64(_) => Some(Time64(TimeUnit::Nanosecond)),
        _ => None,
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || data_type.is_decimal()
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_))
}

/// The same instants without a timezone, which is only how they are shown.
fn without_timezone(array: &ArrayRef) -> Result<ArrayRef, Misfit> {
    match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => relabel(array, &DataType::Timestamp(*unit, None)),
        _ => Ok(array.clone()),
    }
}

/// The same bytes under another type.
fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let data = array.to_data().into_builder().data_type(to.clone()).build();
    data.map(make_array).map_err(|_| Misfit::types(array.data_type(), to))
}

fn unfit(array: &ArrayRef, row: usize, to: &DataType) -> Misfit {
    Misfit::value(row, format!("{} does not fit {to}, which stores {}", shown(array, row), stored(to)))
}

/// The misfit of a value that was on its way to `to`.
fn reworded(misfit: Misfit, array: &ArrayRef, to: &DataType) -> Misfit {
    match misfit.index {
        Some(row) => unfit(array, row, to),
        None => misfit,
    }
}

/// The value for a message, in quotes if it is text.
fn shown(array: &ArrayRef, row: usize) -> String {
    const CHARACTERS_MAX: usize = 60;
    let value = array_value_to_string(array, row).unwrap_or_default();
    let short: String = value.chars().take(CHARACTERS_MAX).collect();
    let rest = if short.len() < value.len() { "…" } else { "" };
    if is_text(array.data_type()) { format!("\"{short}{rest}\"") } else { format!("{short}{rest}") }
}

/// What fits a type, for a message.
fn stored(data_type: &DataType) -> String {
    use DataType::*;
    let whole = |low: i128, high: i128| format!("whole numbers from {low} to {high}");
    match data_type {
        Int8 => whole(i8::MIN.into(), i8::MAX.into()),
        Int16 => whole(i16::MIN.into(), i16::MAX.into()),
        Int32 => whole(i32::MIN.into(), i32::MAX.into()),
        Int64 => whole(i64::MIN.into(), i64::MAX.into()),
        UInt8 => whole(0, u8::MAX.into()),
        UInt16 => whole(0, u16::MAX.into()),
        UInt32 => whole(0, u32::MAX.into()),
        UInt64 => whole(0, u64::MAX.into()),
        Float16 => "whole numbers up to 2048 exactly, and numbers up to 65504".to_owned(),
        Float32 => "whole numbers up to 16777216 exactly, and numbers up to 3.4e38".to_owned(),
        Float64 => "whole numbers up to 9007199254740992 exactly".to_owned(),
        Decimal32(digits, scale) => decimal(*digits, *scale),
        Decimal64(digits, scale) => decimal(*digits, *scale),
        Decimal128(digits, scale) => decimal(*digits, *scale),
        Decimal256(digits, scale) => decimal(*digits, *scale),
        Date32 | Date64 => "whole days, such as 2024-05-31".to_owned(),
        Timestamp(unit, _) => format!("times such as 2024-05-31T12:30:00 in {}", units(*unit)),
        Time32(unit) | Time64(unit) => format!("times of the day such as 12:30:00 in {}", units(*unit)),
        Duration(unit) => format!("times in {}", units(*unit)),
        Utf8 => "less than 2 GiB of text in a batch".to_owned(),
        other => format!("values of the type {other}"),
    }
}

fn decimal(digits: u8, scale: i8) -> String {
    format!("up to {digits} digits, {scale} of them after the point")
}

fn units(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "whole seconds",
        TimeUnit::Millisecond => "whole milliseconds",
        TimeUnit::Microsecond => "whole microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}
