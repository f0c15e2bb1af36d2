//! Binds a call to a function's signature.

use arrow::datatypes::{DataType, TimeUnit};

use super::super::bind::coerce::{cast, coerce, common_type, decoded, text, widened};
use super::super::evaluate::fold;
use super::super::node::{Kind, Node, OnFailure};
use super::super::parse::invalid;
use super::super::types::{common, describe, element, is_date_or_timestamp, is_text};
use super::missing::instead_of;
use super::signature::{Parameter, Signature, Type};
use super::{Function, date, find, regexp};
use crate::error::{Error, Result, nearest};

/// `name(arguments)`.
///
/// # Errors
/// [`Error::UnsupportedSql`] for an unknown function, [`Error::TypeMismatch`] for arguments that do
/// not fit its signature.
pub(in super::super) fn bind(name: &str, arguments: Vec<Node>, sql: &str) -> Result<Node> {
    let Some((function, signature)) = find(name) else { return Err(unknown(name)) };
    if !signature.takes(arguments.len()) {
        return Err(Error::TypeMismatch {
            sql: sql.to_owned(),
            reason: format!("{} arguments were given to {}", arguments.len(), function.signature),
        });
    }
    let arguments = arguments.into_iter().map(decoded).collect::<Result<Vec<_>>>()?;
    let number = shared_type(signature, &arguments, |kind| kind == Type::Number, sql)?;
    let any = shared_type(signature, &arguments, Type::is_shared, sql)?;
    let must_compare =
        |parameter: &Parameter| matches!(parameter.data_type, Type::Single | Type::ListOfSingle);
    if any.is_nested() && signature.parameters.iter().any(must_compare) {
        return Err(Error::TypeMismatch {
            sql: sql.to_owned(),
            reason: format!("{} cannot be compared in {}; use its parts", describe(&any), function.signature),
        });
    }
    let arguments = arguments
        .into_iter()
        .enumerate()
        .map(|(position, argument)| match signature.parameter(position) {
            Some(parameter) => fit(argument, parameter, &number, &any, function, sql),
            None => Ok(argument),
        })
        .collect::<Result<Vec<_>>>()?;
    let data_type = returned(signature.returns, &arguments, &number, &any);
    // Those that skip nulls may still be null, if all arguments are.
    let nullable = signature.nullable || arguments.iter().any(|argument| argument.nullable);
    fold(Node::new(Kind::Call { function, arguments, sql: sql.to_owned() }, data_type, nullable))
}

fn unknown(name: &str) -> Error {
    const AGGREGATES: &[&str] =
        &["count", "sum", "avg", "min", "max", "median", "stddev", "array_agg", "string_agg"];
    let instead = if AGGREGATES.contains(&name.to_lowercase().as_str()) {
        "it aggregates rows, and a filter looks at one row at a time".to_owned()
    } else if let Some(instead) = instead_of(name) {
        instead.to_owned()
    } else {
        match nearest(name, super::all().flat_map(|function| function.names.iter().copied())) {
            Some(name) => format!("did you mean {name}()?"),
            None => "docs/filters.md lists the functions there are".to_owned(),
        }
    };
    Error::UnsupportedSql { feature: format!("the function {name}()"), instead }
}

/// The one type of all arguments that `concerns` a parameter of its kind.
fn shared_type(
    signature: &Signature,
    arguments: &[Node],
    concerns: impl Fn(Type) -> bool,
    sql: &str,
) -> Result<DataType> {
    let mut single = vec![];
    let mut in_lists = DataType::Null;
    for (position, argument) in arguments.iter().enumerate() {
        let Some(parameter) = signature.parameter(position).filter(|p| concerns(p.data_type)) else {
            continue;
        };
        match (parameter.data_type.is_list(), element(&argument.data_type)) {
            (true, Some(item)) => {
                let item = super::super::types::plain(item);
                // A list of constants bends to the other list; lists of columns must share a type.
                in_lists = match common(&in_lists, &item) {
                    Some(both) if argument.is_constant() && !in_lists.is_null() && in_lists.is_numeric() => {
                        if both.is_floating() && in_lists.is_floating() {
                            in_lists
                        } else {
                            both
                        }
                    }
                    Some(both) => both,
                    None => return Err(wrong_argument(argument, "a list of the same type", sql)),
                };
            }
            (true, None) if !argument.is_null_constant() => {
                return Err(wrong_argument(argument, "a list", sql));
            }
            (true, None) => {}
            _ => single.push(argument),
        }
    }
    let mut data_type = match in_lists {
        DataType::Null => common_type(&single, sql)?,
        of_list => {
            // The list's element stands for itself among the single values.
            let witness = Node::new(Kind::Column { index: 0, name: String::new() }, of_list, true);
            single.push(&witness);
            common_type(&single, sql)?
        }
    };
    if concerns(Type::Number) {
        data_type = match data_type {
            DataType::Null => DataType::Float64,
            DataType::UInt64 => DataType::Decimal128(38, 0),
            integer if integer.is_integer() => DataType::Int64,
            float if float.is_floating() => DataType::Float64,
            other => other,
        };
    }
    Ok(data_type)
}

