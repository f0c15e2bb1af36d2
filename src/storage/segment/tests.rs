mod random;

use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::storage::{Limits, NewFiles, SegmentWriter, files};

fn written(batches: &[RecordBatch], limits: Limits) -> (tempfile::TempDir, Vec<SegmentEntry>, NewFiles) {
    let table = tempfile::tempdir().unwrap();
    files::create_table_folders(table.path()).unwrap();
    let mut writer = SegmentWriter::new(table.path(), batches[0].schema(), limits);
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    let (entries, files) = writer.finish().unwrap();
    (table, entries, files)
}

fn small_batch() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..100));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|n| format!("text {n}"))));
    RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_segment_gives_back_rows_of_every_type(seed: u64, rows in 0..200usize, batch_rows in 1..300usize) {
        let mut random = StdRng::seed_from_u64(seed);
        let schema = random::schema(&mut random);
        let whole = random::batch(&mut random, &schema, rows + 10).slice(random.random_range(0..10), rows);
        let cut = random.random_range(0..=rows);
        let parts = [whole.slice(0, cut), whole.slice(cut, rows - cut)];

        let (table, entries, _files) = written(&parts, Limits { batch_rows, ..Limits::default() });

        let mut batches = Vec::new();
        for entry in entries {
            let segment = Segment::new(table.path(), schema.clone(), entry);
            segment.verify().unwrap();
            for index in 0..segment.batch_count() {
                let batch = segment.batch(index).unwrap();
                let last = schema.fields().len() - 1;
                let column = segment.column_batch(index, &[last]).unwrap();
                prop_assert_eq!(column.column(0), batch.column(last));
                batches.push(batch);
            }
        }
        prop_assert_eq!(concat_batches(&schema, &batches).unwrap(), whole);
    }
}

#[test]
fn a_missing_file_is_damage_that_names_it() {
    let (table, entries, files) = written(&[small_batch()], Limits::default());
    drop(files);

    let segment = Segment::new(table.path(), small_batch().schema(), entries[0].clone());

    let error = segment.batch(0).unwrap_err();
    assert!(error.to_string().contains(entries[0].file.path.as_str()), "{error}");
    assert_eq!(error.code(), "CORRUPTED");
}

#[test]
fn a_file_of_other_columns_is_damage() {
    let (table, entries, _files) = written(&[small_batch()], Limits::default());
    let other = Arc::new(Schema::new(vec![Field::new("number", DataType::Int64, true)]));

    let segment = Segment::new(table.path(), other, entries[0].clone());

    assert_eq!(segment.batch(0).unwrap_err().code(), "CORRUPTED");
}

#[test]
fn columns_that_are_not_asked_for_are_not_checked() {
    let (table, entries, _files) = written(&[small_batch()], Limits::default());
    let path = entries[0].file.locate(table.path());
    let mut bytes = fs::read(&path).unwrap();
    let text = bytes.windows(6).position(|window| window == b"text 0").unwrap();
    bytes[text] = 0xff;
    fs::write(&path, bytes).unwrap();

    let segment = Segment::new(table.path(), small_batch().schema(), entries[0].clone());

    assert_eq!(segment.column_batch(0, &[0]).unwrap().num_rows(), 100);
    for _ in 0..2 {
        let error = segment.column_batch(0, &[0, 1]).unwrap_err();
        assert!(error.to_string().contains("column 'text'"), "{error}");
        assert_eq!(segment.batch(0).unwrap_err().code(), "CORRUPTED");
    }
}

#[test]
fn a_batch_is_decoded_once() {
    let (table, entries, _files) = written(&[small_batch()], Limits::default());
    let segment = Segment::new(table.path(), small_batch().schema(), entries[0].clone());

    let (first, second) = (segment.batch(0).unwrap(), segment.batch(0).unwrap());

    assert!(Arc::ptr_eq(first.column(1), second.column(1)));
}
