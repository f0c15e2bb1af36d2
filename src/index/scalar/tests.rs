use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use roaring::RoaringTreemap;

use super::*;
use crate::index::build_scalar;
use crate::progress::{CancelFlag, Progress};
use crate::storage::{IndexEntry, Keys, Limits, Manifest, SegmentWriter, Version, files};

/// A table of one column, and the folder it is in.
struct Sample {
    folder: tempfile::TempDir,
    version: Arc<Version>,
}

impl Sample {
    fn new(batches: &[ArrayRef]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        files::create_table_folders(folder.path()).unwrap();
        let schema = Arc::new(Schema::new(vec![Field::new("x", batches[0].data_type().clone(), true)]));
        let mut writer = SegmentWriter::new(folder.path(), schema.clone(), Limits::default());
        for batch in batches {
            writer.write(&RecordBatch::try_new(schema.clone(), vec![batch.clone()]).unwrap()).unwrap();
        }
        let (segments, new_files) = writer.finish().unwrap();
        new_files.keep();
        let mut manifest = Manifest::first(schema);
        manifest.append(&segments);
        let version = Arc::new(Version::new(folder.path(), manifest, None));
        Self { folder, version }
    }

    fn build(&self, kind: ScalarKind, progress: &Progress) -> Result<IndexEntry> {
        let uuid = kind.name();
        let folder = self.folder.path().join("indexes").join(uuid);
        let built = build_scalar(kind, &self.version, "x", &folder, progress)?;
        Ok(IndexEntry {
            name: "x_idx".to_owned(),
            column: "x".to_owned(),
            kind: built.kind.to_owned(),
            uuid: uuid.to_owned(),
            metric: String::new(),
            row_id_end: self.version.manifest().next_row_id,
            rows: built.rows,
            covered_rows: self.version.row_count(),
            created_ms: 0,
            files: built.files,
            details: built.details,
        })
    }

    fn index(&self, kind: ScalarKind) -> ScalarIndex {
        ScalarIndex::open(self.folder.path(), &self.build(kind, &Progress::none()).unwrap()).unwrap()
    }
}

fn keys(values: ArrayRef) -> Keys {
    Keys::new(&values).unwrap()
}

fn rows(set: RoaringTreemap) -> Vec<u64> {
    set.into_iter().collect()
}

#[test]
fn look_ups_find_what_a_scan_finds_whatever_repeats() {
    let mut rng = StdRng::seed_from_u64(3);
    // Mostly different values; few, of which some fill pages of their own; one alone.
    for distinct in [1_000_000, 12, 1] {
        let values: Vec<Option<i64>> =
            (0..60_000).map(|_| rng.random_ratio(9, 10).then(|| rng.random_range(0..distinct))).collect();
        let sample = Sample::new(&[Arc::new(Int64Array::from(values.clone()))]);
        let scan = |matches: &dyn Fn(i64) -> bool| -> Vec<u64> {
            (0..).zip(&values).filter(|(_, value)| value.is_some_and(matches)).map(|(row, _)| row).collect()
        };
        for kind in [ScalarKind::BTree, ScalarKind::Bitmap] {
            let index = sample.index(kind);
            let nulls = (0..).zip(&values).filter(|(_, value)| value.is_none()).map(|(row, _)| row);
            assert_eq!(*index.nulls().unwrap(), nulls.collect());
            for (low, high) in
                [(0, distinct / 2), (distinct / 3, distinct / 3 + 5), (distinct, distinct), (7, 3)]
            {
                let bounds = keys(Arc::new(Int64Array::from(vec![low, high])));
                let [low_key, high_key] = [0, 1].map(|row| bounds.with(row, <[u8]>::to_vec));
                let range = (Bound::Included(low_key.as_slice()), Bound::Excluded(high_key.as_slice()));
                let found = rows(index.rows_between(range).unwrap());
                assert_eq!(found, scan(&|value| (low..high).contains(&value)));
                assert_eq!(index.count_between(range).unwrap(), found.len() as u64);
                let range = (Bound::Excluded(high_key.as_slice()), Bound::Unbounded);
                assert_eq!(rows(index.rows_between(range).unwrap()), scan(&|value| value > high));
            }
            let all = index.rows_between((Bound::Unbounded, Bound::Unbounded)).unwrap();
            assert_eq!(rows(all), scan(&|_| true));
            let wanted = [0, 5, distinct / 2, distinct, 5];
            let values = keys(Arc::new(Int64Array::from(wanted.to_vec())));
            let found = rows(index.rows_of(&values).unwrap());
            assert_eq!(found, scan(&|value| wanted.contains(&value)));
            assert_eq!(index.count_of(&values).unwrap(), found.len() as u64);
        }
    }
}

