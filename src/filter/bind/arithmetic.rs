//! Binds `+ - * / %` and unary minus: which type both sides are computed in, and what comes out.
//!
//! Whole numbers are computed in 64 bits, and with UInt64 in Decimal128, so that a small column type
//! does not overflow.

use arrow::array::Scalar;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

use super::super::evaluate::{arithmetic_kernel, fold};
use super::super::literal::integer_constant;
use super::super::node::{Arithmetic, Kind, Node, OnFailure};
use super::super::types::{common, describe, is_date_or_timestamp, is_decimal};
use super::coerce::{bent_number, cast, coerce, decoded, number, stays, widened};
use crate::error::{Error, Result};

/// `left operator right`.
///
/// # Errors
/// [`Error::TypeMismatch`] if the operator does not apply to the types.
pub(super) fn bind(operator: Arithmetic, left: Node, right: Node, sql: &str) -> Result<Node> {
    let (left, right) = (decoded(left)?, decoded(right)?);
    let (left, right) = without_untyped_null(left, right);
    let (left, right, data_type) = if left.data_type.is_numeric() && right.data_type.is_numeric() {
        numbers(operator, left, right, sql)?
    } else {
        times(operator, left, right, sql)?
    };
    let divides = matches!(operator, Arithmetic::Divide | Arithmetic::Remainder);
    let nullable = left.nullable || right.nullable || divides;
    let kind = Kind::Arithmetic { operator, left: left.into(), right: right.into(), sql: sql.to_owned() };
    fold(Node::new(kind, data_type, nullable))
}

/// `-operand`.
pub(super) fn bind_negation(operand: Node, sql: &str) -> Result<Node> {
    if let Kind::Constant { number: Some(number), .. } = &operand.kind {
        let number = number.negated();
        let value = number.natural();
        let data_type = value.data_type().clone();
        return Ok(Node::new(Kind::Constant { value, number: Some(number) }, data_type, false));
    }
    let operand = decoded(operand)?;
    let target = match &operand.data_type {
        DataType::Null => DataType::Int64,
        DataType::Interval(_) | DataType::Duration(_) => operand.data_type.clone(),
        number if number.is_numeric() => common(number, number_at_least(number)).unwrap_or(DataType::Float64),
        other => return Err(mismatch("-", other, None, sql)),
    };
    let operand = coerce(operand, &target, sql)?;
    let nullable = operand.nullable;
    fold(Node::new(Kind::Negate { operand: Box::new(operand), sql: sql.to_owned() }, target, nullable))
}

fn number_at_least(data_type: &DataType) -> &'static DataType {
    match data_type {
        DataType::UInt64 => &DataType::Decimal128(38, 0),
        _ if data_type.is_integer() => &DataType::Int64,
        _ if data_type.is_floating() => &DataType::Float32,
        _ => &DataType::Null,
    }
}

fn without_untyped_null(left: Node, right: Node) -> (Node, Node) {
    let number =
        |other: &Node| if other.data_type.is_numeric() { other.data_type.clone() } else { DataType::Int64 };
    match (&left.data_type, &right.data_type) {
        (DataType::Null, _) => (Node::null(&number(&right)), right),
        (_, DataType::Null) => {
            let null = Node::null(&number(&left));
            (left, null)
        }
        _ => (left, right),
    }
}

fn numbers(operator: Arithmetic, left: Node, right: Node, sql: &str) -> Result<(Node, Node, DataType)> {
    let does_not_apply = || mismatch(symbol(operator), &left.data_type, Some(&right.data_type), sql);
    let target = number_type(&left, &right).ok_or_else(does_not_apply)?;
    let scales_add_up = matches!(operator, Arithmetic::Multiply | Arithmetic::Divide);
    let (left_type, right_type) = match &target {
        DataType::Decimal128(_, scale) if *scale > 0 && scales_add_up => {
            (own_decimal(&left).unwrap_or(target.clone()), own_decimal(&right).unwrap_or(target.clone()))
        }
        _ => (target.clone(), target.clone()),
    };
    let (left, right) = (to_number(left, &left_type)?, to_number(right, &right_type)?);
    let data_type = match &target {
        DataType::Decimal128(_, scale) if *scale > 0 => decimal_result(operator, &left, &right, sql)?,
        DataType::Decimal256(..) => decimal_result(operator, &left, &right, sql)?,
        _ => target,
    };
    Ok((left, right, data_type))
}

/// The decimal type with no more digits after the point than a side has itself.
fn own_decimal(node: &Node) -> Option<DataType> {
    let scale = match (&node.data_type, number(node)) {
        (DataType::Decimal128(_, scale), _) => *scale,
        (_, Some(number)) => i8::try_from(number.scale()?).ok()?,
        (integer, None) if integer.is_integer() => 0,
        _ => return None,
    };
    Some(DataType::Decimal128(38, scale))
}

