//! Types: what they are called in SQL and in messages, and which type two of them have in common.

use arrow::datatypes::{DataType, TimeUnit};
use sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, TimezoneInfo};

/// The type that operators and functions see in place of a column's own: encodings (dictionaries,
/// views, runs) and widths that the kernels do not know are taken off.
pub(super) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => plain(value),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::ListView(item) | DataType::FixedSizeList(item, _) => DataType::List(item.clone()),
        DataType::LargeListView(item) => DataType::LargeList(item.clone()),
        other => other.clone(),
    }
}

/// `a string (Utf8)`: for error messages.
pub(super) fn describe(data_type: &DataType) -> String {
    use DataType::*;
    let kind = match data_type {
        Null => return "null".to_owned(),
        Dictionary(_, value) => return describe(value),
        Boolean => "a boolean",
        _ if is_text(data_type) => "a string",
        _ if data_type.is_numeric() => "a number",
        Date32 | Date64 => "a date",
        Timestamp(..) => "a timestamp",
        Time32(_) | Time64(_) => "a time of day",
        Duration(_) | Interval(_) => "a span of time",
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => "bytes",
        List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item) => {
            return format!("a list of {}", item.data_type());
        }
        Struct(_) => return "a struct".to_owned(),
        other => return format!("of type {other}"),
    };
    format!("{kind} ({data_type})")
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

pub(super) fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

pub(super) fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary)
}

/// A date or a timestamp: something with a year.
pub(super) fn is_date_or_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// The type of a list's elements.
pub(super) fn element(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(item.data_type())
        }
        _ => None,
    }
}

/// A plain type that holds every value of both plain types, as nearly as there is one.
pub(super) fn common(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::*;
    if left == right {
        return Some(left.clone());
    }
    Some(match (left, right) {
        (Null, other) | (other, Null) => other.clone(),
        _ if left.is_numeric() && right.is_numeric() => return common_number(left, right),
        _ if is_text(left) && is_text(right) => LargeUtf8,
        _ if is_binary(left) && is_binary(right) => LargeBinary,
        (Timestamp(left, _), Timestamp(right, _)) => Timestamp(finer(left, right), None),
        (Date32 | Date64, Timestamp(unit, _)) | (Timestamp(unit, _), Date32 | Date64) => {
            // Days fit into any unit but nanoseconds, where only 1677 to 2262 does.
            Timestamp(if *unit == TimeUnit::Second { TimeUnit::Millisecond } else { *unit }, None)
        }
        (Date32, Date64) | (Date64, Date32) => Date64,
        (Time32(_) | Time64(_), Time32(_) | Time64(_)) => Time64(TimeUnit::Nanosecond),
        (Duration(left), Duration(right)) => Duration(finer(left, right)),
        (List(_) | LargeList(_), List(_) | LargeList(_)) => {
            let item = common(&plain(element(left)?), &plain(element(right)?))?;
            DataType::new_list(item, true)
        }
        _ => return None,
    })
}

fn common_number(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::*;
    Some(if left.is_floating() && right.is_floating() {
        if *left == Float64 || *right == Float64 { Float64 } else { Float32 }
    } else if left.is_floating() || right.is_floating() {
        Float64
    } else if is_decimal(left) || is_decimal(right) {
        let (left_digits, left_scale) = decimal_shape(left)?;
        let (right_digits, right_scale) = decimal_shape(right)?;
        let scale = left_scale.max(right_scale);
        let digits = (left_digits.max(right_digits) + i32::from(scale)).clamp(1, 76);
        match u8::try_from(digits).ok()? {
            digits if digits <= 38 && !is_wide(left) && !is_wide(right) => Decimal128(38, scale),
            _ => Decimal256(76, scale),
        }
    } else if *left == UInt64 || *right == UInt64 {
        if left.is_unsigned_integer() && right.is_unsigned_integer() { UInt64 } else { Decimal128(38, 0) }
    } else {
        Int64
    })
}

fn is_wide(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal256(..))
}

