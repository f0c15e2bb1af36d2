//! Binds the SQL that has a syntax of its own: CASE, CAST, typed literals, calls, lists, and the rest,
//! which is refused by name.

use std::sync::Arc;

use arrow::array::{Int64Array, IntervalMonthDayNanoArray};
use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use arrow::datatypes::DataType;
use sqlparser::ast::{BinaryOperator, CaseWhen, CastKind, CeilFloorKind, Expr, Interval, TrimWhereField};

use super::super::evaluate::fold;
use super::super::functions;
use super::super::node::{Comparison, Kind, Node, OnFailure};
use super::super::parse::invalid;
use super::super::types::{describe, from_sql, is_binary, is_text};
use super::call::{access, call};
use super::coerce::{cast, coerce, common_type, decoded, text};
use super::compare::compare;
use super::patterns::{escape_character, regexp, similar_to};
use super::{Binder, excerpt, not, string, unsupported};
use crate::error::{Error, Result};

/// Everything that [`Binder::bind`] does not bind itself.
pub(super) fn bind(binder: &mut Binder, expr: &Expr) -> Result<Node> {
    match expr {
        Expr::Case { operand, conditions, else_result, .. } => {
            case(binder, operand.as_deref(), conditions, else_result.as_deref(), expr)
        }
        Expr::Cast { kind, expr: operand, data_type, .. } => cast_to(binder, kind, operand, data_type, expr),
        Expr::TypedString(typed) => {
            let target = from_sql(&typed.data_type).map_err(unknown_type)?;
            let text = typed.value.value.clone().into_string().unwrap_or_default();
            let node = string(&text);
            match is_text(&target) {
                true => Ok(node),
                false => coerce(node, &target, binder.sql)
                    .map_err(|_| invalid(binder.sql, format!("'{text}' is not {}", describe(&target)))),
            }
        }
        Expr::Interval(literal) => interval(binder, literal),
        Expr::Function(function) => call(binder, function, expr),
        Expr::Array(list) => binder.call("make_array", &list.elem.iter().collect::<Vec<_>>(), expr),
        Expr::CompoundFieldAccess { root, access_chain } => access(binder, root, access_chain, expr),
        Expr::SimilarTo { negated, expr: operand, pattern, escape_char } => {
            let escape = match escape_char {
                Some(escape) => escape_character(binder, &escape.value)?.unwrap_or('\0'),
                None => '\\',
            };
            let node = similar_to(binder, operand, pattern, escape, expr)?;
            if *negated { not(node) } else { Ok(node) }
        }
        Expr::RLike { negated, expr: operand, pattern, .. } => {
            let node = regexp(binder, operand, pattern, "", expr)?;
            if *negated { not(node) } else { Ok(node) }
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            binder.call("array_has", &[right, left], expr)
        }
        Expr::Extract { field, expr: operand, .. } => {
            let field = field.to_string();
            let arguments = vec![string(field.trim_matches('\'')), binder.bind(operand)?];
            functions::bind("date_part", arguments, &excerpt(expr))
        }
        Expr::Ceil { expr: operand, field } => one_argument(binder, "ceil", operand, field, expr),
        Expr::Floor { expr: operand, field } => one_argument(binder, "floor", operand, field, expr),
        Expr::Position { expr: part, r#in: text } => binder.call("strpos", &[text, part], expr),
        Expr::Substring { expr: text, substring_from, substring_for, .. } => {
            substring(binder, text, substring_from.as_deref(), substring_for.as_deref(), expr)
        }
        Expr::Trim { trim_where, trim_what, expr: text, trim_characters } => {
            let name = match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                _ => "trim",
            };
            let characters = trim_characters.iter().flatten().chain(trim_what.as_deref());
            let arguments: Vec<&Expr> = std::iter::once(&**text).chain(characters).collect();
            binder.call(name, &arguments, expr)
        }
        other => Err(refused(other)),
    }
}

fn refused(expr: &Expr) -> Error {
    let (feature, instead) = match expr {
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
            ("a subquery".to_owned(), "run it first, and pass its result as an IN list")
        }
        Expr::Tuple(_) => {
            ("a list in parentheses".to_owned(), "write a list as [a, b], or compare one value at a time")
        }
        Expr::AtTimeZone { .. } => ("AT TIME ZONE".to_owned(), "timestamps are compared in UTC"),
        Expr::Collate { .. } => ("COLLATE".to_owned(), "compare lower(column) instead"),
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => ("*".to_owned(), "name a column"),
        Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => {
            ("LIKE ANY".to_owned(), "join several LIKEs with OR")
        }
        Expr::AnyOp { .. } | Expr::AllOp { .. } => (
            "ANY or ALL with this operator".to_owned(),
            "value = ANY(list) and the array functions are supported",
        ),
        other => (format!("`{}`", excerpt(other)), "docs/filters.md lists what is supported"),
    };
    unsupported(feature, instead)
}

fn unknown_type(name: String) -> Error {
    unsupported(
        format!("the type {name}"),
        "use BOOLEAN, TINYINT, SMALLINT, INT, BIGINT (each also UNSIGNED), REAL, DOUBLE, DECIMAL(p, s), TEXT, BYTEA, \
         DATE, TIME or TIMESTAMP",
    )
}