fn fit(
    argument: Node,
    parameter: &Parameter,
    number: &DataType,
    any: &DataType,
    function: &'static Function,
    sql: &str,
) -> Result<Node> {
    let data_type = argument.data_type.clone();
    let wrong = |expected: &str| {
        let expected = format!("{expected} for '{}' in {}", parameter.name, function.signature);
        Err(wrong_argument(&argument, &expected, sql))
    };
    match parameter.data_type {
        Type::Text | Type::Regex | Type::Part => {
            if !(is_text(&data_type) || data_type.is_null()) {
                return wrong("a string");
            }
            let argument = cast(argument, DataType::Utf8, OnFailure::Error, sql.to_owned())?;
            check_constant(&argument, parameter.data_type, sql)?;
            Ok(argument)
        }
        Type::Printable if data_type.is_nested() => wrong("a single value"),
        Type::Printable => cast(argument, DataType::Utf8, OnFailure::Null, sql.to_owned()),
        Type::Boolean => coerce(argument, &DataType::Boolean, sql),
        Type::Integer if data_type == DataType::UInt64 => {
            cast(argument, DataType::Int64, OnFailure::Error, sql.to_owned())
        }
        Type::Integer => coerce(argument, &DataType::Int64, sql),
        Type::Float if data_type.is_numeric() || data_type.is_null() => widened(argument, &DataType::Float64),
        Type::Float => wrong("a number"),
        Type::Number if !number.is_numeric() => wrong("a number"),
        Type::Number => coerce(argument, number, sql),
        Type::Date => coerce(argument, &DataType::Date32, sql),
        Type::Timestamp => coerce(argument, &date::TIMESTAMP, sql),
        Type::Time if is_date_or_timestamp(&data_type) => Ok(argument),
        Type::Time if is_text(&data_type) && argument.is_constant() => {
            coerce(argument, &date::TIMESTAMP, sql)
        }
        Type::Time if data_type.is_null() => Ok(Node::null(&date::TIMESTAMP)),
        Type::Time => wrong("a date or timestamp"),
        Type::Instant if is_date_or_timestamp(&data_type) || is_text(&data_type) => Ok(argument),
        Type::Instant if data_type.is_numeric() || data_type.is_null() => {
            widened(argument, &DataType::Float64)
        }
        Type::Instant => wrong("a string, a number or a date"),
        Type::Any | Type::Single => coerce(argument, any, sql),
        Type::ListOfAny | Type::ListOfSingle => {
            let list = DataType::new_list(any.clone(), true);
            cast(argument, list, OnFailure::Error, sql.to_owned())
        }
    }
}

/// Says at once that a constant is no regular expression or no part of a date.
fn check_constant(argument: &Node, parameter: Type, sql: &str) -> Result<()> {
    let Some(text) = text(argument) else { return Ok(()) };
    match parameter {
        Type::Regex => regexp::compile(text, "").map(drop).map_err(|reason| invalid(sql, reason)),
        Type::Part if date::Part::parse(text).is_none() => Err(invalid(sql, date::Part::unknown(text))),
        _ => Ok(()),
    }
}

fn wrong_argument(argument: &Node, expected: &str, sql: &str) -> Error {
    Error::TypeMismatch {
        sql: sql.to_owned(),
        reason: format!("{} was given where {expected} is needed", describe(&argument.data_type)),
    }
}

fn returned(returns: Type, arguments: &[Node], number: &DataType, any: &DataType) -> DataType {
    match returns {
        Type::Text | Type::Regex | Type::Part | Type::Printable => DataType::Utf8,
        Type::Boolean => DataType::Boolean,
        Type::Integer => DataType::Int64,
        Type::Float => DataType::Float64,
        Type::Number => number.clone(),
        Type::Date => DataType::Date32,
        Type::Timestamp | Type::Instant => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Time => arguments.last().map_or(DataType::Null, |time| time.data_type.clone()),
        Type::Any | Type::Single => any.clone(),
        Type::ListOfAny | Type::ListOfSingle => DataType::new_list(any.clone(), true),
    }
}
