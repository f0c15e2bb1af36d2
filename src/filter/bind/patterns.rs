//! Binds LIKE, SIMILAR TO and the regular expression operators.

use arrow::datatypes::DataType;
use sqlparser::ast::{Expr, Value};

use super::super::evaluate::{fold, similar_to as pattern_of_similar_to, with_backslash};
use super::super::functions;
use super::super::node::{Kind, Node};
use super::super::parse::invalid;
use super::super::types::{describe, is_text};
use super::coerce::{coerce, common_type, decoded, text};
use super::{Binder, excerpt, not, string, unsupported};
use crate::error::{Error, Result};

/// `operand [NOT] LIKE pattern [ESCAPE escape]`, or ILIKE if `ignore_case`.
pub(super) fn like(
    binder: &mut Binder,
    operand: &Expr,
    pattern: &Expr,
    escape: Option<&Value>,
    ignore_case: bool,
    negated: bool,
    whole: &Expr,
) -> Result<Node> {
    let (operand, pattern) = (decoded(binder.bind(operand)?)?, decoded(binder.bind(pattern)?)?);
    for node in [&operand, &pattern] {
        if !is_text(&node.data_type) && !node.data_type.is_null() {
            return Err(Error::TypeMismatch {
                sql: excerpt(whole),
                reason: format!(
                    "LIKE compares strings, but this is {}; CAST it to TEXT",
                    describe(&node.data_type)
                ),
            });
        }
    }
    let pattern = match (escape, text(&pattern)) {
        (None, _) => pattern,
        (Some(escape), Some(text)) => string(&with_backslash(text, escape_character(binder, escape)?)),
        (Some(_), None) if pattern.is_null_constant() => pattern,
        (Some(_), None) => {
            return Err(unsupported(
                "ESCAPE with a pattern that is not a literal",
                "write the pattern as a 'string'",
            ));
        }
    };
    let target = common_type(&[&operand, &pattern], &excerpt(whole))?;
    let target = if is_text(&target) { target } else { DataType::Utf8 };
    let sql = excerpt(whole);
    let (operand, pattern) = (coerce(operand, &target, &sql)?, coerce(pattern, &target, &sql)?);
    let nullable = operand.nullable || pattern.nullable;
    let kind = Kind::Like { operand: Box::new(operand), pattern: Box::new(pattern), ignore_case };
    let node = fold(Node::boolean(kind, nullable))?;
    if negated { not(node) } else { Ok(node) }
}

/// The character of an ESCAPE clause; none if it is the empty string.
pub(super) fn escape_character(binder: &Binder, escape: &Value) -> Result<Option<char>> {
    let text = escape.clone().into_string().unwrap_or_default();
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (escape, None) => Ok(escape),
        _ => Err(invalid(binder.sql, format!("ESCAPE takes one character, not '{text}'"))),
    }
}

/// `text ~ pattern`.
pub(super) fn regexp(
    binder: &mut Binder,
    text: &Expr,
    pattern: &Expr,
    flags: &str,
    whole: &Expr,
) -> Result<Node> {
    let arguments = vec![binder.bind(text)?, binder.bind(pattern)?, string(flags)];
    functions::bind("regexp_like", arguments, &excerpt(whole))
}

pub(super) fn similar_to(
    binder: &mut Binder,
    operand: &Expr,
    pattern: &Expr,
    escape: char,
    whole: &Expr,
) -> Result<Node> {
    let (operand, pattern) = (binder.bind(operand)?, binder.bind(pattern)?);
    let pattern = match text(&pattern) {
        Some(text) => string(&pattern_of_similar_to(text, escape)),
        None if pattern.is_null_constant() => pattern,
        None => {
            return Err(unsupported("SIMILAR TO with a pattern that is not a literal", "use regexp_like()"));
        }
    };
    functions::bind("regexp_like", vec![operand, pattern], &excerpt(whole))
}