/// The type both sides are computed in. A literal bends to the other side where it can.
fn number_type(left: &Node, right: &Node) -> Option<DataType> {
    let wide = |node: &Node| common(&node.data_type, number_at_least(&node.data_type));
    let (left_type, right_type) = (wide(left)?, wide(right)?);
    let bends =
        |literal: &Node, target: &DataType| number(literal).is_some_and(|number| stays(number, target));
    if right.is_constant() && !left.is_constant() && bends(right, &left_type) {
        return Some(left_type);
    }
    if left.is_constant() && !right.is_constant() && bends(left, &right_type) {
        return Some(right_type);
    }
    for (literal, other) in [(right, &left_type), (left, &right_type)] {
        if is_decimal(other)
            && let Some(scale) = number(literal).and_then(|number| number.scale())
        {
            return common(other, &DataType::Decimal128(38, i8::try_from(scale).ok()?));
        }
    }
    common(&left_type, &right_type)
}

fn to_number(node: Node, target: &DataType) -> Result<Node> {
    if let Some(bent) = number(&node).and_then(|number| bent_number(number, target)) {
        return Ok(bent);
    }
    let on_failure = if is_decimal(target) { OnFailure::Error } else { OnFailure::Impossible };
    cast(node, target.clone(), on_failure, "a decimal operand".to_owned())
}

/// What arrow's decimal kernels give: the scales add up under multiplication.
fn decimal_result(operator: Arithmetic, left: &Node, right: &Node, sql: &str) -> Result<DataType> {
    let one =
        |node: &Node| integer_constant(1, &node.data_type).ok_or_else(|| Error::internal("not a decimal"));
    let result = arithmetic_kernel(operator)(&Scalar::new(one(left)?), &Scalar::new(one(right)?));
    result.map(|result| result.data_type().clone()).map_err(|_| Error::TypeMismatch {
        sql: sql.to_owned(),
        reason: "the result has more digits than a decimal can hold; CAST an operand to DOUBLE".to_owned(),
    })
}

/// Dates, timestamps and spans of time.
fn times(operator: Arithmetic, left: Node, right: Node, sql: &str) -> Result<(Node, Node, DataType)> {
    use Arithmetic::{Add, Subtract};
    use DataType::*;
    let unsupported = || mismatch(symbol(operator), &left.data_type, Some(&right.data_type), sql);
    let is_span = |data_type: &DataType| matches!(data_type, Interval(_) | Duration(_));
    match (operator, &left.data_type, &right.data_type) {
        (Add, span, time) if is_span(span) && is_date_or_timestamp(time) => times(Add, right, left, sql),
        (Add, number, Date32) if number.is_integer() => times(Add, right, left, sql),
        (Add | Subtract, Date32, number) if number.is_integer() => {
            Ok((left, cast(right, Int64, OnFailure::Error, sql.to_owned())?, Date32))
        }
        (Subtract, Date32, Date32) => Ok((left, right, Int64)),
        (Add | Subtract, Timestamp(unit, _), Interval(_)) => {
            let naive = Timestamp(*unit, None);
            Ok((widened(left, &naive)?, right, naive))
        }
        (Add | Subtract, Timestamp(unit, _), Duration(_)) => {
            let (naive, span) = (Timestamp(*unit, None), Duration(*unit));
            Ok((widened(left, &naive)?, widened(right, &span)?, naive))
        }
        (Add | Subtract, Date32 | Date64, Interval(_) | Duration(_)) => {
            // A span may be hours, so that the sum is a timestamp.
            let timestamp = widened(left, &Timestamp(TimeUnit::Millisecond, None))?;
            times(operator, timestamp, right, sql)
        }
        (Subtract, a, b) if is_date_or_timestamp(a) && is_date_or_timestamp(b) => {
            let both = match common(a, b) {
                Some(Timestamp(unit, _)) => Timestamp(unit, None),
                _ => Timestamp(TimeUnit::Millisecond, None),
            };
            let Timestamp(unit, _) = both else { return Err(unsupported()) };
            Ok((widened(left, &both)?, widened(right, &both)?, Duration(unit)))
        }
        (Subtract, a, Utf8) if is_date_or_timestamp(a) && right.is_constant() => {
            let right = coerce(right, &left.data_type, sql)?;
            times(operator, left, right, sql)
        }
        (Subtract, Utf8, b) if is_date_or_timestamp(b) && left.is_constant() => {
            let left = coerce(left, &right.data_type, sql)?;
            times(operator, left, right, sql)
        }
        (Add | Subtract, Interval(IntervalUnit::MonthDayNano), Interval(IntervalUnit::MonthDayNano)) => {
            let data_type = left.data_type.clone();
            Ok((left, right, data_type))
        }
        (Add | Subtract, Duration(a), Duration(b)) => {
            let target = common(&Duration(*a), &Duration(*b)).ok_or_else(unsupported)?;
            Ok((widened(left, &target)?, widened(right, &target)?, target))
        }
        _ => Err(unsupported()),
    }
}

fn mismatch(symbol: &str, left: &DataType, right: Option<&DataType>, sql: &str) -> Error {
    let operands = match right {
        Some(right) => format!("{} and {}", describe(left), describe(right)),
        None => describe(left),
    };
    Error::TypeMismatch {
        sql: sql.to_owned(),
        reason: format!(
            "`{symbol}` does not apply to {operands}; CAST them to numbers, or use || to join strings"
        ),
    }
}

fn symbol(operator: Arithmetic) -> &'static str {
    match operator {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Remainder => "%",
    }
}
