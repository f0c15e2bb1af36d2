use std::sync::Arc;

use arrow::array::{DictionaryArray, Float32Array, Int32Array, StringArray};
use arrow::datatypes::{Field, Int8Type, Schema};

use super::*;
use crate::storage::Segment;
use crate::storage::files;

const SMALL: Limits =
    Limits { batch_rows: 10, batch_bytes: 1 << 20, segment_rows: 20, segment_bytes: 1 << 30 };

fn table() -> tempfile::TempDir {
    let table = tempfile::tempdir().unwrap();
    files::create_table_folders(table.path()).unwrap();
    table
}

fn numbers(values: std::ops::Range<i32>) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from_iter_values(values)) as ArrayRef)]).unwrap()
}

fn write(table: &Path, limits: Limits, batches: &[RecordBatch]) -> (Vec<SegmentEntry>, NewFiles) {
    let mut writer = SegmentWriter::new(table, batches[0].schema(), limits);
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap()
}

fn read(table: &Path, schema: &SchemaRef, entries: &[SegmentEntry]) -> RecordBatch {
    let mut batches = Vec::new();
    for entry in entries {
        let segment = Segment::new(table, schema.clone(), entry.clone());
        batches.extend((0..segment.batch_count()).map(|index| segment.batch(index).unwrap()));
    }
    concat_batches(schema, &batches).unwrap()
}

#[test]
fn small_batches_are_joined_and_large_ones_cut() {
    let table = table();
    let batches = [numbers(0..3), numbers(3..3), numbers(3..7), numbers(7..38)];

    let (entries, _files) = write(table.path(), SMALL, &batches);

    let sizes: Vec<_> = entries.iter().flat_map(|entry| entry.batches.clone()).collect();
    assert_eq!(sizes, [10, 10, 10, 8]);
    assert_eq!(read(table.path(), &batches[0].schema(), &entries), numbers(0..38));
}

#[test]
fn a_full_segment_makes_way_for_the_next() {
    let table = table();

    let (entries, _files) = write(table.path(), SMALL, &[numbers(0..45)]);

    assert_eq!(entries.iter().map(|entry| entry.rows).collect::<Vec<_>>(), [20, 20, 5]);
    assert_eq!(entries.iter().map(|entry| entry.first_row_id).collect::<Vec<_>>(), [0, 20, 40]);
}

#[test]
fn a_row_larger_than_a_batch_goes_alone() {
    let table = table();
    let limits = Limits { batch_bytes: 100, ..SMALL };
    let texts = StringArray::from_iter_values(["a", &"long ".repeat(100), "b", "c"]);
    let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();

    let (entries, _files) = write(table.path(), limits, std::slice::from_ref(&batch));

    assert_eq!(read(table.path(), &batch.schema(), &entries), batch);
}

fn tags<'a>(values: impl IntoIterator<Item = &'a str>) -> RecordBatch {
    let array: DictionaryArray<Int8Type> = values.into_iter().collect();
    RecordBatch::try_from_iter([("tag", Arc::new(array) as ArrayRef)]).unwrap()
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let plain = arrow::compute::cast(batch.column(0), &DataType::Utf8).unwrap();
    plain.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
}

#[test]
fn a_changed_dictionary_starts_a_new_segment() {
    let table = table();
    let limits = Limits { batch_rows: 2, ..SMALL };
    let batches = [tags(["a", "b"]), tags(["a", "b"]), tags(["c", "a"])];

    let (entries, _files) = write(table.path(), limits, &batches);

    assert_eq!(entries.iter().map(|entry| entry.rows).collect::<Vec<_>>(), [4, 2]);
    let back: Vec<_> = entries
        .iter()
        .flat_map(|entry| texts(&read(table.path(), &batches[0].schema(), std::slice::from_ref(entry))))
        .collect();
    assert_eq!(back, ["a", "b", "a", "b", "c", "a"]);
}

#[test]
fn dictionaries_too_large_for_their_keys_together_are_kept_apart() {
    let table = table();
    let words: Vec<String> = (0..200).map(|n| format!("word {n}")).collect();
    let halves = words.chunks(100).map(|half| tags(half.iter().map(String::as_str))).collect::<Vec<_>>();

    let (entries, _files) = write(table.path(), Limits::default(), &halves);

    assert_eq!(entries.len(), 2);
}

#[test]
fn a_writer_that_is_dropped_leaves_no_file() {
    let table = table();
    let mut writer = SegmentWriter::new(table.path(), numbers(0..1).schema(), SMALL);
    writer.write(&numbers(0..45)).unwrap();

    drop(writer);
    drop(write(table.path(), SMALL, &[numbers(0..5)]));

    assert_eq!(std::fs::read_dir(table.path().join("data")).unwrap().count(), 0);
}

#[test]
fn vectors_are_read_in_place_at_multiples_of_64_bytes() {
    let table = table();
    let values = Float32Array::from_iter_values((0..12).map(|n| n as f32));
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let vectors = arrow::array::FixedSizeListArray::new(item, 3, Arc::new(values), None);
    let schema = Schema::new(vec![Field::new("v", vectors.data_type().clone(), false)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(vectors)]).unwrap();
    let (entries, _files) = write(table.path(), SMALL, std::slice::from_ref(&batch));
    let segment = Segment::new(table.path(), batch.schema(), entries[0].clone());

    let address = |batch: &RecordBatch| {
        let vectors = batch.column(0).as_fixed_size_list().values().to_data();
        vectors.buffers()[0].as_ptr() as usize
    };
    let (first, second) = (segment.batch(0).unwrap(), segment.column_batch(0, &[0]).unwrap());

    assert_eq!(first, batch);
    assert_eq!(address(&first) % 64, 0);
    assert_eq!(address(&first), address(&second));
}
