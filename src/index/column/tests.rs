//! What a vector column makes of Arrow's lists.

use arrow::array::{ArrayRef, Float32Array, StructArray, UInt8Array};

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
