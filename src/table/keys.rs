//! The keys of some rows, hashed, and looked up by the keys of others.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use half::f16;

use crate::error::{Error, Result};
use crate::query::column_name;

/// Which row has which key. Keys with a null are nobody's.
pub(super) struct Keys {
    columns: Vec<usize>,
    converter: RowConverter,
    rows: HashMap<OwnedRow, u32>,
}

impl Keys {
    /// The keys that the columns `on` make of `rows`.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`], and [`Error::InvalidArgument`] for a key that is there twice.
    pub fn new(on: &[String], rows: &RecordBatch) -> Result<Self> {
        if on.is_empty() {
            return Err(Error::invalid("on", "an empty list", "at least one column makes a key"));
        }
        let schema = rows.schema();
        let columns = on.iter().map(|name| {
            let known = schema.fields().iter().map(|field| field.name().as_str());
            schema.index_of(&column_name(&schema, name)).map_err(|_| Error::column_not_found(name, known))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let fields = columns.iter().map(|&column| SortField::new(schema.field(column).data_type().clone()));
        let converter = RowConverter::new(fields.collect()).map_err(|error| {
            Error::invalid("on", on.join(", "), format!("columns that can be compared ({error})"))
        })?;
        let key_columns: Vec<ArrayRef> = columns.iter().map(|&column| rows.column(column).clone()).collect();
        let mut keys = Self { columns, converter, rows: HashMap::new() };
        keys.insert(on, &key_columns)?;
        Ok(keys)
    }

    fn insert(&mut self, on: &[String], columns: &[ArrayRef]) -> Result<()> {
        let encoded = self.converter.convert_columns(&comparable(columns)).map_err(Error::internal)?;
        for (row, key) in encoded.iter().enumerate() {
            if has_null(columns, row) {
                continue;
            }
            if let Some(earlier) = self.rows.insert(key.owned(), row as u32) {
                let values =
                    columns.iter().map(|column| array_value_to_string(column, row).unwrap_or_default());
                let values = values.collect::<Vec<_>>().join(", ");
                return Err(Error::invalid(
                    "the data of mergeInsert",
                    format!("ambiguous: rows {earlier} and {row} both have the key ({values})"),
                    format!("unique in the columns {}", on.join(", ")),
                ));
            }
        }
        Ok(())
    }

    /// The positions of the key's columns in the table, in the order in which [`Keys::lookup`] wants them.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// For each row of `keys`, which are just the key's columns, the row that has the same key.
    pub fn lookup(&self, keys: &RecordBatch) -> Result<Vec<Option<u32>>> {
        let encoded = self.converter.convert_columns(&comparable(keys.columns())).map_err(Error::internal)?;
        let found = encoded.iter().enumerate().map(|(row, key)| {
            if has_null(keys.columns(), row) { None } else { self.rows.get(&key.owned()).copied() }
        });
        Ok(found.collect())
    }
}

/// Columns whose equal values have equal bits: there are two zeros and many NaN, which filters take for one.
fn comparable(columns: &[ArrayRef]) -> Vec<ArrayRef> {
    let column = |column: &ArrayRef| -> ArrayRef {
        match column.data_type() {
            DataType::Float16 => one_zero::<Float16Type>(column, f16::ZERO, f16::NAN),
            DataType::Float32 => one_zero::<Float32Type>(column, 0.0, f32::NAN),
            DataType::Float64 => one_zero::<Float64Type>(column, 0.0, f64::NAN),
            _ => column.clone(),
        }
    };
    columns.iter().map(column).collect()
}

fn one_zero<T: ArrowPrimitiveType>(column: &ArrayRef, zero: T::Native, nan: T::Native) -> ArrayRef
where
    T::Native: PartialEq,
{
    let floats = column.as_primitive::<T>();
    Arc::new(floats.unary::<_, T>(|value| match value {
        value if value == zero => zero,
        // Only NaN is not equal to itself.
        #[expect(clippy::eq_op, reason = "see above")]
        value if value != value => nan,
        value => value,
    }))
}

fn has_null(columns: &[ArrayRef], row: usize) -> bool {
    columns.iter().any(|column| column.is_null(row))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int32Array, StringArray};

    use super::*;

    fn rows(ids: Vec<Option<i32>>, names: Vec<&str>) -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int32Array::from(ids));
        let names: ArrayRef = Arc::new(StringArray::from(names));
        RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
    }

    #[test]
    fn both_zeros_are_one_key_and_so_is_every_nan() {
        let batch = |values: Vec<f64>| {
            RecordBatch::try_from_iter([("k", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap()
        };
        let keys = Keys::new(&["k".to_owned()], &batch(vec![0.0, f64::NAN, 1.0])).unwrap();

        let found = keys.lookup(&batch(vec![-0.0, -f64::NAN, 2.0])).unwrap();

        assert_eq!(found, [Some(0), Some(1), None]);
    }

    #[test]
    fn a_key_is_all_its_columns_and_a_null_is_no_key() {
        let on = ["name".to_owned(), "id".to_owned()];
        let keys = Keys::new(&on, &rows(vec![Some(1), Some(1), None], vec!["a", "b", "a"])).unwrap();
        let asked = rows(vec![Some(1), Some(1), None, Some(2)], vec!["b", "a", "a", "a"]);

        let found = keys.lookup(&asked.project(keys.columns()).unwrap()).unwrap();

        assert_eq!(found, [Some(1), Some(0), None, None]);
    }

    #[test]
    fn a_key_that_is_there_twice_is_named() {
        let error =
            Keys::new(&["id".to_owned()], &rows(vec![Some(7), Some(7)], vec!["a", "b"])).err().unwrap();

        assert_eq!(error.code(), "INVALID_ARGUMENT");
        assert!(error.to_string().contains("rows 0 and 1 both have the key (7)"), "{error}");
    }
}
