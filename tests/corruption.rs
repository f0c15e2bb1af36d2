//! Damage on disk is an error that names the file. It is never a panic, a crash, or rows of
//! another shape.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Fields, Float32Type, Int16Type, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;

use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::error::{Error, Result};
use quiverdb::storage::{Manifest, Segment, SegmentEntry};
use quiverdb::table::{CreateMode, Table, TableOptions};

const ROWS: usize = 6;

/// Columns whose buffers damage can bend in different ways.
fn rows() -> RecordBatch {
    let vectors = (0..ROWS).map(|row| (row != 2).then(|| vec![Some(row as f32); 3]));
    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(vectors, 3);
    let lists = (0..ROWS).map(|row| (row != 1).then(|| vec![Some(row as i16); row]));
    let lists = ListArray::from_iter_primitive::<Int16Type, _, _>(lists);
    let texts: StringArray = (0..ROWS).map(|row| (row != 3).then(|| format!("text {row}"))).collect();
    let tags: DictionaryArray<Int16Type> = (0..ROWS).map(|row| ["red", "green"][row % 2]).collect();
    let inner = Fields::from(vec![Field::new("flag", DataType::Boolean, true)]);
    let flags: BooleanArray = (0..ROWS).map(|row| (row != 4).then_some(row % 2 == 0)).collect();
    let structs = StructArray::new(inner, vec![Arc::new(flags)], None);
    let columns: [(&str, ArrayRef); 6] = [
        ("id", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
        ("vector", Arc::new(vectors)),
        ("list", Arc::new(lists)),
        ("text", Arc::new(texts)),
        ("tag", Arc::new(tags)),
        ("inner", Arc::new(structs)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn table() -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let schema = rows().schema();
    let mut writer =
        Table::create(folder.path(), "t", &schema, CreateMode::Create, TableOptions::default()).unwrap();
    writer.write(&rows()).unwrap();
    let table = writer.finish().unwrap();
    (folder, table)
}

/// A segment's file in a folder of its own, where its bytes can be changed.
struct Specimen {
    folder: tempfile::TempDir,
    schema: SchemaRef,
    entry: SegmentEntry,
    whole: Vec<u8>,
    copies: u64,
}

impl Specimen {
    fn new() -> Self {
        let (_folder, table) = table();
        let version = table.current().unwrap();
        let segment = &version.segments()[0];
        let whole = fs::read(segment.path()).unwrap();
        let (schema, entry) = (version.schema().clone(), segment.entry().clone());
        Self { folder: tempfile::tempdir().unwrap(), schema, entry, whole, copies: 0 }
    }

    /// Reads `bytes` as the segment, the manifest being right about their length.
    fn read(&mut self, bytes: &[u8]) -> Result<RecordBatch> {
        // A new name each time, because an earlier file may still be mapped.
        self.copies += 1;
        let mut entry = self.entry.clone();
        entry.file.path = format!("{}.arrow", self.copies);
        entry.file.bytes = bytes.len() as u64;
        let path = entry.file.locate(self.folder.path());
        fs::write(&path, bytes).unwrap();
        let read = Segment::new(self.folder.path(), self.schema.clone(), entry).batch(0);
        fs::remove_file(&path).unwrap();
        read
    }

    /// Reading `bytes` ends in an error, or in rows of the right shape that can all be looked at.
    fn check(&mut self, bytes: &[u8], what: &str) {
        match self.read(bytes) {
            Err(error) => assert_eq!(error.code(), "CORRUPTED", "{what}: {error}"),
            Ok(batch) => {
                assert_eq!(batch.num_rows(), ROWS, "{what}");
                assert_eq!(batch.schema(), self.schema, "{what}");
                look_at_everything(&batch);
            }
        }
    }
}

fn look_at_everything(batch: &RecordBatch) {
    for column in batch.columns() {
        column.to_data().validate_full().unwrap();
        for row in 0..batch.num_rows() {
            let _ = array_value_to_string(column, row);
        }
    }
}

#[test]
fn flipping_any_bit_of_a_segment_is_an_error_or_a_value() {
    let mut specimen = Specimen::new();
    let whole = specimen.whole.clone();

    for position in 0..whole.len() {
        // All bits where there is something, one where there is padding.
        let bits = if whole[position] == 0 { position % 8..position % 8 + 1 } else { 0..8 };
        for bit in bits {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << bit;
            specimen.check(&damaged, &format!("byte {position}, bit {bit}"));
        }
    }
}

#[test]
fn bytes_of_extreme_values_are_an_error_or_a_value() {
    let mut specimen = Specimen::new();
    let whole = specimen.whole.clone();

    for position in (0..whole.len() - 8).step_by(4) {
        for filler in [0x00, 0x7f, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[position..position + 8].fill(filler);
            specimen.check(&damaged, &format!("bytes {position}.. are {filler:#x}"));
        }
    }
}

#[test]
fn a_segment_cut_at_any_length_is_an_error() {
    let mut specimen = Specimen::new();
    let whole = specimen.whole.clone();

    for length in 0..whole.len() {
        assert_eq!(specimen.read(&whole[..length]).unwrap_err().code(), "CORRUPTED", "{length}");
    }
    assert_eq!(specimen.read(&whole).unwrap(), rows());
}

fn reopen(folder: &Path) -> Result<RecordBatch> {
    let version = Table::open(folder, "t", TableOptions::default())?.current()?;
    let batch = version.batches().next().unwrap();
    version.batch(&batch)
}

#[test]
fn a_file_of_another_length_than_the_manifest_says_is_an_error_that_names_it() {
    let (folder, table) = table();
    let path = table.current().unwrap().segments()[0].path().to_owned();
    let whole = fs::read(&path).unwrap();

    for damaged in [&whole[..whole.len() - 1], &[&whole[..], b"x"].concat(), b""] {
        fs::write(&path, damaged).unwrap();
        let error = reopen(folder.path()).unwrap_err();
        assert_eq!(error.code(), "CORRUPTED");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(reopen(folder.path()).unwrap_err().code(), "CORRUPTED");
}

fn newest_manifest(table: &Table) -> PathBuf {
    Manifest::path(table.path(), table.version().unwrap())
}

#[test]
fn flipping_any_byte_of_a_manifest_is_noticed() {
    let (folder, table) = table();
    let path = newest_manifest(&table);
    let whole = fs::read(&path).unwrap();

    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        fs::write(&path, &damaged).unwrap();
        let error = reopen(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Corrupted { .. }), "byte {position}: {error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(reopen(folder.path()).unwrap(), rows());
}

#[test]
fn a_damaged_table_can_still_be_listed_and_dropped() {
    let (folder, table) = table();
    fs::write(newest_manifest(&table), "{").unwrap();
    let uri = folder.path().to_str().unwrap();
    let connection = Connection::connect(uri, ConnectOptions::default()).unwrap();

    assert_eq!(connection.table_names(None, None).unwrap(), ["t"]);
    assert_eq!(connection.open_table("t").unwrap_err().code(), "CORRUPTED");
    connection.drop_table("t").unwrap();

    assert!(connection.table_names(None, None).unwrap().is_empty());
}

#[test]
fn a_schema_of_other_columns_is_an_error() {
    let mut specimen = Specimen::new();
    let whole = specimen.whole.clone();
    specimen.schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));

    assert_eq!(specimen.read(&whole).unwrap_err().code(), "CORRUPTED");
}
