//! Binds IN: the constants of a list become a set, the rest comparisons.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use sqlparser::ast::Expr;

use super::super::evaluate::fold;
use super::super::node::{Comparison, Kind, Node};
use super::super::set::Set;
use super::super::types::plain;
use super::coerce::decoded;
use super::compare::compare;
use super::{Binder, any_of, excerpt, is_null, not, truth};
use crate::error::{Error, Result};

/// `operand [NOT] IN (list)`: constants become a set, the rest comparisons.
pub(super) fn in_list(
    binder: &mut Binder,
    operand: &Expr,
    list: &[Expr],
    negated: bool,
    whole: &Expr,
) -> Result<Node> {
    let operand = decoded(binder.bind(operand)?)?;
    if list.is_empty() {
        return Ok(truth(negated));
    }
    let sql = excerpt(whole);
    let mut set = vec![];
    let mut has_null = false;
    let mut comparisons = vec![];
    let mut items = vec![];
    for item in list {
        items.extend(binder.items(item)?);
    }
    if items.is_empty() {
        return Ok(truth(negated));
    }
    for item in items {
        if item.is_null_constant() {
            has_null = true;
            continue;
        }
        let constant = item.is_constant();
        let equal = compare(Comparison::Equal, operand.clone(), item, &sql)?;
        match member(&equal, &operand) {
            Some(Member::Value(value)) if constant => set.push(value),
            Some(Member::Never) if constant => {}
            _ => comparisons.push(equal),
        }
    }
    let all_fit = comparisons.is_empty();
    if !set.is_empty() || all_fit {
        match Set::new(&operand.data_type, &set, has_null)? {
            Some(set) => comparisons.push(in_set(operand, set)?),
            None => {
                for value in set {
                    comparisons.push(compare(
                        Comparison::Equal,
                        operand.clone(),
                        Node::constant(value),
                        &sql,
                    )?);
                }
                if has_null || comparisons.is_empty() {
                    comparisons.push(empty_membership(operand, has_null)?);
                }
            }
        }
    } else if has_null {
        comparisons.push(Node::null(&DataType::Boolean));
    }
    let node = any_of(comparisons)?;
    if negated { not(node) } else { Ok(node) }
}

/// Below this many comparisons a set costs more than it saves.
const GATHERED_MIN: usize = 8;

/// Makes one set of many `x = 1 OR x = 2 OR ...`, or of many `x <> 1 AND x <> 2 AND ...`, given
/// the operands of the chain and which comparison it repeats.
pub(super) fn gathered(nodes: Vec<Node>, repeated: Comparison) -> Result<Vec<Node>> {
    let mut values: BTreeMap<usize, Vec<ArrayRef>> = BTreeMap::new();
    for (column, value, _) in nodes.iter().filter_map(|node| column_and_value(node, repeated)) {
        values.entry(column).or_default().push(value.clone());
    }
    values.retain(|_, values| values.len() >= GATHERED_MIN);
    let mut result = vec![];
    for node in nodes {
        let Some((column, _, operand)) = column_and_value(&node, repeated) else {
            result.push(node);
            continue;
        };
        // The first comparison of a column stands for all; the map forgets a column once it is done.
        match values.get_mut(&column).map(std::mem::take) {
            None => result.push(node),
            Some(values) if values.is_empty() => {}
            Some(values) => match Set::new(&operand.data_type, &values, false)? {
                Some(set) if repeated == Comparison::Equal => result.push(in_set(operand.clone(), set)?),
                Some(set) => result.push(not(in_set(operand.clone(), set)?)?),
                None => return Err(Error::internal("a column was gathered whose type has no set")),
            },
        }
    }
    Ok(result)
}

/// The column, the constant and the operand of `column = constant`, when a set can hold its type.
fn column_and_value(node: &Node, repeated: Comparison) -> Option<(usize, &ArrayRef, &Node)> {
    let Kind::Compare { operator, left, right } = &node.kind else { return None };
    let column = match &left.kind {
        Kind::Column { index, .. } => *index,
        // A dictionary column, decoded.
        Kind::Cast { operand, .. } => match operand.kind {
            Kind::Column { index, .. } if plain(&operand.data_type) == left.data_type => index,
            _ => return None,
        },
        _ => return None,
    };
    let same = *operator == repeated && left.data_type == right.data_type;
    let value = right.value().filter(|_| same && !right.nullable && Set::holds(&left.data_type))?;
    Some((column, value, left))
}

enum Member {
    Value(ArrayRef),
    Never,
}

/// What `operand = literal` came to: a value of the operand's own type, or a comparison that never holds.
fn member(equal: &Node, operand: &Node) -> Option<Member> {
    let Kind::Compare { operator, right, .. } = &equal.kind else { return None };
    match (operator, right.value()) {
        (Comparison::Equal, Some(value)) if right.data_type == operand.data_type => {
            Some(Member::Value(value.clone()))
        }
        // f16 is compared as f32, which holds its values exactly.
        (Comparison::Equal, Some(value)) if operand.data_type == DataType::Float16 => {
            cast(value, &DataType::Float16).ok().map(Member::Value)
        }
        (Comparison::Less, Some(_)) => Some(Member::Never),
        _ => None,
    }
}

fn in_set(operand: Node, set: Set) -> Result<Node> {
    fold(Node::boolean(Kind::InSet { operand: Box::new(operand), set }, true))
}

/// Membership in a list that holds no value, or only null.
fn empty_membership(operand: Node, has_null: bool) -> Result<Node> {
    if has_null {
        return Ok(Node::null(&DataType::Boolean));
    }
    // False, but null where the operand is.
    let is_null = is_null(operand, true)?;
    let kind = Kind::Case {
        branches: vec![(is_null, Node::null(&DataType::Boolean))],
        otherwise: Some(Box::new(truth(false))),
    };
    fold(Node::boolean(kind, true))
}
