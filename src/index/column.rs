//! A snapshot's vector column, over all segments, as plain slices.
//!
//! Arrow's fixed-size lists are opened here and nowhere else. Nothing is copied: a chunk holds on to the
//! mapped bytes of its record batch.

use std::ops::Range as Interval;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, RecordBatch, StructArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Float16Type, Float32Type, Float64Type, Int8Type, Schema, UInt8Type};
use half::f16;
use rayon::prelude::*;

use crate::distance::{Query, Vectors, prefetch};
use crate::error::{Error, Result};
use crate::storage::{RowIds, Version};

/// Above this many values, distances of single rows are computed on several threads.
const PARALLEL_VALUES: usize = 1 << 20;

/// Rows whose distances one task computes.
const TASK_ROWS: usize = 64;

/// The type of a vector's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementKind {
    /// Half precision floats.
    F16,
    /// Single precision floats.
    F32,
    /// Double precision floats.
    F64,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
}

impl ElementKind {
    /// Every kind, in the order of their numbers in index files.
    pub const ALL: [ElementKind; 5] = [Self::F16, Self::F32, Self::F64, Self::U8, Self::I8];

    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::U8 | Self::I8 => 1,
        }
    }

    /// The kind of an Arrow type, if vectors can be made of it.
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Float16 => Some(Self::F16),
            DataType::Float32 => Some(Self::F32),
            DataType::Float64 => Some(Self::F64),
            DataType::UInt8 => Some(Self::U8),
            DataType::Int8 => Some(Self::I8),
            _ => None,
        }
    }
}

/// A column of vectors: fixed-size lists of floats or bytes.
#[derive(Debug, Clone)]
pub struct VectorColumn {
    name: String,
    dim: usize,
    element: ElementKind,
    chunks: Vec<VectorChunk>,
    rows: u64,
}

/// The column's part of one record batch.
#[derive(Debug, Clone)]
pub struct VectorChunk {
    row_ids: RowIds,
    first_row_id: u64,
    first_offset: u64,
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

impl VectorColumn {
    /// Opens the column of this name; dots lead into structs (`doc.embedding`).
    ///
    /// # Errors
    /// If there is no such column, if it does not hold vectors, or if a segment is damaged.
    pub fn open(version: &Arc<Version>, column: &str) -> Result<Self> {
        let schema = version.schema();
        let (root, path) = resolve(schema, column)?;
        let field = path.last().unwrap_or(&root).clone();
        let (dim, element) = Self::is_vector(&field).ok_or_else(|| not_a_vector(column, &field))?;
        let index = schema.index_of(root.name()).map_err(Error::internal)?;
        let mut opened = Self { name: column.to_owned(), dim, element, chunks: Vec::new(), rows: 0 };
        for batch in version.batches() {
            let arrays = version.column_batch(&batch, &[index])?;
            opened.push(&arrays, &path, version.row_ids(&batch)?, version.live(&batch)?)?;
        }
        Ok(opened)
    }

    /// A column of one batch, whose rows have the ids from `first_row_id` on.
    #[cfg(test)]
    pub(crate) fn of_lists(lists: FixedSizeListArray, first_row_id: u64) -> Self {
        let field = Field::new("vector", lists.data_type().clone(), true);
        let (dim, element) = Self::is_vector(&field).expect("a list of numbers");
        let mut column = Self { name: "vector".to_owned(), dim, element, chunks: Vec::new(), rows: 0 };
        column.add_lists(lists, first_row_id);
        column
    }

