//! Values that stand beside the text of a filter, and are never read as SQL.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, BooleanArray, StringArray, TimestampMillisecondArray};
use arrow::datatypes::DataType;

use super::literal::Number;
use super::node::{Kind, Node};
use crate::error::{Error, Result};

/// A condition in SQL, with the values of its placeholders.
///
/// The n-th `?` stands for the n-th parameter, and so does `$n`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The text.
    pub sql: String,
    /// The values.
    pub parameters: Vec<Parameter>,
}

/// What a row must satisfy: all of some conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// At least one.
    pub conditions: Vec<Condition>,
}

impl From<&str> for Filter {
    fn from(sql: &str) -> Self {
        sql.to_owned().into()
    }
}

impl From<String> for Filter {
    fn from(sql: String) -> Self {
        Self { conditions: vec![Condition { sql, parameters: Vec::new() }] }
    }
}

/// A value for a placeholder. Behaves in every way as the literal that says the same.
#[derive(Debug, Clone)]
pub enum Parameter {
    /// NULL.
    Null,
    /// TRUE or FALSE.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// A number; a whole one counts as written without a point.
    Float(f64),
    /// A string.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A time, in milliseconds since 1970 (UTC).
    Instant(i64),
    /// The values of `x IN (?)`, or a list for a function such as `array_has_any(tags, ?)`.
    List(Vec<Parameter>),
}

impl Parameter {
    /// The constant this is.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a list, which is no single value.
    pub(super) fn constant(&self) -> Result<Node> {
        let value: ArrayRef = match self {
            Self::Null => return Ok(Node::null(&DataType::Null)),
            Self::Boolean(value) => Arc::new(BooleanArray::from(vec![*value])),
            Self::Integer(value) => return Ok(number(Number::from_integer(*value))),
            Self::Float(value) => return Ok(number(number_of(*value))),
            Self::Text(text) => Arc::new(StringArray::from(vec![text.as_str()])),
            Self::Bytes(bytes) => Arc::new(BinaryArray::from(vec![bytes.as_slice()])),
            Self::Instant(millis) => {
                Arc::new(TimestampMillisecondArray::from(vec![*millis]).with_timezone("UTC"))
            }
            Self::List(_) => {
                let expected = "a list has no lists inside; pass one list of plain values";
                return Err(Error::invalid("a parameter of the filter", "a list within a list", expected));
            }
        };
        Ok(Node::constant(value))
    }
}

/// The number that people mean: 0.1 is one tenth, not the binary fraction next to it.
fn number_of(value: f64) -> Number {
    if value.is_finite() { Number::parse(&value.to_string()) } else { None }
        .unwrap_or(Number::from_float(value))
}

fn number(number: Number) -> Node {
    let value = number.natural();
    let data_type = value.data_type().clone();
    Node::new(Kind::Constant { value, number: Some(number) }, data_type, false)
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            // By their bits, so that NaN is itself.
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Instant(a), Self::Instant(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Parameter {}

impl Hash for Parameter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Boolean(value) => value.hash(state),
            Self::Integer(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Text(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::Instant(millis) => millis.hash(state),
            Self::List(values) => values.hash(state),
        }
    }
}
