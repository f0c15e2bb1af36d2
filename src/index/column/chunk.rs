//! A vector column's part of one record batch.

use std::ops::Range as Interval;

use arrow::array::{Array, AsArray, FixedSizeListArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type, Int8Type, UInt8Type};
use half::f16;

use crate::distance::Vectors;
use crate::error::{Error, Result};
use crate::storage::RowIds;

/// The column's part of one record batch.
#[derive(Debug, Clone)]
pub struct VectorChunk {
    row_ids: RowIds,
    pub(super) first_row_id: u64,
    pub(super) first_offset: u64,
    rows: usize,
    values: Values,
    nulls: Option<NullBuffer>,
}

#[derive(Debug, Clone)]
enum Values {
    F16(ScalarBuffer<f16>),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    U8(ScalarBuffer<u8>),
    I8(ScalarBuffer<i8>),
}

impl Values {
    fn slice(&self, start: usize, values: usize) -> Self {
        match self {
            Self::F16(all) => Self::F16(all.slice(start, values)),
            Self::F32(all) => Self::F32(all.slice(start, values)),
            Self::F64(all) => Self::F64(all.slice(start, values)),
            Self::U8(all) => Self::U8(all.slice(start, values)),
            Self::I8(all) => Self::I8(all.slice(start, values)),
        }
    }
}

impl VectorChunk {
    pub(super) fn new(
        lists: &FixedSizeListArray,
        nulls: Option<NullBuffer>,
        row_ids: RowIds,
        first_offset: u64,
    ) -> Result<Self> {
        let items = lists.values();
        let values = match lists.value_type() {
            DataType::Float16 => Values::F16(items.as_primitive::<Float16Type>().values().clone()),
            DataType::Float32 => Values::F32(items.as_primitive::<Float32Type>().values().clone()),
            DataType::Float64 => Values::F64(items.as_primitive::<Float64Type>().values().clone()),
            DataType::UInt8 => Values::U8(items.as_primitive::<UInt8Type>().values().clone()),
            DataType::Int8 => Values::I8(items.as_primitive::<Int8Type>().values().clone()),
            other => return Err(Error::internal(format!("a vector column holds lists of {other}"))),
        };
        let nulls = NullBuffer::union(nulls.as_ref(), lists.nulls());
        let nulls = NullBuffer::union(nulls.as_ref(), rows_with_null_items(lists).as_ref());
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let first_row_id = row_ids.id(0);
        Ok(Self { row_ids, first_row_id, first_offset, rows: lists.len(), values, nulls })
    }

    /// Some of its rows; `first_offset` rows come before them.
    pub(super) fn slice(&self, rows: Interval<usize>, dim: usize, first_offset: u64) -> Self {
        let row_ids = self.row_ids.slice(rows.start as u64..rows.end as u64);
        Self {
            first_row_id: row_ids.id(0),
            row_ids,
            first_offset,
            rows: rows.len(),
            values: self.values.slice(rows.start * dim, rows.len() * dim),
            nulls: self.nulls.as_ref().map(|nulls| nulls.slice(rows.start, rows.len())),
        }
    }

    /// The id of a row.
    #[inline]
    pub fn row_id(&self, row: usize) -> u64 {
        self.row_ids.id(row as u64)
    }

    /// The ids of all rows.
    pub fn row_ids(&self) -> &RowIds {
        &self.row_ids
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The places of the rows whose ids are in `row_ids`.
    pub fn rows_in(&self, row_ids: &Interval<u64>) -> Interval<usize> {
        let place = |row_id: u64| self.row_ids.rank(row_id) as usize;
        place(row_ids.start)..place(row_ids.end)
    }

    /// All vectors, rows x dimensions. What a null row holds means nothing.
    pub fn vectors(&self) -> Vectors<'_> {
        match &self.values {
            Values::F16(values) => Vectors::F16(values),
            Values::F32(values) => Vectors::F32(values),
            Values::F64(values) => Vectors::F64(values),
            Values::U8(values) => Vectors::U8(values),
            Values::I8(values) => Vectors::I8(values),
        }
    }

    /// Whether a row has no vector: it is deleted, or it, a struct around it or one of its values is null.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Whether any row is null.
    pub fn has_nulls(&self) -> bool {
        self.nulls.is_some()
    }
}

/// Marks the rows in which some value is null.
fn rows_with_null_items(lists: &FixedSizeListArray) -> Option<NullBuffer> {
    let items = lists.values().nulls().filter(|nulls| nulls.null_count() > 0)?;
    let dim = lists.value_length() as usize;
    Some((0..lists.len()).map(|row| (row * dim..(row + 1) * dim).all(|i| items.is_valid(i))).collect())
}