#[test]
fn values_of_any_length_are_found() {
    let mut rng = StdRng::seed_from_u64(4);
    let texts: Vec<String> = (0..3000)
        .map(|_| {
            let length = if rng.random_ratio(1, 100) { 50_000 } else { rng.random_range(0..12) };
            (0..length).map(|_| rng.random_range('a'..'d')).collect()
        })
        .collect();
    let sample = Sample::new(&[Arc::new(StringArray::from_iter_values(&texts))]);
    let mut expected: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (text, row) in texts.iter().zip(0..) {
        expected.entry(text).or_default().insert(row);
    }
    for kind in [ScalarKind::BTree, ScalarKind::Bitmap] {
        let index = sample.index(kind);
        for (text, expected) in &expected {
            let found = index.rows_of(&keys(Arc::new(StringArray::from(vec![*text])))).unwrap();
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), *expected);
        }
        let prefix = (Bound::Included(&b"ab"[..]), Bound::Excluded(&b"ac"[..]));
        let of_prefix = expected.iter().filter(|(text, _)| text.starts_with("ab"));
        let of_prefix: BTreeSet<u64> = of_prefix.flat_map(|(_, rows)| rows.iter().copied()).collect();
        assert_eq!(rows(index.rows_between(prefix).unwrap()), of_prefix.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn lists_are_found_by_their_elements() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), Some(2), Some(2), None]),
        None,
        Some(vec![]),
        Some(vec![Some(2), Some(3)]),
    ]);
    let index = Sample::new(&[Arc::new(lists)]).index(ScalarKind::LabelList);
    let labels = |values: Vec<i64>| keys(Arc::new(Int64Array::from(values)));

    assert_eq!(rows(index.rows_of(&labels(vec![2])).unwrap()), [0, 3]);
    assert_eq!(rows(index.rows_of(&labels(vec![1, 3, 9])).unwrap()), [0, 3]);
    assert_eq!(rows(index.rows_of_all(&labels(vec![1, 2])).unwrap()), [0]);
    assert!(index.rows_of_all(&labels(vec![1, 9])).unwrap().is_empty());
    assert_eq!(*index.nulls().unwrap(), [1].into_iter().collect());
}

#[test]
fn a_column_without_rows_or_values_has_an_index() {
    for rows in [0, 3] {
        let nulls: ArrayRef = Arc::new(StringArray::new_null(rows));
        let index = Sample::new(&[nulls]).index(ScalarKind::BTree);

        assert_eq!(index.nulls().unwrap().len(), rows as u64);
        assert!(index.rows_between((Bound::Unbounded, Bound::Unbounded)).unwrap().is_empty());
        assert_eq!(index.count_between((Bound::Unbounded, Bound::Unbounded)).unwrap(), 0);
    }
}

#[test]
fn any_damaged_byte_is_an_error_that_names_the_file() {
    let texts = StringArray::from_iter((0..9000).map(|i| (i % 7 != 0).then(|| format!("text {}", i / 2))));
    let sample = Sample::new(&[Arc::new(texts)]);
    for kind in [ScalarKind::BTree, ScalarKind::Bitmap] {
        let entry = sample.build(kind, &Progress::none()).unwrap();
        let path = entry.files[0].locate(sample.folder.path());
        entry.files[0].verify(sample.folder.path()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let use_all = || -> Result<()> {
            let index = ScalarIndex::open(sample.folder.path(), &entry)?;
            index.nulls()?;
            index.rows_between((Bound::Unbounded, Bound::Unbounded)).map(drop)
        };
        use_all().unwrap();
        let ends = (0..100).chain(4090..4200).chain(whole.len() - 100..whole.len());
        for at in (0..whole.len()).step_by(499).chain(ends) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::write(&path, damaged).unwrap();
            let error = use_all().expect_err("damage was not noticed");
            assert_eq!(error.code(), "CORRUPTED", "{kind:?} byte {at}: {error}");
            assert!(error.to_string().contains(".idx"), "{error}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(use_all().unwrap_err().code(), "CORRUPTED");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(use_all().unwrap_err().code(), "CORRUPTED");
    }
}

#[test]
fn a_kind_that_does_not_fit_and_a_cancelled_build_leave_nothing() {
    let sample = Sample::new(&[Arc::new(StringArray::from(vec!["a"]))]);
    let left = || std::fs::read_dir(sample.folder.path().join("indexes")).unwrap().count();

    let error = sample.build(ScalarKind::LabelList, &Progress::none()).unwrap_err();
    assert!(error.to_string().contains("'x' of type Utf8") && error.to_string().contains("lists"), "{error}");
    assert_eq!(left(), 0);
    let cancel = CancelFlag::default();
    cancel.cancel();
    let stopped = Progress::new("building the index").cancelled_by(cancel);
    assert_eq!(sample.build(ScalarKind::BTree, &stopped).unwrap_err().code(), "CANCELLED");
    assert_eq!(left(), 0);
}

#[test]
fn the_default_kind_follows_the_type() {
    let list = DataType::new_list(DataType::Utf8, true);
    let vector = DataType::new_fixed_size_list(DataType::Float32, 4, true);

    assert_eq!(ScalarKind::default_for(&DataType::Date32), Some(ScalarKind::BTree));
    assert_eq!(ScalarKind::default_for(&list), Some(ScalarKind::LabelList));
    assert_eq!(ScalarKind::default_for(&vector), None);
}
