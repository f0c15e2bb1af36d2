//! From sqlparser's syntax tree to a bound one: finds names, decides types, folds constants.

mod arithmetic;
mod call;
pub(super) mod coerce;
mod compare;
mod membership;
mod names;
mod patterns;
mod syntax;

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{BinaryArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Schema};
use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value};

use super::evaluate::fold;
use super::functions;
use super::literal::Number;
use super::node::{Arithmetic, Comparison, Kind, Node};
use super::parameter::Parameter;
use super::parse::{DEPTH_MAX, invalid, too_deep};
use super::types::describe;
use crate::error::{Error, Result};
use coerce::decoded;
use compare::compare;

/// A bound tree, and what is worth knowing about it.
pub(super) struct Bound {
    pub node: Node,
    /// What was understood in another way than the writer may have meant.
    pub notes: Vec<String>,
    /// Whether the answer depends on when it is asked for.
    pub volatile: bool,
}

/// Binds `tree`, which was parsed from `sql`, to the columns of `schema`.
pub(super) fn bind(tree: &Expr, schema: &Schema, sql: &str, parameters: &[Parameter]) -> Result<Bound> {
    let mut binder = Binder { schema, sql, parameters, depth: 0, notes: Vec::new(), volatile: false };
    let node = binder.bind(tree)?;
    Ok(Bound { node, notes: binder.notes, volatile: binder.volatile })
}

pub(super) struct Binder<'a> {
    schema: &'a Schema,
    /// The whole text, for errors about its literals.
    pub sql: &'a str,
    parameters: &'a [Parameter],
    depth: usize,
    notes: Vec<String>,
    volatile: bool,
}