fn case(
    binder: &mut Binder,
    operand: Option<&Expr>,
    conditions: &[CaseWhen],
    otherwise: Option<&Expr>,
    whole: &Expr,
) -> Result<Node> {
    let sql = excerpt(whole);
    let operand = operand.map(|operand| binder.bind(operand)).transpose()?;
    let mut branches = vec![];
    for CaseWhen { condition, result } in conditions {
        let condition = match &operand {
            Some(operand) => {
                let value = binder.bind(condition)?;
                coerce(compare(Comparison::Equal, operand.clone(), value, &sql)?, &DataType::Boolean, &sql)?
            }
            None => binder.condition(condition)?,
        };
        branches.push((condition, decoded(binder.bind(result)?)?));
    }
    let otherwise = otherwise.map(|result| decoded(binder.bind(result)?)).transpose()?;
    let results: Vec<&Node> = branches.iter().map(|(_, result)| result).chain(&otherwise).collect();
    let data_type = common_type(&results, &sql)?;
    let nullable = otherwise.is_none() || results.iter().any(|result| result.nullable);
    let branches = branches
        .into_iter()
        .map(|(condition, result)| Ok((condition, coerce(result, &data_type, &sql)?)))
        .collect::<Result<Vec<_>>>()?;
    let otherwise = otherwise.map(|result| coerce(result, &data_type, &sql)).transpose()?.map(Box::new);
    fold(Node::new(Kind::Case { branches, otherwise }, data_type, nullable))
}

fn cast_to(
    binder: &mut Binder,
    kind: &CastKind,
    operand: &Expr,
    sql_type: &sqlparser::ast::DataType,
    whole: &Expr,
) -> Result<Node> {
    let target = from_sql(sql_type).map_err(unknown_type)?;
    let operand = decoded(binder.bind(operand)?)?;
    if !can_cast(&operand.data_type, &target) {
        return Err(Error::TypeMismatch {
            sql: excerpt(whole),
            reason: format!("{} cannot be cast to {target}", describe(&operand.data_type)),
        });
    }
    let on_failure = match kind {
        CastKind::Cast | CastKind::DoubleColon => OnFailure::Error,
        CastKind::TryCast | CastKind::SafeCast => OnFailure::Null,
    };
    cast(operand, target, on_failure, excerpt(whole))
}

fn can_cast(source: &DataType, target: &DataType) -> bool {
    // Bytes are not text: a cast between them would show or hide invalid UTF-8.
    let bytes_and_text = is_binary(source) && is_text(target);
    !bytes_and_text && arrow::compute::can_cast_types(source, target)
}

fn interval(binder: &mut Binder, interval: &Interval) -> Result<Node> {
    let value = binder.bind(&interval.value)?;
    let amount = match (text(&value), super::coerce::number(&value).and_then(|number| number.as_i64())) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        _ => return Err(unsupported("an INTERVAL of a column", "multiply INTERVAL '1 day' by it")),
    };
    let span = match &interval.leading_field {
        Some(unit) => format!("{amount} {unit}"),
        None => amount,
    };
    let parsed = parse_interval_month_day_nano(&span).map_err(|_| {
        invalid(binder.sql, format!("INTERVAL '{span}' is not a span of time; write it like '7 days'"))
    })?;
    Ok(Node::constant(Arc::new(IntervalMonthDayNanoArray::from(vec![parsed]))))
}

/// `left || right`: null if one is.
pub(super) fn concatenation(binder: &mut Binder, left: &Expr, right: &Expr, whole: &Expr) -> Result<Node> {
    let (left, right) = (binder.bind(left)?, binder.bind(right)?);
    let sql = excerpt(whole);
    if left.is_null_constant() || right.is_null_constant() {
        return Ok(Node::null(&DataType::Utf8));
    }
    let has_null =
        |node: &Node| node.nullable.then(|| Node::boolean(Kind::IsNull(Box::new(node.clone())), false));
    let nulls: Vec<Node> = [&left, &right].into_iter().filter_map(has_null).collect();
    let joined = functions::bind("concat", vec![left, right], &sql)?;
    if nulls.is_empty() {
        return Ok(joined);
    }
    let branches = vec![(super::any_of(nulls)?, Node::null(&DataType::Utf8))];
    fold(Node::new(Kind::Case { branches, otherwise: Some(Box::new(joined)) }, DataType::Utf8, true))
}

fn one_argument(
    binder: &mut Binder,
    name: &str,
    operand: &Expr,
    field: &CeilFloorKind,
    whole: &Expr,
) -> Result<Node> {
    match field {
        CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime) => {
            binder.call(name, &[operand], whole)
        }
        _ => Err(unsupported(
            format!("{name} with a second argument"),
            "use round(x, digits) or date_trunc(unit, time)",
        )),
    }
}

fn substring(
    binder: &mut Binder,
    text: &Expr,
    from: Option<&Expr>,
    length: Option<&Expr>,
    whole: &Expr,
) -> Result<Node> {
    let mut arguments = vec![binder.bind(text)?];
    match from {
        Some(from) => arguments.push(binder.bind(from)?),
        // `substring(text FOR 3)` starts with the first character.
        None if length.is_some() => arguments.push(Node::constant(Arc::new(Int64Array::from(vec![1])))),
        None => {}
    }
    if let Some(length) = length {
        arguments.push(binder.bind(length)?);
    }
    functions::bind("substr", arguments, &excerpt(whole))
}
