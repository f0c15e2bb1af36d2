//! What an index could answer of a filter: which of its conditions ask a column for values, and how those
//! answers are put together.
//!
//! Answers are sets of rows for which a condition is *true*. Negations are pushed down to the conditions
//! (De Morgan's laws hold in SQL's logic of three values), where rows without a value are left out on either side.

mod answer;
mod text;

use std::ops::Bound;

use arrow::array::ArrayRef;

use super::node::{Kind, Node};
use super::{Expression, Predicate};
use answer::{Answer, answer, intersection};

/// A question about the values of one column. Rows without a value are never the answer but to
/// [`Test::IsNull`].
#[derive(Debug, Clone)]
pub enum Test {
    /// The value lies between two others, arrays of one row each.
    Between(Bound<ArrayRef>, Bound<ArrayRef>),
    /// The value is one of some.
    OneOf(ArrayRef),
    /// There is no value.
    IsNull,
    /// The text begins with another.
    StartsWith(String),
    /// The list has at least one of some elements.
    HasAny(ArrayRef),
    /// The list has all of some elements, of which there is at least one and none is null.
    HasAll(ArrayRef),
}

/// A question about a column.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The column's name; for a field of structs, the names that lead there.
    pub column: Vec<String>,
    /// What is asked.
    pub test: Test,
}

/// Questions whose answers, put together, are a set of rows.
#[derive(Debug, Clone)]
pub enum Search {
    /// The rows of one question.
    Lookup(Lookup),
    /// The rows that all of these have; all rows if there is none of these.
    All(Vec<Search>),
    /// The rows that one of these has.
    Any(Vec<Search>),
    /// All other rows.
    Not(Box<Search>),
}

/// One of the conditions that a row must meet, all of them.
#[derive(Debug, Clone)]
pub struct Part {
    /// The condition.
    pub predicate: Predicate,
    /// What finds its rows, if there is such a thing.
    pub search: Option<Search>,
    /// Whether the search finds no other rows. If not, the condition is still to be evaluated on them.
    pub exact: bool,
}

impl Predicate {
    /// The conditions that a row must meet to satisfy this. `answers` says which questions can be answered.
    pub fn parts(&self, answers: &dyn Fn(&Lookup) -> bool) -> Vec<Part> {
        let mut nodes = Vec::new();
        flatten(&self.0.node, &mut nodes);
        let mut parts: Vec<Part> = Vec::new();
        for node in nodes {
            let answer = answer(node, false, answers);
            let predicate = self.with_node(node.clone());
            let Some(Answer { search, exact }) = answer else {
                parts.push(Part { predicate, search: None, exact: false });
                continue;
            };
            // `x > 1 AND x < 3` asks for one range, not for two that are half of the table each.
            let joined = parts.iter_mut().find_map(|part| {
                let range = intersection(part.search.as_ref()?, &search)?;
                Some((part, range))
            });
            match joined {
                Some((part, range)) => {
                    part.search = Some(range);
                    part.predicate = self.all_of(vec![part.predicate.clone(), predicate]);
                }
                None => parts.push(Part { predicate, search: Some(search), exact }),
            }
        }
        parts
    }

    /// The conjunction of some of this predicate's own conditions.
    pub fn all_of(&self, mut predicates: Vec<Predicate>) -> Predicate {
        if predicates.len() == 1
            && let Some(predicate) = predicates.pop()
        {
            return predicate;
        }
        let nullable = predicates.iter().any(|predicate| predicate.0.node.nullable);
        let nodes = predicates.into_iter().map(|predicate| predicate.0.node).collect();
        self.with_node(Node::boolean(Kind::And(nodes), nullable))
    }

    fn with_node(&self, node: Node) -> Predicate {
        Predicate(Expression { volatile: self.is_volatile(), ..Expression::new(self.sql(), node) })
    }
}

/// The conditions of nested ANDs.
fn flatten<'a>(node: &'a Node, conditions: &mut Vec<&'a Node>) {
    match &node.kind {
        Kind::And(nodes) => nodes.iter().for_each(|node| flatten(node, conditions)),
        _ => conditions.push(node),
    }
}
