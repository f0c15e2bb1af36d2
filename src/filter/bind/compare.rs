//! Binds comparisons: brings both sides to one type without changing the answer.
//!
//! A literal bends to the column, so that the column is compared as it is stored. Where the column's
//! type has no such value (`int_col < 1.5`), the literal's floor and a suitable operator say the same.

use arrow::datatypes::DataType;

use super::super::evaluate::fold;
use super::super::literal::{Bound, Grid, bound_of_nanos, integer_constant, parse_temporal, temporal_grid};
use super::super::node::{Comparison, Kind, Node, OnFailure};
use super::super::types::{common, describe, is_binary, is_date_or_timestamp, is_decimal, is_text};
use super::coerce::{bent_number, cast, decoded, invalid_instant, number, text, widened};
use crate::error::{Error, Result};

/// `left operator right`.
///
/// # Errors
/// [`Error::TypeMismatch`] if the types do not go together, [`Error::InvalidSql`] for a string that
/// is no date where one is needed.
pub(super) fn compare(operator: Comparison, left: Node, right: Node, sql: &str) -> Result<Node> {
    let (left, right) = (decoded(left)?, decoded(right)?);
    // The constant goes to the right; of two constants, the one that bends: null, then a string.
    let bends = |node: &Node| (node.is_constant(), node.is_null_constant(), is_text(&node.data_type));
    if left.is_constant() && bends(&left) > bends(&right) {
        return compare_ordered(operator.flipped(), right, left, sql);
    }
    compare_ordered(operator, left, right, sql)
}

fn compare_ordered(operator: Comparison, left: Node, right: Node, sql: &str) -> Result<Node> {
    if right.is_null_constant() || left.is_null_constant() {
        return compare_with_null(operator, if right.is_null_constant() { left } else { right });
    }
    if left.data_type.is_nested() || right.data_type.is_nested() {
        return Err(Error::UnsupportedSql {
            feature: "comparing lists or structs".to_owned(),
            instead: "compare their elements or fields, or use array_has, array_has_any, array_has_all"
                .to_owned(),
        });
    }
    if let Some(grid) = temporal_grid(&left.data_type)
        && let Some(nanos) = constant_nanos(&left.data_type, &right, sql)?
    {
        return compare_with_bound(operator, left, bound_of_nanos(nanos, grid), grid);
    }
    if let Some(number) = number(&right).filter(|_| left.data_type.is_numeric()) {
        if left.data_type.is_floating() {
            return compare_with_float(operator, left, right, number);
        }
        let (scale, grid) = number_grid(&left.data_type);
        return compare_with_bound(operator, left, number.bound(scale), grid);
    }
    compare_types(operator, left, right, sql)
}

/// Comparing with null gives null; IS [NOT] DISTINCT FROM null asks whether there is a value.
fn compare_with_null(operator: Comparison, operand: Node) -> Result<Node> {
    let is_null = Node::boolean(Kind::IsNull(Box::new(operand)), false);
    match operator {
        Comparison::NotDistinct => fold(is_null),
        Comparison::Distinct => fold(Node::boolean(Kind::Not(Box::new(is_null)), false)),
        _ => Ok(Node::null(&DataType::Boolean)),
    }
}

/// A string or temporal constant in nanoseconds, when `left` is temporal.
fn constant_nanos(left: &DataType, right: &Node, sql: &str) -> Result<Option<i128>> {
    if let Some(text) = text(right) {
        if matches!(left, DataType::Duration(_)) {
            return Ok(None);
        }
        return parse_temporal(text, left).map(Some).ok_or_else(|| invalid_instant(sql, text, left));
    }
    let same_kind = match left {
        DataType::Time32(_) | DataType::Time64(_) => {
            matches!(right.data_type, DataType::Time32(_) | DataType::Time64(_))
        }
        DataType::Duration(_) => matches!(right.data_type, DataType::Duration(_)),
        _ => is_date_or_timestamp(&right.data_type),
    };
    let Some(value) = right.value().filter(|_| same_kind) else { return Ok(None) };
    let Some(grid) = temporal_grid(&right.data_type) else { return Ok(None) };
    let units = arrow::compute::cast(&integers_of(value)?, &DataType::Int64).map_err(Error::internal)?;
    let units = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&units).value(0);
    Ok(Some(i128::from(units) * grid.unit_nanos))
}

fn integers_of(value: &arrow::array::ArrayRef) -> Result<arrow::array::ArrayRef> {
    let stored =
        if value.data_type().primitive_width() == Some(4) { DataType::Int32 } else { DataType::Int64 };
    arrow::compute::cast(value, &stored).map_err(Error::internal)
}

