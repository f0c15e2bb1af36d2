//! Finds the column or struct field that a name means.

use arrow::datatypes::{DataType, Fields, Schema};
use sqlparser::ast::Ident;

use super::super::evaluate::fold;
use super::super::node::{Kind, Node};
use crate::error::{Error, Result};

/// The column that `parts` name: `a`, or the field `a.b.c`, or a column whose own name has dots.
pub(super) fn resolve(parts: &[Ident], schema: &Schema) -> Result<Node> {
    let Some((first, path)) = parts.split_first() else { return Err(Error::internal("an empty name")) };
    match find(schema.fields(), &first.value) {
        Some(index) => path.iter().try_fold(column(schema, index), |parent, name| field(parent, &name.value)),
        None => {
            let whole = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            find(schema.fields(), &whole).map(|index| column(schema, index)).ok_or_else(|| {
                Error::column_not_found(&whole, schema.fields().iter().map(|field| field.name().as_str()))
            })
        }
    }
}

/// A struct's field.
///
/// # Errors
/// [`Error::ColumnNotFound`] if there is none, [`Error::TypeMismatch`] if `parent` is no struct.
pub(super) fn field(parent: Node, name: &str) -> Result<Node> {
    let path = path_of(&parent);
    let DataType::Struct(fields) = &parent.data_type else {
        return Err(Error::TypeMismatch {
            sql: format!("{path}.{name}"),
            reason: format!(
                "'{path}' is {}, not a struct with fields",
                super::super::types::describe(&parent.data_type)
            ),
        });
    };
    let Some(index) = find(fields, name) else {
        let available: Vec<String> = fields.iter().map(|field| format!("{path}.{}", field.name())).collect();
        return Err(Error::column_not_found(&format!("{path}.{name}"), available.iter().map(String::as_str)));
    };
    let (name, data_type) = (fields[index].name().clone(), fields[index].data_type().clone());
    let nullable = parent.nullable || fields[index].is_nullable();
    fold(Node::new(Kind::Field { parent: Box::new(parent), name }, data_type, nullable))
}

fn column(schema: &Schema, index: usize) -> Node {
    let field = schema.field(index);
    let kind = Kind::Column { index, name: field.name().clone() };
    Node::new(kind, field.data_type().clone(), field.is_nullable())
}

/// The field of exactly this name, else the only one that differs in case alone.
fn find(fields: &Fields, name: &str) -> Option<usize> {
    if let Some((index, _)) = fields.find(name) {
        return Some(index);
    }
    let lower = name.to_lowercase();
    let mut matching = (0..fields.len()).filter(|index| fields[*index].name().to_lowercase() == lower);
    let first = matching.next()?;
    matching.next().is_none().then_some(first)
}

fn path_of(node: &Node) -> String {
    match &node.kind {
        Kind::Column { name, .. } => name.clone(),
        Kind::Field { parent, name } => format!("{}.{name}", path_of(parent)),
        _ => "the value".to_owned(),
    }
}
