//! From a bound condition to the questions whose answers are the rows it is true for.

use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::datatypes::DataType;

use super::super::bind::coerce::text;
use super::super::node::{Comparison, Kind, Node};
use super::super::types::{element, plain};
use super::{Lookup, Search, Test};

/// The rows for which a condition is true, or, if it is not exact, some more.
pub(super) struct Answer {
    pub search: Search,
    pub exact: bool,
}

impl Answer {
    fn exact(search: Search) -> Option<Self> {
        Some(Self { search, exact: true })
    }
}

/// The rows for which `node` is true, or false if `negated`.
pub(super) fn answer(node: &Node, negated: bool, answers: &dyn Fn(&Lookup) -> bool) -> Option<Answer> {
    let ask = |node: &Node, test: Test| {
        let lookup = Lookup { column: column(node)?, test };
        answers(&lookup).then_some(Search::Lookup(lookup))
    };
    // True for the rows of `search`, false for the others that have a value.
    let either = |operand: &Node, search: Search| {
        let nulls = || ask(operand, Test::IsNull);
        Answer::exact(match negated {
            false => search,
            true => Search::Not(Box::new(Search::Any(vec![search, nulls()?]))),
        })
    };
    match &node.kind {
        Kind::Constant { value, .. } => {
            let value: &BooleanArray = value.as_boolean_opt()?;
            let holds = value.is_valid(0) && value.value(0) != negated;
            Answer::exact(if holds { Search::All(vec![]) } else { Search::Any(vec![]) })
        }
        Kind::Column { .. } | Kind::Field { .. } => {
            Answer::exact(ask(node, Test::OneOf(Arc::new(BooleanArray::from(vec![!negated]))))?)
        }
        Kind::Not(operand) => answer(operand, !negated, answers),
        Kind::And(nodes) if !negated => all(nodes, negated, answers),
        Kind::Or(nodes) if negated => all(nodes, negated, answers),
        Kind::And(nodes) | Kind::Or(nodes) => any(nodes, negated, answers),
        Kind::Is { operand, value } => {
            let Answer { search, exact } = answer(operand, !value, answers)?;
            match (negated, exact) {
                (false, exact) => Some(Answer { search, exact }),
                (true, true) => Answer::exact(Search::Not(Box::new(search))),
                (true, false) => None,
            }
        }
        Kind::IsNull(operand) => {
            let nulls = ask(operand, Test::IsNull)?;
            Answer::exact(if negated { Search::Not(Box::new(nulls)) } else { nulls })
        }
        Kind::Compare { operator, left, right } => compare(*operator, left, right, negated, &ask),
        Kind::InSet { operand, set } => {
            if negated && set.has_null() {
                // Never true: the null may be equal to anything.
                return Answer::exact(Search::Any(vec![]));
            }
            either(operand, ask(operand, Test::OneOf(set.array().clone()))?)
        }
        Kind::Like { operand, pattern, ignore_case: false } => {
            let (prefix, rest) = literal_prefix(text(pattern)?);
            let search = match rest {
                "" => ask(operand, Test::OneOf(Arc::new(StringArray::from(vec![prefix]))))?,
                _ if prefix.is_empty() => return None,
                _ => ask(operand, Test::StartsWith(prefix))?,
            };
            match rest {
                "" | "%" => either(operand, search),
                _ if negated => None,
                _ => Some(Answer { search, exact: false }),
            }
        }
        Kind::Call { function, arguments, .. } => {
            let [operand, wanted] = arguments.as_slice() else { return None };
            let test = call(function.names[0], wanted.value()?)?;
            either(operand, ask(operand, test)?)
        }
        _ => None,
    }
}

/// The rows for which all conditions are true; those that nobody can answer let every row through.
fn all(nodes: &[Node], negated: bool, answers: &dyn Fn(&Lookup) -> bool) -> Option<Answer> {
    let found: Vec<Answer> = nodes.iter().filter_map(|node| answer(node, negated, answers)).collect();
    if found.is_empty() {
        return None;
    }
    let exact = found.len() == nodes.len() && found.iter().all(|answer| answer.exact);
    let mut searches: Vec<Search> = Vec::new();
    for Answer { search, .. } in found {
        match searches.iter_mut().find_map(|other| Some((intersection(other, &search)?, other))) {
            Some((range, other)) => *other = range,
            None => searches.push(search),
        }
    }
    Some(Answer { search: Search::All(searches), exact })
}

/// The rows for which one of the conditions is true; somebody must answer each.
fn any(nodes: &[Node], negated: bool, answers: &dyn Fn(&Lookup) -> bool) -> Option<Answer> {
    let found: Option<Vec<Answer>> = nodes.iter().map(|node| answer(node, negated, answers)).collect();
    let found = found?;
    let exact = found.iter().all(|answer| answer.exact);
    Some(Answer { search: Search::Any(found.into_iter().map(|answer| answer.search).collect()), exact })
}

