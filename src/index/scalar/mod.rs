//! Finding the rows that have a value, without reading the column.
//!
//! Every kind files the rows of each value under a key ([`Keys`](crate::storage::Keys)), in pages that are sorted by key and
//! found by their first keys; a look-up reads the pages it needs. BTREE keeps row ids, BITMAP and LABEL_LIST a
//! set for each value; the values of a LABEL_LIST are the elements of lists. Rows without a value are kept
//! apart, because in SQL they are neither equal to anything nor different from it.

mod build;
mod collect;
mod extend;
mod file;
mod look_up;
mod merge;
mod page;
mod reader;
mod sort;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, Result};
use crate::index::VectorColumn;
use crate::index::column::resolve;
use crate::storage::KeyType;

pub(super) use build::build;
pub use extend::{ScalarExtension, extend};
pub use look_up::ScalarIndex;

/// The names that lead to a column (`a.b` may be a field of a struct), and the column.
///
/// # Errors
/// [`Error::ColumnNotFound`].
pub fn column_path(schema: &Schema, column: &str) -> Result<(Vec<String>, Arc<Field>)> {
    let (root, fields) = resolve(schema, column)?;
    let path = [&root].into_iter().chain(&fields).map(|field| field.name().clone()).collect();
    Ok((path, fields.last().unwrap_or(&root).clone()))
}

/// Which scalar index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// Sorted values, for columns of many different ones.
    BTree,
    /// A set of rows for each value, for columns of few different ones.
    Bitmap,
    /// A set of rows for each element of lists.
    LabelList,
}

impl ScalarKind {
    /// Every kind, in the order of their numbers in files.
    pub const ALL: [Self; 3] = [Self::BTree, Self::Bitmap, Self::LabelList];

    /// `BTREE`, `BITMAP` or `LABEL_LIST`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BTree => "BTREE",
            Self::Bitmap => "BITMAP",
            Self::LabelList => "LABEL_LIST",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind for a column for which none was asked for; `None` if no scalar index fits.
    pub fn default_for(data_type: &DataType) -> Option<Self> {
        [Self::BTree, Self::LabelList].into_iter().find(|kind| kind.key_type(data_type).is_some())
    }

    /// What the keys of a column of this type are made of; `None` if this kind does not fit the type.
    pub fn key_type(self, data_type: &DataType) -> Option<KeyType> {
        match (self, data_type) {
            (Self::BTree | Self::Bitmap, single) => KeyType::of(single),
            (Self::LabelList, DataType::List(item) | DataType::LargeList(item)) => {
                KeyType::of(item.data_type())
            }
            (Self::LabelList, DataType::FixedSizeList(item, _)) => {
                let is_vector = VectorColumn::is_vector(&Field::new("", data_type.clone(), true)).is_some();
                KeyType::of(item.data_type()).filter(|_| !is_vector)
            }
            _ => None,
        }
    }

    /// As [`ScalarKind::key_type`], with a reason.
    fn check(self, column: &str, data_type: &DataType) -> Result<KeyType> {
        let expected = match self {
            Self::BTree | Self::Bitmap => {
                "numbers, strings, booleans, dates, times or bytes; for lists there is Index.labelList(), for \
                 vectors Index.ivfPq()"
            }
            Self::LabelList => "lists of numbers, strings, booleans, dates, times or bytes",
        };
        self.key_type(data_type).ok_or_else(|| {
            let value = format!("'{column}' of type {data_type}");
            Error::invalid("column", value, format!("{} indexes columns of {expected}", self.name()))
        })
    }
}