    /// Adds the lists of another batch.
    #[cfg(test)]
    pub(crate) fn add_lists(&mut self, lists: FixedSizeListArray, first_row_id: u64) {
        let schema = Schema::new(vec![Field::new("vector", lists.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(lists)]).expect("one column");
        let row_ids = RowIds::without_gaps(first_row_id, batch.num_rows() as u64);
        self.push(&batch, &[], row_ids, None).expect("a list of numbers");
    }

    /// Adds a batch, of whose rows those count that are `live`; `None` for all.
    fn push(
        &mut self,
        batch: &RecordBatch,
        path: &[Arc<Field>],
        row_ids: RowIds,
        live: Option<BooleanBuffer>,
    ) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let (lists, nulls) = descend(batch.column(0), path)?;
        // A deleted row has no vector: whoever looks at vectors passes over it.
        let nulls = NullBuffer::union(nulls.as_ref(), live.map(NullBuffer::new).as_ref());
        let chunk = VectorChunk::new(&lists, nulls, row_ids, self.rows)?;
        self.rows += chunk.rows as u64;
        self.chunks.push(chunk);
        Ok(())
    }

    /// Just the rows with this id and higher ones.
    pub fn rows_from(&self, row_id: u64) -> Self {
        let mut rest = Self { chunks: Vec::new(), rows: 0, ..self.clone() };
        for chunk in &self.chunks {
            let rows = chunk.rows_in(&(row_id..u64::MAX));
            if !rows.is_empty() {
                let chunk = chunk.slice(rows, self.dim, rest.rows);
                rest.rows += chunk.rows as u64;
                rest.chunks.push(chunk);
            }
        }
        rest
    }

    /// The column's name, as it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Dimensions of every vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The type of every value.
    pub fn element(&self) -> ElementKind {
        self.element
    }

    /// Rows, those without a vector and deleted ones included.
    pub fn row_count(&self) -> u64 {
        self.rows
    }

    /// The column in pieces, in the order of row ids.
    pub fn chunks(&self) -> &[VectorChunk] {
        &self.chunks
    }

    /// The dimensions and the kind of value of a field, if it holds vectors.
    pub fn is_vector(field: &Field) -> Option<(usize, ElementKind)> {
        match field.data_type() {
            DataType::FixedSizeList(item, dim) if *dim > 0 => {
                Some((*dim as usize, ElementKind::of(item.data_type())?))
            }
            _ => None,
        }
    }

    /// The chunk and the place in it of the row at `offset` in storage order.
    pub(crate) fn locate_offset(&self, offset: u64) -> Option<(&VectorChunk, usize)> {
        let after = self.chunks.partition_point(|chunk| chunk.first_offset <= offset);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        let row = (offset - chunk.first_offset) as usize;
        (row < chunk.rows).then_some((chunk, row))
    }

    /// The chunk and the place in it of the row with this id.
    pub fn locate(&self, row_id: u64) -> Option<(&VectorChunk, usize)> {
        let after = self.chunks.partition_point(|chunk| chunk.first_row_id <= row_id);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        Some((chunk, chunk.row_ids.place(row_id)? as usize))
    }

    /// Replaces `out` by the exact distance of each row, in the order of `row_ids`: NaN for a row without
    /// a vector and for an id that does not exist. Reads fastest when the ids ascend.
    pub fn distances_of(&self, query: &Query, row_ids: &[u64], out: &mut Vec<f32>) {
        out.clear();
        out.resize(row_ids.len(), f32::NAN);
        if row_ids.len() * self.dim < PARALLEL_VALUES {
            return self.distances_of_few(query, row_ids, out);
        }
        let tasks = out.par_chunks_mut(TASK_ROWS).zip(row_ids.par_chunks(TASK_ROWS));
        tasks.for_each(|(out, row_ids)| self.distances_of_few(query, row_ids, out));
    }

    fn distances_of_few(&self, query: &Query, row_ids: &[u64], out: &mut [f32]) {
        let mut next = row_ids.first().and_then(|&row_id| self.vector(row_id));
        for (i, distance) in out.iter_mut().enumerate() {
            let vector = next;
            next = row_ids.get(i + 1).and_then(|&row_id| self.vector(row_id));
            if let Some(next) = next {
                // Rows lie far apart: while one is compared, the next one comes from memory.
                prefetch::start(next.bytes());
            }
            if let Some(vector) = vector {
                query.distances(vector, std::slice::from_mut(distance));
            }
        }
    }