/// The scale of an integer or decimal column, and the range of its stored integers.
fn number_grid(data_type: &DataType) -> (i32, Grid) {
    let (scale, min, max) = match data_type {
        DataType::Int8 => (0, i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (0, i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (0, i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => (0, i64::MIN.into(), i64::MAX.into()),
        DataType::UInt8 => (0, 0, u8::MAX.into()),
        DataType::UInt16 => (0, 0, u16::MAX.into()),
        DataType::UInt32 => (0, 0, u32::MAX.into()),
        DataType::UInt64 => (0, 0, u64::MAX.into()),
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            (i32::from(*scale), i128::MIN, i128::MAX)
        }
        _ => (0, i128::MIN, i128::MAX),
    };
    (scale, Grid { unit_nanos: 1, min, max })
}

/// Compares a column of whole units with a literal that may lie between two of them or outside.
fn compare_with_bound(operator: Comparison, left: Node, bound: Bound, grid: Grid) -> Result<Node> {
    use Comparison::*;
    let nullable = left.nullable;
    let (operator, unit) = if bound.floor > grid.max {
        match operator {
            Less | LessOrEqual | NotEqual => (GreaterOrEqual, grid.min),
            Greater | GreaterOrEqual | Equal => (Less, grid.min),
            Distinct | NotDistinct => return Ok(truth(operator == Distinct)),
        }
    } else if bound.floor < grid.min {
        match operator {
            Greater | GreaterOrEqual | NotEqual => (GreaterOrEqual, grid.min),
            Less | LessOrEqual | Equal => (Less, grid.min),
            Distinct | NotDistinct => return Ok(truth(operator == Distinct)),
        }
    } else if bound.exact {
        (operator, bound.floor)
    } else {
        match operator {
            Less | LessOrEqual => (LessOrEqual, bound.floor),
            Greater | GreaterOrEqual => (Greater, bound.floor),
            Equal => (Less, grid.min),
            NotEqual => (GreaterOrEqual, grid.min),
            Distinct | NotDistinct => return Ok(truth(operator == Distinct)),
        }
    };
    let value = integer_constant(unit, &left.data_type)
        .ok_or_else(|| Error::internal(format!("{unit} does not fit into {}", left.data_type)))?;
    comparison(operator, left, Node::constant(value), nullable)
}

fn truth(value: bool) -> Node {
    Node::constant(std::sync::Arc::new(arrow::array::BooleanArray::from(vec![value])))
}

fn compare_with_float(
    operator: Comparison,
    left: Node,
    right: Node,
    number: super::super::literal::Number,
) -> Result<Node> {
    let nullable = left.nullable;
    let (left, right) = match bent_number(number, &left.data_type) {
        Some(bent) => (left, bent),
        // Beyond the column's type: only Float64 can tell it from infinity.
        None => (widened(left, &DataType::Float64)?, widened(right, &DataType::Float64)?),
    };
    let (left, right) = (without_half(left)?, without_half(right)?);
    comparison(operator, left, right, nullable)
}

/// f16 is compared as f32, which the CPU knows.
fn without_half(node: Node) -> Result<Node> {
    if node.data_type == DataType::Float16 { widened(node, &DataType::Float32) } else { Ok(node) }
}

fn compare_types(operator: Comparison, left: Node, right: Node, sql: &str) -> Result<Node> {
    let nullable = left.nullable || right.nullable;
    let (left_type, right_type) = (left.data_type.clone(), right.data_type.clone());
    if is_integer_with_float(&left_type, &right_type) {
        return comparison(operator, exact_number(left)?, exact_number(right)?, nullable);
    }
    if is_integer_with_float(&right_type, &left_type) {
        return comparison(operator.flipped(), exact_number(right)?, exact_number(left)?, nullable);
    }
    let (left, right) = spans(left, right)?;
    let Some(target) = common(&left.data_type, &right.data_type) else {
        return Err(mismatch(&left_type, &right_type, sql));
    };
    let on_failure = if is_decimal(&target) { OnFailure::Null } else { OnFailure::Impossible };
    let left = cast(without_half(left)?, target.clone(), on_failure, String::new())?;
    let right = cast(without_half(right)?, target, on_failure, String::new())?;
    comparison(operator, left, right, nullable)
}

/// Integers and floats meet exactly in a kernel of their own, as Int64 or Decimal128 and Float64.
fn is_integer_with_float(left: &DataType, right: &DataType) -> bool {
    left.is_integer() && right.is_floating()
}

fn exact_number(node: Node) -> Result<Node> {
    let target = match &node.data_type {
        DataType::UInt64 => DataType::Decimal128(38, 0),
        integer if integer.is_integer() => DataType::Int64,
        _ => DataType::Float64,
    };
    widened(node, &target)
}

/// An INTERVAL of a fixed length beside a duration becomes a duration.
fn spans(left: Node, right: Node) -> Result<(Node, Node)> {
    match (&left.data_type, &right.data_type) {
        (DataType::Duration(unit), DataType::Interval(_)) => {
            let target = DataType::Duration(*unit);
            Ok((left, cast(right, target, OnFailure::Error, "INTERVAL".to_owned())?))
        }
        _ => Ok((left, right)),
    }
}

fn comparison(operator: Comparison, left: Node, right: Node, nullable: bool) -> Result<Node> {
    let never_null = matches!(operator, Comparison::Distinct | Comparison::NotDistinct);
    let kind = Kind::Compare { operator, left: Box::new(left), right: Box::new(right) };
    fold(Node::boolean(kind, nullable && !never_null))
}

fn mismatch(left: &DataType, right: &DataType, sql: &str) -> Error {
    let advice = match (left, right) {
        (text, number) | (number, text) if is_text(text) && number.is_numeric() => {
            "write the number without quotes, the string with them, or CAST one side"
        }
        (number, time) | (time, number) if number.is_numeric() && is_date_or_timestamp(time) => {
            "write the date as '2024-01-31', or use to_timestamp_millis(number)"
        }
        (DataType::Boolean, _) | (_, DataType::Boolean) => "compare a boolean with true or false",
        (bytes, text) | (text, bytes) if is_binary(bytes) && is_text(text) => "write bytes as X'0AFF'",
        _ => "CAST one side to the other's type",
    };
    Error::TypeMismatch {
        sql: sql.to_owned(),
        reason: format!("{} cannot be compared with {}; {advice}", describe(left), describe(right)),
    }
}