impl Binder<'_> {
    pub fn bind(&mut self, expr: &Expr) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(invalid(self.sql, too_deep()));
        }
        let node = self.bind_here(expr);
        self.depth -= 1;
        node
    }

    fn bind_here(&mut self, expr: &Expr) -> Result<Node> {
        match expr {
            Expr::Nested(inner) => self.bind(inner),
            Expr::Identifier(name) => self.name(name),
            Expr::CompoundIdentifier(parts) => names::resolve(parts, self.schema),
            Expr::Value(value) => self.value(&value.value),
            Expr::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
                self.chain(op, left, right)
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, expr),
            Expr::UnaryOp { op, expr: operand } => self.unary(op, operand, expr),
            Expr::IsNull(operand) => self.is_null(operand, true),
            Expr::IsNotNull(operand) => self.is_null(operand, false),
            Expr::IsTrue(operand) => self.is(operand, true, false),
            Expr::IsNotTrue(operand) => self.is(operand, true, true),
            Expr::IsFalse(operand) => self.is(operand, false, false),
            Expr::IsNotFalse(operand) => self.is(operand, false, true),
            Expr::IsUnknown(operand) | Expr::IsNotUnknown(operand) => {
                let operand = self.condition(operand)?;
                is_null(operand, matches!(expr, Expr::IsUnknown(_)))
            }
            Expr::IsDistinctFrom(left, right) => self.comparison(Comparison::Distinct, left, right, expr),
            Expr::IsNotDistinctFrom(left, right) => {
                self.comparison(Comparison::NotDistinct, left, right, expr)
            }
            Expr::InList { expr: operand, list, negated } => {
                membership::in_list(self, operand, list, *negated, expr)
            }
            Expr::Between { expr: operand, negated, low, high } => {
                self.between(operand, low, high, *negated, expr)
            }
            Expr::Like { negated, any: false, expr: operand, pattern, escape_char } => {
                let escape = escape_char.as_ref().map(|escape| &escape.value);
                patterns::like(self, operand, pattern, escape, false, *negated, expr)
            }
            Expr::ILike { negated, any: false, expr: operand, pattern, escape_char } => {
                let escape = escape_char.as_ref().map(|escape| &escape.value);
                patterns::like(self, operand, pattern, escape, true, *negated, expr)
            }
            _ => syntax::bind(self, expr),
        }
    }

    /// A name without dots. In double quotes it may also be a string, because other dialects say so.
    fn name(&mut self, name: &Ident) -> Result<Node> {
        match names::resolve(std::slice::from_ref(name), self.schema) {
            Err(_) if name.quote_style == Some('"') => {
                self.notes.push(format!("\"{}\" names no column, so it is a string", name.value));
                Ok(string(&name.value))
            }
            resolved => resolved,
        }
    }

    pub fn is_column(&self, name: &Ident) -> bool {
        names::resolve(std::slice::from_ref(name), self.schema).is_ok()
    }

    fn value(&mut self, value: &Value) -> Result<Node> {
        match value {
            Value::Number(text, _) => {
                number(text).ok_or_else(|| invalid(self.sql, format!("'{text}' is not a number")))
            }
            Value::Boolean(value) => Ok(truth(*value)),
            Value::Null => Ok(Node::null(&DataType::Null)),
            Value::HexStringLiteral(digits) => {
                let bytes = bytes(digits).ok_or_else(|| {
                    invalid(self.sql, format!("X'{digits}' needs an even number of hexadecimal digits"))
                })?;
                Ok(Node::constant(Arc::new(BinaryArray::from(vec![bytes.as_slice()]))))
            }
            Value::Placeholder(name) => match self.parameter(name)? {
                Parameter::List(items) => {
                    let items = items.iter().map(Parameter::constant).collect::<Result<Vec<_>>>()?;
                    functions::bind("make_array", items, name)
                }
                parameter => parameter.constant(),
            },
            other => match other.clone().into_string() {
                Some(text) => Ok(string(&text)),
                None => Err(unsupported(format!("the literal {other}"), "use a number or a 'string'")),
            },
        }
    }

    /// The value of the placeholder `$n`. The parser makes placeholders of `:name` and `@name` too.
    fn parameter(&self, name: &str) -> Result<&Parameter> {
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        number
            .and_then(|number| self.parameters.get(number.checked_sub(1)?))
            .ok_or_else(|| invalid(self.sql, format!("{name} is no placeholder; write ? or $1")))
    }

    /// The values of an item of an IN list: one, or all of a parameter that is a list.
    pub fn items(&mut self, item: &Expr) -> Result<Vec<Node>> {
        if let Expr::Value(value) = item
            && let Value::Placeholder(name) = &value.value
            && let Parameter::List(items) = self.parameter(name)?
        {
            return items.iter().map(Parameter::constant).collect();
        }
        Ok(vec![self.bind(item)?])
    }

    /// A chain of ANDs or of ORs, which sqlparser nests to the left however long it is.
    fn chain(&mut self, operator: &BinaryOperator, left: &Expr, right: &Expr) -> Result<Node> {
        let mut operands = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            operands.push(right);
            rest = left;
        }
        operands.push(rest);
        let nodes =
            operands.into_iter().rev().map(|operand| self.condition(operand)).collect::<Result<Vec<_>>>()?;
        let nullable = nodes.iter().any(|node| node.nullable);
        if *operator == BinaryOperator::And {
            let nodes = membership::gathered(nodes, Comparison::NotEqual)?;
            return fold(Node::boolean(Kind::And(nodes), nullable));
        }
        any_of(membership::gathered(nodes, Comparison::Equal)?)
    }

    /// An operand that must be true, false or null.
    pub fn condition(&mut self, expr: &Expr) -> Result<Node> {
        let node = decoded(self.bind(expr)?)?;
        match node.data_type {
            DataType::Boolean => Ok(node),
            DataType::Null => Ok(Node::null(&DataType::Boolean)),
            _ => Err(Error::TypeMismatch {
                sql: excerpt(expr),
                reason: format!(
                    "true or false is needed here, but this is {}; compare it with something",
                    describe(&node.data_type)
                ),
            }),
        }
    }

    fn binary(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr, whole: &Expr) -> Result<Node> {
        use BinaryOperator as Op;
        if let Some(comparison) = comparison_of(operator) {
            return self.comparison(comparison, left, right, whole);
        }
        if let Some(operator) = arithmetic_of(operator) {
            let (left, right) = (self.bind(left)?, self.bind(right)?);
            return arithmetic::bind(operator, left, right, &excerpt(whole));
        }
        match operator {
            Op::StringConcat => syntax::concatenation(self, left, right, whole),
            Op::PGStartsWith => self.call("starts_with", &[left, right], whole),
            Op::PGRegexMatch | Op::Regexp => patterns::regexp(self, left, right, "", whole),
            Op::PGRegexIMatch => patterns::regexp(self, left, right, "i", whole),
            Op::PGRegexNotMatch => not(patterns::regexp(self, left, right, "", whole)?),
            Op::PGRegexNotIMatch => not(patterns::regexp(self, left, right, "i", whole)?),
            Op::PGLikeMatch => patterns::like(self, left, right, None, false, false, whole),
            Op::PGILikeMatch => patterns::like(self, left, right, None, true, false, whole),
            Op::PGNotLikeMatch => patterns::like(self, left, right, None, false, true, whole),
            Op::PGNotILikeMatch => patterns::like(self, left, right, None, true, true, whole),
            Op::Xor => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                compare(Comparison::NotEqual, left, right, &excerpt(whole))
            }
            other => Err(unsupported(
                format!("the operator {other}"),
                "docs/filters.md lists the operators there are",
            )),
        }
    }

    fn comparison(&mut self, operator: Comparison, left: &Expr, right: &Expr, whole: &Expr) -> Result<Node> {
        let (left, right) = (self.bind(left)?, self.bind(right)?);
        compare(operator, left, right, &excerpt(whole))
    }

    fn unary(&mut self, operator: &UnaryOperator, operand: &Expr, whole: &Expr) -> Result<Node> {
        match operator {
            UnaryOperator::Not | UnaryOperator::BangNot => not(self.condition(operand)?),
            UnaryOperator::Minus => arithmetic::bind_negation(self.bind(operand)?, &excerpt(whole)),
            UnaryOperator::Plus => {
                let node = self.bind(operand)?;
                match node.data_type.is_numeric() || node.data_type.is_null() {
                    true => Ok(node),
                    false => arithmetic::bind_negation(node, &excerpt(whole)),
                }
            }
            other => Err(unsupported(
                format!("the operator {other}"),
                "docs/filters.md lists the operators there are",
            )),
        }
    }

    fn is_null(&mut self, operand: &Expr, wanted: bool) -> Result<Node> {
        is_null(self.bind(operand)?, wanted)
    }

    fn is(&mut self, operand: &Expr, value: bool, negated: bool) -> Result<Node> {
        let operand = Box::new(self.condition(operand)?);
        let node = fold(Node::boolean(Kind::Is { operand, value }, false))?;
        if negated { not(node) } else { Ok(node) }
    }

    fn between(
        &mut self,
        operand: &Expr,
        low: &Expr,
        high: &Expr,
        negated: bool,
        whole: &Expr,
    ) -> Result<Node> {
        let operand = self.bind(operand)?;
        let (low, high, sql) = (self.bind(low)?, self.bind(high)?, excerpt(whole));
        let above = compare(Comparison::GreaterOrEqual, operand.clone(), low, &sql)?;
        let below = compare(Comparison::LessOrEqual, operand, high, &sql)?;
        let nullable = above.nullable || below.nullable;
        let node = fold(Node::boolean(Kind::And(vec![above, below]), nullable))?;
        if negated { not(node) } else { Ok(node) }
    }

    /// A function of this table, called by an operator or a special syntax.
    pub fn call(&mut self, name: &str, arguments: &[&Expr], whole: &Expr) -> Result<Node> {
        let arguments = arguments.iter().map(|argument| self.bind(argument)).collect::<Result<Vec<_>>>()?;
        self.volatile |= functions::reads_the_clock(name);
        functions::bind(name, arguments, &excerpt(whole))
    }
}