    /// The vector of the row with this id, if it has one.
    fn vector(&self, row_id: u64) -> Option<Vectors<'_>> {
        let (chunk, row) = self.locate(row_id).filter(|(chunk, row)| !chunk.is_null(*row))?;
        Some(chunk.vectors().slice(row..row + 1, self.dim))
    }
}

impl VectorChunk {
    fn new(
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
    fn slice(&self, rows: Interval<usize>, dim: usize, first_offset: u64) -> Self {
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

/// The top-level field of a path, and the fields below it that lead to the column.
pub(super) fn resolve(schema: &Schema, column: &str) -> Result<(Arc<Field>, Vec<Arc<Field>>)> {
    let unknown =
        || Error::column_not_found(column, schema.fields().iter().map(|field| field.name().as_str()));
    // A name may itself hold dots: the longest top-level name that fits is meant.
    let root = schema.fields().iter().filter(|field| {
        column == field.name()
            || column.strip_prefix(field.name().as_str()).is_some_and(|rest| rest.starts_with('.'))
    });
    let root = root.max_by_key(|field| field.name().len()).ok_or_else(unknown)?;
    let mut path: Vec<Arc<Field>> = Vec::new();
    for name in column[root.name().len()..].split('.').skip(1) {
        let parent = path.last().unwrap_or(root);
        let DataType::Struct(fields) = parent.data_type() else { return Err(unknown()) };
        let (_, child) = fields
            .find(name)
            .ok_or_else(|| Error::column_not_found(name, fields.iter().map(|field| field.name().as_str())))?;
        path.push(child.clone());
    }
    Ok((root.clone(), path))
}

/// Follows a path through structs to the lists; with them, where a struct on the way is null.
fn descend(array: &ArrayRef, path: &[Arc<Field>]) -> Result<(FixedSizeListArray, Option<NullBuffer>)> {
    let (array, nulls) = follow(array, path)?;
    Ok((array.as_fixed_size_list_opt().ok_or_else(mismatch)?.clone(), nulls))
}

fn mismatch() -> Error {
    Error::internal("a record batch does not have the table's schema")
}

/// Follows a path through structs to a column; with it, where a struct on the way is null.
pub(super) fn follow(array: &ArrayRef, path: &[Arc<Field>]) -> Result<(ArrayRef, Option<NullBuffer>)> {
    let mut array = array.clone();
    let mut nulls = None;
    for field in path {
        let parent = array.as_any().downcast_ref::<StructArray>().ok_or_else(mismatch)?;
        nulls = NullBuffer::union(nulls.as_ref(), parent.nulls());
        let child = parent.column_by_name(field.name()).ok_or_else(mismatch)?.clone();
        array = child;
    }
    Ok((array, nulls))
}

/// Marks the rows in which some value is null.
fn rows_with_null_items(lists: &FixedSizeListArray) -> Option<NullBuffer> {
    let items = lists.values().nulls().filter(|nulls| nulls.null_count() > 0)?;
    let dim = lists.value_length() as usize;
    Some((0..lists.len()).map(|row| (row * dim..(row + 1) * dim).all(|i| items.is_valid(i))).collect())
}

fn not_a_vector(column: &str, field: &Field) -> Error {
    Error::invalid(
        "column",
        format!("'{column}' of type {}", field.data_type()),
        "a vector column is a fixed-size list of Float16, Float32, Float64, Uint8 or Int8",
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float32Array, UInt8Array};

    use super::*;
    use crate::distance::Metric;

    fn lists(values: Float32Array, nulls: Option<Vec<bool>>) -> FixedSizeListArray {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        FixedSizeListArray::new(item, 2, Arc::new(values), nulls.map(NullBuffer::from))
    }

    #[test]
    fn distances_of_single_rows_are_nan_for_rows_without_a_vector_and_unknown_ids() {
        let values = Float32Array::from(vec![Some(0.0), Some(0.0), Some(1.0), Some(1.0), Some(2.0), None]);
        let mut column = VectorColumn::of_lists(lists(values, Some(vec![true, false, true])), 10);
        column.add_lists(lists(Float32Array::from(vec![3.0, 4.0]), None), 20);
        let query = Query::new(Metric::L2, &[0.0, 0.0]);

        let mut distances = Vec::new();
        column.distances_of(&query, &[20, 10, 11, 12, 13, 9, 21], &mut distances);

        assert_eq!(distances[..2], [25.0, 0.0]);
        assert!(distances[2..].iter().all(|distance| distance.is_nan()), "{distances:?}");
        assert_eq!(column.row_count(), 4);
    }

    #[test]
    fn a_slice_of_lists_starts_at_its_own_first_row() {
        let all = lists(Float32Array::from(vec![0.0, 0.0, 3.0, 4.0, 6.0, 8.0]), None);
        let column = VectorColumn::of_lists(all.slice(1, 2), 0);

        let mut distances = Vec::new();
        column.distances_of(&Query::new(Metric::L2, &[0.0, 0.0]), &[0, 1], &mut distances);

        assert_eq!(distances, [25.0, 100.0]);
    }

    #[test]
    fn dots_lead_into_structs_and_null_structs_have_no_vector() {
        let inner = lists(Float32Array::from(vec![1.0, 2.0, 3.0, 4.0]), None);
        let field = Arc::new(Field::new("embedding", inner.data_type().clone(), true));
        let fields = vec![field.clone()].into();
        let structs = StructArray::new(fields, vec![Arc::new(inner)], Some(vec![false, true].into()));
        let array: ArrayRef = Arc::new(structs);
        let schema = Schema::new(vec![Field::new("doc", array.data_type().clone(), true)]);

        let (root, path) = resolve(&schema, "doc.embedding").unwrap();
        let (lists, nulls) = descend(&array, &path).unwrap();
        let chunk = VectorChunk::new(&lists, nulls, RowIds::without_gaps(0, 2), 0).unwrap();

        assert_eq!((root.name().as_str(), path), ("doc", vec![field]));
        assert!(chunk.is_null(0) && !chunk.is_null(1));
        assert_eq!(resolve(&schema, "doc.embeding").unwrap_err().code(), "COLUMN_NOT_FOUND");
        assert_eq!(resolve(&schema, "other").unwrap_err().code(), "COLUMN_NOT_FOUND");
    }

    #[test]
    fn vectors_are_fixed_size_lists_of_floats_or_bytes() {
        let list = |item: DataType, dim| {
            Field::new("v", DataType::FixedSizeList(Arc::new(Field::new("item", item, true)), dim), true)
        };
        assert_eq!(VectorColumn::is_vector(&list(DataType::Float16, 3)), Some((3, ElementKind::F16)));
        assert_eq!(VectorColumn::is_vector(&list(DataType::UInt8, 1)), Some((1, ElementKind::U8)));
        assert_eq!(VectorColumn::is_vector(&list(DataType::Int64, 3)), None);
        assert_eq!(VectorColumn::is_vector(&list(DataType::Float32, 0)), None);
        assert_eq!(VectorColumn::is_vector(&Field::new("v", DataType::Utf8, true)), None);
    }

    #[test]
    fn bytes_are_bytes() {
        let item = Arc::new(Field::new("item", DataType::UInt8, true));
        let lists = FixedSizeListArray::new(item, 1, Arc::new(UInt8Array::from(vec![1, 3])), None);
        let column = VectorColumn::of_lists(lists, 0);

        let mut distances = Vec::new();
        column.distances_of(&Query::new(Metric::Hamming, &[0.0]), &[0, 1], &mut distances);

        assert_eq!(distances, [1.0, 2.0]);
    }
}