/// Digits before the point, and after it.
fn decimal_shape(data_type: &DataType) -> Option<(i32, i8)> {
    Some(match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            (i32::from(*precision) - i32::from(*scale), *scale)
        }
        _ if data_type.is_integer() => (20, 0),
        _ => return None,
    })
}

fn finer(left: &TimeUnit, right: &TimeUnit) -> TimeUnit {
    *left.max(right)
}

/// The Arrow type of a type's name in CAST; the name's text if it is not supported.
pub(super) fn from_sql(sql_type: &SqlType) -> Result<DataType, String> {
    use SqlType::*;
    Ok(match sql_type {
        Bool | Boolean => DataType::Boolean,
        TinyInt(_) => DataType::Int8,
        SmallInt(_) | Int2(_) | Int16 => DataType::Int16,
        Int(_) | Integer(_) | Int4(_) | Int32 | MediumInt(_) | Signed | SignedInteger => DataType::Int32,
        BigInt(_) | Int8(_) | Int64 => DataType::Int64,
        TinyIntUnsigned(_) | UTinyInt | UInt8 => DataType::UInt8,
        SmallIntUnsigned(_) | USmallInt | Int2Unsigned(_) | UInt16 => DataType::UInt16,
        IntUnsigned(_) | IntegerUnsigned(_) | Int4Unsigned(_) | MediumIntUnsigned(_) | UInt32 | Unsigned
        | UnsignedInteger => DataType::UInt32,
        BigIntUnsigned(_) | UBigInt | Int8Unsigned(_) | UInt64 => DataType::UInt64,
        Float4 | Float32 | Real | Float(_) => DataType::Float32,
        Float8 | Float64 | Double(_) | DoublePrecision => DataType::Float64,
        Decimal(info) | Numeric(info) | Dec(info) => decimal(info).ok_or_else(|| sql_type.to_string())?,
        Text | String(_) | Varchar(_) | Char(_) | Character(_) | CharVarying(_) | CharacterVarying(_)
        | Nvarchar(_) => DataType::Utf8,
        Bytea | Binary(_) | Varbinary(_) | Blob(_) | Bytes(_) => DataType::Binary,
        Date | Date32 => DataType::Date32,
        Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => match unit(*digits) {
            TimeUnit::Second => DataType::Time32(TimeUnit::Second),
            TimeUnit::Millisecond => DataType::Time32(TimeUnit::Millisecond),
            fine => DataType::Time64(fine),
        },
        Timestamp(digits, _) | TimestampNtz(digits) | Datetime(digits) => {
            DataType::Timestamp(unit(*digits), None)
        }
        Array(ArrayElemTypeDef::AngleBracket(item) | ArrayElemTypeDef::SquareBracket(item, _)) => {
            DataType::new_list(from_sql(item)?, true)
        }
        // Arrow's own names that SQL does not know.
        Custom(name, _) => match name.to_string().to_lowercase().as_str() {
            "int8" => DataType::Int8,
            "float16" => DataType::Float16,
            "utf8" => DataType::Utf8,
            "largeutf8" | "large_utf8" => DataType::LargeUtf8,
            _ => return Err(sql_type.to_string()),
        },
        other => return Err(other.to_string()),
    })
}

fn decimal(info: &ExactNumberInfo) -> Option<DataType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (38, 10),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let fits = (1..=76).contains(&precision) && (0..=i64::try_from(precision).ok()?).contains(&scale);
    let (precision, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?);
    match fits {
        true if precision <= 38 => Some(DataType::Decimal128(precision, scale)),
        true => Some(DataType::Decimal256(precision, scale)),
        false => None,
    }
}

/// The unit that has this many digits after the second; microseconds unless said otherwise.
fn unit(digits: Option<u64>) -> TimeUnit {
    match digits {
        Some(0) => TimeUnit::Second,
        Some(1..=3) => TimeUnit::Millisecond,
        Some(7..) => TimeUnit::Nanosecond,
        _ => TimeUnit::Microsecond,
    }
}
