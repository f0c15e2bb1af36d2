//! Rows in an order that was asked for. Only the columns that decide it are read for every row.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Float32Array, RecordBatch, UInt64Array};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices};
use arrow::datatypes::{DataType, SchemaRef};

use crate::error::{Error, Result};
use crate::query::gather::gather;
use crate::query::projection::{Extras, Found, Projection};
use crate::query::request::{OrderBy, Select};
use crate::storage::Version;

/// The columns that decide the order of a result, bound to a table.
#[derive(Debug)]
pub(crate) struct Order {
    keys: Projection,
    columns: Vec<OrderBy>,
}

impl Order {
    /// Binds `columns`, the first of which counts most; none if the order does not matter.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`], and [`Error::TypeMismatch`] for a column that has no order.
    pub fn new(columns: &[OrderBy], table: &SchemaRef, extras: Extras) -> Result<Option<Self>> {
        if columns.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = columns.iter().map(|order| order.column.clone()).collect();
        let keys = Projection::new(&Select::Columns(names), table, extras)?;
        for order in columns {
            let data_type =
                keys.schema().field_with_name(&order.column).map_err(Error::internal)?.data_type();
            if data_type.is_nested() || matches!(data_type, DataType::Interval(_)) {
                return Err(Error::TypeMismatch {
                    sql: format!("ORDER BY {}", order.column),
                    reason: format!(
                        "a column of {data_type} has no order; choose one of numbers, strings or times"
                    ),
                });
            }
        }
        Ok(Some(Self { keys, columns: columns.to_vec() }))
    }

    /// The places of the first `count` of some rows in this order. Rows that are alike keep theirs.
    pub fn first(
        &self,
        version: &Version,
        row_ids: &[u64],
        distances: Option<Float32Array>,
        count: usize,
    ) -> Result<Vec<usize>> {
        let rows = gather(version, row_ids, self.keys.reads())?;
        let row_ids = UInt64Array::from(row_ids.to_vec());
        let keys =
            self.keys.apply(&Found { rows, row_ids: row_ids.clone(), distances, query_indexes: None })?;
        let mut columns =
            self.columns.iter().map(|order| sort_column(order, &keys)).collect::<Result<Vec<_>>>()?;
        let places = UInt64Array::from_iter_values(0..row_ids.len() as u64);
        columns.push(SortColumn { values: Arc::new(places), options: None });
        let sorted = lexsort_to_indices(&columns, Some(count)).map_err(Error::internal)?;
        Ok(sorted.values().iter().map(|&place| place as usize).collect())
    }
}

impl fmt::Display for Order {
    /// `price DESC, name ASC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self
            .columns
            .iter()
            .map(|order| format!("{} {}", order.column, if order.ascending { "ASC" } else { "DESC" }));
        f.write_str(&each.collect::<Vec<_>>().join(", "))
    }
}

fn sort_column(order: &OrderBy, keys: &RecordBatch) -> Result<SortColumn> {
    let values = keys.column_by_name(&order.column).cloned();
    let values = values.ok_or_else(|| Error::internal(format!("no key '{}'", order.column)))?;
    Ok(SortColumn {
        values,
        options: Some(SortOptions { descending: !order.ascending, nulls_first: order.nulls_first }),
    })
}
