//! Which rows a filter lets through, and what an expression makes of them.
//!
//! SQL text is parsed by sqlparser ([`parse`]), its names and types are bound to a schema ([`bind`]),
//! and the bound tree runs over record batches with arrow's kernels ([`evaluate`]). Logic is SQL's:
//! true, false and null. `docs/filters.md` is the user's side of this room.

mod bind;
mod evaluate;
mod functions;
mod literal;
mod lookup;
mod node;
mod parameter;
mod parse;
mod set;
mod types;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};

use crate::error::{Error, Result};
pub use lookup::{Lookup, Part, Search, Test};
use node::{Kind, Node};
pub use parameter::{Condition, Filter, Parameter};

/// An SQL expression bound to a schema: `price * qty`, `lower(name)`, `_distance < 1`.
#[derive(Debug, Clone)]
pub struct Expression {
    sql: String,
    node: Node,
    columns: BTreeSet<usize>,
    notes: Vec<String>,
    volatile: bool,
}

impl Expression {
    /// Reads `sql`, one expression over the columns of `schema`.
    ///
    /// A name is matched exactly first, then without regard to case. `now()` is the time of this call.
    ///
    /// # Errors
    /// [`Error::InvalidSql`] for text that is not one expression, [`Error::ColumnNotFound`] for a name
    /// that is no column, [`Error::TypeMismatch`] for types that do not go together, and
    /// [`Error::UnsupportedSql`] for SQL that is more than an expression over one row.
    pub fn parse(sql: &str, schema: &Schema) -> Result<Self> {
        Self::with_parameters(sql, &[], schema)
    }

    /// As [`Expression::parse`], with a value for each placeholder of `sql`: `?`, or `$1`, `$2`, ….
    ///
    /// # Errors
    /// Those of [`Expression::parse`], and [`Error::InvalidSql`] if there are more placeholders than values, or
    /// fewer.
    pub fn with_parameters(sql: &str, parameters: &[Parameter], schema: &Schema) -> Result<Self> {
        let bound =
            parse::with_syntax_tree(sql, parameters.len(), |tree| bind::bind(tree, schema, sql, parameters))?;
        Ok(Self { notes: bound.notes, volatile: bound.volatile, ..Self::new(sql, bound.node) })
    }

    fn new(sql: &str, node: Node) -> Self {
        let mut columns = BTreeSet::new();
        node.collect_columns(&mut columns);
        let columns = columns.into_iter().map(|(index, _)| index).collect();
        Self { sql: sql.to_owned(), node, columns, notes: Vec::new(), volatile: false }
    }

    /// The text this was read from.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The type of the value.
    pub fn data_type(&self) -> &DataType {
        &self.node.data_type
    }

    /// Whether the value can be null.
    pub fn nullable(&self) -> bool {
        self.node.nullable
    }

    /// The top-level columns that are read, as indexes into the schema given to [`Expression::parse`].
    pub fn columns(&self) -> &BTreeSet<usize> {
        &self.columns
    }

    /// The value for every row of `batch`, of type [`Expression::data_type`].
    ///
    /// The batch may have other columns than the schema, and in another order: those that are read are
    /// found by name.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`] for a row that a CAST or an arithmetic operator cannot handle,
    /// [`Error::ColumnNotFound`] if the batch lacks a column.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        evaluate::evaluate(&self.node, batch)?.into_array(batch.num_rows())
    }
}

/// A filter: an expression that is true, false or null for each row.
#[derive(Debug, Clone)]
pub struct Predicate(Expression);

impl Predicate {
    /// Reads `sql`, a condition over the columns of `schema`.
    ///
    /// # Errors
    /// Those of [`Expression::parse`], and [`Error::TypeMismatch`] if the value is not a boolean.
    pub fn parse(sql: &str, schema: &Schema) -> Result<Self> {
        Self::with_parameters(sql, &[], schema)
    }

    /// As [`Predicate::parse`], with a value for each placeholder of `sql`.
    ///
    /// # Errors
    /// Those of [`Expression::with_parameters`] and [`Predicate::parse`].
    pub fn with_parameters(sql: &str, parameters: &[Parameter], schema: &Schema) -> Result<Self> {
        let Expression { node, notes, volatile, .. } = Expression::with_parameters(sql, parameters, schema)?;
        if !matches!(types::plain(&node.data_type), DataType::Boolean | DataType::Null) {
            return Err(Error::TypeMismatch {
                sql: parse::shorten(sql),
                reason: format!(
                    "a filter must be true or false for each row, but this is {}; compare it with something",
                    types::describe(&node.data_type)
                ),
            });
        }
        let node = bind::coerce::coerce(node, &DataType::Boolean, sql)?;
        Ok(Self(Expression { notes, volatile, ..Expression::new(sql, node) }))
    }

    /// The conjunction of a filter's conditions.
    ///
    /// # Errors
    /// Those of [`Predicate::with_parameters`], of the first condition that has one.
    pub fn of(filter: &Filter, schema: &Schema) -> Result<Self> {
        let each = filter.conditions.iter();
        let mut predicates = each
            .map(|condition| Self::with_parameters(&condition.sql, &condition.parameters, schema))
            .collect::<Result<Vec<_>>>()?;
        if predicates.len() == 1
            && let Some(predicate) = predicates.pop()
        {
            return Ok(predicate);
        }
        let sql: Vec<String> = predicates.iter().map(|predicate| format!("({})", predicate.sql())).collect();
        let notes = predicates.iter().flat_map(|predicate| predicate.0.notes.clone()).collect();
        let volatile = predicates.iter().any(|predicate| predicate.0.volatile);
        let nodes: Vec<Node> = predicates.into_iter().map(|predicate| predicate.0.node).collect();
        let nullable = nodes.iter().any(|node| node.nullable);
        let node = evaluate::fold(Node::boolean(Kind::And(nodes), nullable))?;
        Ok(Self(Expression { notes, volatile, ..Expression::new(&sql.join(" AND "), node) }))
    }

    /// What was understood in another way than the writer may have meant: `"x" names no column, so it is a
    /// string`.
    pub fn notes(&self) -> &[String] {
        &self.0.notes
    }

    /// Whether the answer depends on when the filter was read, as that of `at < now()` does.
    pub fn is_volatile(&self) -> bool {
        self.0.volatile
    }

    /// The text this was read from.
    pub fn sql(&self) -> &str {
        self.0.sql()
    }

    /// The top-level columns that are read, as indexes into the schema given to [`Predicate::parse`].
    pub fn columns(&self) -> &BTreeSet<usize> {
        self.0.columns()
    }

    /// For every row of `batch` whether it matches. Null means that it does not, as in SQL.
    ///
    /// # Errors
    /// Those of [`Expression::evaluate`].
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        Ok(self.0.evaluate(batch)?.as_boolean().clone())
    }
}

/// The functions that filters and expressions know: `(name, signature, what it gives)`.
pub fn functions() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    functions::all().map(|function| (function.names[0], function.signature, function.doc))
}