pub(super) fn any_of(mut nodes: Vec<Node>) -> Result<Node> {
    if nodes.len() == 1
        && let Some(node) = nodes.pop()
    {
        return Ok(node);
    }
    let nullable = nodes.iter().any(|node| node.nullable);
    fold(Node::boolean(Kind::Or(nodes), nullable))
}

pub(super) fn not(operand: Node) -> Result<Node> {
    let nullable = operand.nullable;
    fold(Node::boolean(Kind::Not(Box::new(operand)), nullable))
}

fn is_null(operand: Node, wanted: bool) -> Result<Node> {
    let node = fold(Node::boolean(Kind::IsNull(Box::new(operand)), false))?;
    if wanted { Ok(node) } else { not(node) }
}

fn truth(value: bool) -> Node {
    Node::constant(Arc::new(BooleanArray::from(vec![value])))
}

pub(super) fn string(text: &str) -> Node {
    Node::constant(Arc::new(StringArray::from(vec![text])))
}

fn number(text: &str) -> Option<Node> {
    let number = Number::parse(text)?;
    let value = number.natural();
    let data_type = value.data_type().clone();
    Some(Node::new(Kind::Constant { value, number: Some(number) }, data_type, false))
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        digits.chars().map(|ch| ch.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn comparison_of(operator: &BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        BinaryOperator::Spaceship => Comparison::NotDistinct,
        _ => return None,
    })
}

fn arithmetic_of(operator: &BinaryOperator) -> Option<Arithmetic> {
    Some(match operator {
        BinaryOperator::Plus => Arithmetic::Add,
        BinaryOperator::Minus => Arithmetic::Subtract,
        BinaryOperator::Multiply => Arithmetic::Multiply,
        BinaryOperator::Divide => Arithmetic::Divide,
        BinaryOperator::Modulo => Arithmetic::Remainder,
        _ => return None,
    })
}

pub(super) fn unsupported(feature: impl Into<String>, instead: &str) -> Error {
    Error::UnsupportedSql { feature: feature.into(), instead: instead.to_owned() }
}

/// The start of an expression's text. Formatting stops there, so that it costs little and, in long chains,
/// no deep recursion.
pub(super) fn excerpt(expr: &Expr) -> String {
    const BYTES: usize = 120;

    struct Bounded(String);

    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            for ch in text.chars() {
                if self.0.len() >= BYTES {
                    self.0.push('…');
                    return Err(std::fmt::Error);
                }
                self.0.push(ch);
            }
            Ok(())
        }
    }

    let mut text = Bounded(String::new());
    // An error only means that the bound was reached.
    let _ = write!(text, "{expr}");
    text.0
}
