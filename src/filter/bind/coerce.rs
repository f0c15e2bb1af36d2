//! Bends constants and widens columns to the type that an operator or function needs.

use arrow::datatypes::DataType;

use super::super::evaluate::fold;
use super::super::literal::{Number, bound_of_nanos, integer_constant, parse_temporal, temporal_grid};
use super::super::node::{Kind, Node, OnFailure};
use super::super::parse::invalid;
use super::super::types::{common, describe, is_decimal, is_text, plain};
use crate::error::{Error, Result};

/// Takes encodings off, see [`plain`].
pub(in super::super) fn decoded(node: Node) -> Result<Node> {
    let data_type = plain(&node.data_type);
    widened(node, &data_type)
}

/// `node` as `target`, which holds every value of `node`'s type.
pub(in super::super) fn widened(node: Node, target: &DataType) -> Result<Node> {
    cast(node, target.clone(), OnFailure::Impossible, String::new())
}

/// A cast, or the node itself where there is nothing to do.
pub(in super::super) fn cast(
    node: Node,
    target: DataType,
    on_failure: OnFailure,
    sql: String,
) -> Result<Node> {
    if node.data_type == target {
        return Ok(node);
    }
    let nullable = node.nullable || on_failure == OnFailure::Null;
    fold(Node::new(Kind::Cast { operand: Box::new(node), on_failure, sql }, target, nullable))
}

/// The number that a numeric constant stands for.
pub(in super::super) fn number(node: &Node) -> Option<Number> {
    match &node.kind {
        Kind::Constant { number: Some(number), .. } => Some(*number),
        Kind::Constant { value, .. } => Number::from_array(value),
        _ => None,
    }
}

/// The text of a string constant.
pub(in super::super) fn text(node: &Node) -> Option<&str> {
    use arrow::array::AsArray;
    let value = node.value()?;
    match value.data_type() {
        _ if node.nullable => None,
        DataType::Utf8 => Some(value.as_string::<i32>().value(0)),
        DataType::LargeUtf8 => Some(value.as_string::<i64>().value(0)),
        _ => None,
    }
}

/// `node` as `target` without loss, or a clear error. Constants bend: numbers to any number type that
/// holds them, strings to dates and times.
pub(in super::super) fn coerce(node: Node, target: &DataType, sql: &str) -> Result<Node> {
    let node = decoded(node)?;
    if node.data_type == *target {
        return Ok(node);
    }
    if node.is_null_constant() {
        return Ok(Node::null(target));
    }
    if let Some(number) = number(&node).filter(|_| target.is_numeric()) {
        return bent_number(number, target).ok_or_else(|| does_not_fit(&node, target, sql));
    }
    if let Some(grid) = temporal_grid(target)
        && let Some(text) = text(&node)
    {
        let nanos = parse_temporal(text, target).ok_or_else(|| invalid_instant(sql, text, target))?;
        let value = integer_constant(bound_of_nanos(nanos, grid).floor, target);
        return value.map(Node::constant).ok_or_else(|| does_not_fit(&node, target, sql));
    }
    match common(&node.data_type, target) {
        Some(common) if common == *target => widened(node, target),
        _ => Err(does_not_fit(&node, target, sql)),
    }
}

/// A constant of a number type, if the number is one of its values (or near one, for floats).
pub(in super::super) fn bent_number(number: Number, target: &DataType) -> Option<Node> {
    let scale = match target {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => i32::from(*scale),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let value = Node::constant(Number::from_float(number.as_f64()).natural());
            let finite = match target {
                DataType::Float32 => (number.as_f64() as f32).is_finite(),
                DataType::Float16 => number.as_f64().abs() < 65520.0,
                _ => true,
            };
            let keeps = finite || !number.as_f64().is_finite();
            return if keeps { widened(value, target).ok() } else { None };
        }
        _ => 0,
    };
    let bound = number.bound(scale);
    if !bound.exact {
        return None;
    }
    integer_constant(bound.floor, target).map(Node::constant)
}

/// Whether `number` can join values of type `target` without changing what kind of number they are.
pub(in super::super) fn stays(number: Number, target: &DataType) -> bool {
    (number.is_written_whole() || !target.is_integer()) && bent_number(number, target).is_some()
}

/// The type that all `nodes` can take; constants have the last word only among themselves.
pub(in super::super) fn common_type(nodes: &[&Node], sql: &str) -> Result<DataType> {
    let mut result = DataType::Null;
    let (constants, others): (Vec<&Node>, Vec<&Node>) =
        nodes.iter().copied().filter(|node| !node.is_null_constant()).partition(|node| node.is_constant());
    for node in others {
        let data_type = plain(&node.data_type);
        result = common(&result, &data_type).ok_or_else(|| no_common_type(&result, &data_type, sql))?;
    }
    for node in constants {
        result = with_constant(&result, node).ok_or_else(|| no_common_type(&result, &node.data_type, sql))?;
    }
    Ok(result)
}

fn with_constant(result: &DataType, constant: &Node) -> Option<DataType> {
    if let Some(number) = number(constant).filter(|_| result.is_numeric()) {
        if stays(number, result) {
            return Some(result.clone());
        }
        if is_decimal(result) && number.scale().is_some() {
            let scale = i8::try_from(number.scale()?).ok()?;
            return common(result, &DataType::Decimal128(38, scale));
        }
    }
    if temporal_grid(result).is_some() && is_text(&constant.data_type) {
        return Some(result.clone());
    }
    common(result, &plain(&constant.data_type))
}

fn no_common_type(left: &DataType, right: &DataType, sql: &str) -> Error {
    Error::TypeMismatch {
        sql: sql.to_owned(),
        reason: format!(
            "{} and {} do not go together; CAST one of them to the other's type",
            describe(left),
            describe(right)
        ),
    }
}

fn does_not_fit(node: &Node, target: &DataType, sql: &str) -> Error {
    let what = match (text(node), number(node)) {
        (Some(text), _) => format!("the string '{text}'"),
        (_, Some(number)) => format!("the number {}", number.as_f64()),
        _ => describe(&node.data_type),
    };
    Error::TypeMismatch {
        sql: sql.to_owned(),
        reason: format!("{what} was given where {} is needed; CAST it, or change it", describe(target)),
    }
}

pub(in super::super) fn invalid_instant(sql: &str, text: &str, data_type: &DataType) -> Error {
    let example = match data_type {
        DataType::Time32(_) | DataType::Time64(_) => "13:30:00",
        DataType::Date32 | DataType::Date64 => "2024-01-31",
        _ => "2024-01-31 13:30:00 or 2024-01-31T13:30:00.123Z",
    };
    invalid(sql, format!("'{text}' is not {}; write it like {example}", describe(data_type)))
}