fn compare(
    operator: Comparison,
    left: &Node,
    right: &Node,
    negated: bool,
    ask: &dyn Fn(&Node, Test) -> Option<Search>,
) -> Option<Answer> {
    let (operand, value, operator) = match (left.value(), right.value()) {
        (None, Some(value)) if !right.nullable => (left, value.clone(), operator),
        (Some(value), None) if !left.nullable => (right, value.clone(), operator.flipped()),
        _ => return None,
    };
    let not = |search: Search| Search::Not(Box::new(search));
    let equal = |value| ask(operand, Test::OneOf(value));
    let between = |low, high| ask(operand, Test::Between(low, high));
    use Bound::{Excluded, Included, Unbounded};
    let search = match (operator, negated) {
        (Comparison::Equal, false) | (Comparison::NotEqual, true) => equal(value)?,
        (Comparison::NotEqual, false) | (Comparison::Equal, true) => {
            not(Search::Any(vec![equal(value)?, ask(operand, Test::IsNull)?]))
        }
        (Comparison::Less, false) | (Comparison::GreaterOrEqual, true) => {
            between(Unbounded, Excluded(value))?
        }
        (Comparison::LessOrEqual, false) | (Comparison::Greater, true) => {
            between(Unbounded, Included(value))?
        }
        (Comparison::Greater, false) | (Comparison::LessOrEqual, true) => {
            between(Excluded(value), Unbounded)?
        }
        (Comparison::GreaterOrEqual, false) | (Comparison::Less, true) => {
            between(Included(value), Unbounded)?
        }
        // These are never null.
        (Comparison::NotDistinct, false) | (Comparison::Distinct, true) => equal(value)?,
        (Comparison::Distinct, false) | (Comparison::NotDistinct, true) => not(equal(value)?),
    };
    Answer::exact(search)
}

/// What a function asks of its first argument.
fn call(name: &str, wanted: &ArrayRef) -> Option<Test> {
    if wanted.is_null(0) {
        return None;
    }
    match name {
        "starts_with" => {
            let start = wanted.as_string_opt::<i32>()?.value(0);
            (!start.is_empty()).then(|| Test::StartsWith(start.to_owned()))
        }
        "array_has" => Some(Test::HasAny(wanted.clone())),
        "array_has_any" => Some(Test::HasAny(wanted.as_list_opt::<i32>()?.value(0))),
        "array_has_all" => {
            let elements = wanted.as_list_opt::<i32>()?.value(0);
            let countable = !elements.is_empty() && elements.logical_null_count() == 0;
            countable.then_some(Test::HasAll(elements))
        }
        _ => None,
    }
}

/// The column that a node is, under casts that change neither the order of its values nor which are equal.
fn column(node: &Node) -> Option<Vec<String>> {
    match &node.kind {
        Kind::Column { name, .. } => Some(vec![name.clone()]),
        Kind::Field { parent, name } => {
            let mut path = column(parent)?;
            path.push(name.clone());
            Some(path)
        }
        Kind::Cast { operand, .. } if keeps_values(&operand.data_type, &node.data_type) => column(operand),
        _ => None,
    }
}

fn keeps_values(from: &DataType, to: &DataType) -> bool {
    if let (Some(from), Some(to)) = (element(&plain(from)), element(&plain(to))) {
        return keeps_values(from, to);
    }
    let (from, to) = (plain(from), plain(to));
    let is_small = |data_type: &DataType| data_type.is_integer() && *data_type != DataType::UInt64;
    from == to
        || is_small(&from) && to == DataType::Int64
        || from.is_floating() && to == DataType::Float64
        || (&from, &to) == (&DataType::Float16, &DataType::Float32)
        || (&from, &to) == (&DataType::Utf8, &DataType::LargeUtf8)
        || (&from, &to) == (&DataType::Binary, &DataType::LargeBinary)
}

/// What a LIKE pattern with `\` as its escape begins with, and the rest from its first wildcard on.
fn literal_prefix(pattern: &str) -> (String, &str) {
    let mut prefix = String::new();
    let mut chars = pattern.char_indices();
    while let Some((at, ch)) = chars.next() {
        match ch {
            '%' | '_' => return (prefix, &pattern[at..]),
            '\\' => match chars.next() {
                Some((_, escaped @ ('%' | '_' | '\\'))) => prefix.push(escaped),
                // What else a backslash means is the kernel's business.
                _ => return (prefix, &pattern[at..]),
            },
            _ => prefix.push(ch),
        }
    }
    (prefix, "")
}

/// One range for two of the same column that are open on opposite sides.
pub(super) fn intersection(left: &Search, right: &Search) -> Option<Search> {
    let (Search::Lookup(left), Search::Lookup(right)) = (left, right) else { return None };
    let (Test::Between(low, high), Test::Between(other_low, other_high)) = (&left.test, &right.test) else {
        return None;
    };
    let pick = |one: &Bound<ArrayRef>, other: &Bound<ArrayRef>| match (one, other) {
        (bound, Bound::Unbounded) | (Bound::Unbounded, bound) => Some(bound.clone()),
        _ => None,
    };
    let test = Test::Between(pick(low, other_low)?, pick(high, other_high)?);
    (left.column == right.column).then(|| Search::Lookup(Lookup { column: left.column.clone(), test }))
}
