//! Indexes that rows join later.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::array::{FixedSizeListArray, Float32Array, Int64Array, ListArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, UInt64Type};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::distance::Metric;
use crate::index::scalar::ScalarKind;
use crate::index::{IndexConfig, IvfFlatConfig, IvfPqConfig};
use crate::progress::Progress;
use crate::query::{Nearest, Request, Rows};
use crate::table::*;

const DIM: usize = 8;

/// Rows with these ids, around a few centres.
fn rows(ids: std::ops::Range<u64>) -> RecordBatch {
    let mut rng = StdRng::seed_from_u64(ids.start);
    let values = ids.clone().flat_map(|id| (0..DIM).map(move |d| (id % 13 * (d as u64 + 1) % 7) as f32));
    let values: Vec<f32> = values.map(|value| value + rng.random_range(-1.0..1.0)).collect();
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, DIM as i32, Arc::new(Float32Array::from(values)), None);
    let schema = Schema::new(vec![
        Field::new("id", DataType::UInt64, false),
        Field::new("vector", vectors.data_type().clone(), true),
    ]);
    let ids = UInt64Array::from_iter_values(ids);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(vectors)]).unwrap()
}

fn table(config: IndexConfig) -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let first = rows(0..2000);
    let create =
        Table::create(folder.path(), "t", &first.schema(), CreateMode::Create, TableOptions::default());
    let mut writer = create.unwrap();
    writer.write(&first).unwrap();
    let table = writer.finish().unwrap();
    let options = IndexOptions { config, ..IndexOptions::default() };
    table.create_index("vector", &options, &Progress::none()).unwrap();
    (folder, table)
}

fn configs() -> [IndexConfig; 3] {
    let pq = |bits, metric| {
        IndexConfig::IvfPq(IvfPqConfig { bits, metric, sub_vectors: Some(4), ..IvfPqConfig::default() })
    };
    [IndexConfig::IvfFlat(IvfFlatConfig::default()), pq(8, Metric::L2), pq(4, Metric::Cosine)]
}

fn nearest(table: &Table, to: u64, exact: bool) -> Vec<u64> {
    let vector = rows(to..to + 1);
    let vector = vector.column(1).as_fixed_size_list().values().clone();
    let vector = vector.as_primitive::<arrow::datatypes::Float32Type>().values().iter();
    let name = table.current().unwrap().manifest().indexes[0].metric.clone();
    let metric = [Metric::L2, Metric::Cosine].into_iter().find(|metric| metric.name() == name);
    let nearest = Nearest {
        vectors: vec![vector.map(|value| f64::from(*value)).collect()],
        bypass_index: exact,
        fast_search: !exact,
        metric,
        probes_min: Some(1000),
        refine_factor: Some(200),
        ..Nearest::default()
    };
    let request = Request { rows: Rows::Nearest(nearest), limit: Some(10), ..Request::default() };
    let batches = table.plan(&request).unwrap().run(&Progress::none()).unwrap();
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<UInt64Type>().values().to_vec()).collect()
}

fn check(table: &Table) {
    for to in [3, 1999, 2050, 2490, 2700] {
        assert_eq!(nearest(table, to, false), nearest(table, to, true), "{to}");
    }
    let version = table.current().unwrap();
    version.verify().unwrap();
    table.snapshot().unwrap().indexes()[0].open().unwrap().verify().unwrap();
}

fn extend(table: &Table) -> ExtendedIndexes {
    table.extend_indexes(&Progress::none()).unwrap()
}

fn files(table: &Table) -> usize {
    table.list_indices().unwrap()[0].entry.files.len()
}

#[test]
fn rows_that_came_later_join_an_index_and_are_found_in_it_alone() {
    for config in configs() {
        let (_folder, table) = table(config);
        table.add(&rows(2000..2100)).unwrap();
        table.delete("id % 10 = 3", &Progress::none()).unwrap();

        assert_eq!(extend(&table), ExtendedIndexes { rows_added: 90, indexes: 1 });

        let index = &table.list_indices().unwrap()[0];
        assert_eq!((index.unindexed_rows, files(&table)), (0, 2));
        check(&table);
        assert_eq!(extend(&table), ExtendedIndexes::default());
        // Many rows: the small file is written again with them, the large one is not.
        table.add(&rows(2100..2200)).unwrap();
        assert_eq!(extend(&table).rows_added, 100);
        assert_eq!(files(&table), 2);
        check(&table);
        // So many that all files become one.
        table.add(&rows(2200..2800)).unwrap();
        assert_eq!(extend(&table).rows_added, 600);
        assert_eq!(files(&table), 1);
        check(&table);
    }
}

#[test]
fn an_index_of_which_much_is_gone_is_written_again_without_it() {
    for config in configs() {
        let (_folder, table) = table(config);
        table.delete("id < 1000", &Progress::none()).unwrap();
        let before = table.list_indices().unwrap()[0].clone();

        assert_eq!(extend(&table), ExtendedIndexes { rows_added: 0, indexes: 1 });

        let after = &table.list_indices().unwrap()[0];
        assert_eq!((before.entry.rows, after.entry.rows, after.entry.covered_rows), (2000, 1000, 1000));
        assert!(
            table.snapshot().unwrap().rows_left(&table.snapshot().unwrap().indexes()[0]).unwrap().is_none()
        );
        check(&table);
        table.delete("id = 1999", &Progress::none()).unwrap();
        check(&table);
    }
}

#[test]
fn rows_that_came_later_join_scalar_indexes_in_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let labels = |ids: std::ops::Range<u64>| {
        let labels =
            ids.clone().map(|id| (id % 5 > 0).then(|| (0..id % 5).map(move |i| Some((i * id % 11) as i32))));
        let values = ids.clone().map(|id| (id % 9 > 0).then(|| (id * 7919 % 1009) as i64));
        let columns: Vec<(&str, arrow::array::ArrayRef)> = vec![
            ("id", Arc::new(UInt64Array::from_iter_values(ids))),
            ("value", Arc::new(values.collect::<Int64Array>())),
            ("labels", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(labels))),
        ];
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .unwrap()
    };
    let first = labels(0..2000);
    let create =
        Table::create(folder.path(), "t", &first.schema(), CreateMode::Create, TableOptions::default());
    let mut writer = create.unwrap();
    writer.write(&first).unwrap();
    let table = writer.finish().unwrap();
    for (column, kind) in
        [("value", ScalarKind::BTree), ("id", ScalarKind::Bitmap), ("labels", ScalarKind::LabelList)]
    {
        let options = IndexOptions { config: IndexConfig::Scalar(kind), ..IndexOptions::default() };
        table.create_index(column, &options, &Progress::none()).unwrap();
    }
    // Beside a table that has no index.
    let other = folder.path().join("other");
    let plain = Table::create(&other, "t", &first.schema(), CreateMode::Create, TableOptions::default());
    let mut plain = plain.unwrap();
    plain.write(&first).unwrap();
    let plain = plain.finish().unwrap();
    let check = |files: usize| {
        for filter in [
            "value < 100",
            "value BETWEEN 5 AND 900 AND id % 2 = 0",
            "value IS NULL",
            "value IN (1, 7, 500, 1008) OR id < 3",
            "id IN (5, 1999, 2050, 2190, 2700)",
            "array_has(labels, 3)",
            "array_has_all(labels, [0, 4]) AND value > 20",
            "labels IS NULL OR NOT array_has_any(labels, [0, 1])",
        ] {
            let filter = Some(filter.into());
            assert_eq!(
                table.count_rows(filter.as_ref()).unwrap(),
                plain.count_rows(filter.as_ref()).unwrap(),
                "{filter:?}"
            );
        }
        for index in table.list_indices().unwrap() {
            assert_eq!((index.unindexed_rows, index.entry.files.len()), (0, files), "{}", index.entry.name);
            assert_eq!(index.entry.rows, index.entry.covered_rows);
        }
        table.current().unwrap().verify().unwrap();
    };
    let both = |ids: std::ops::Range<u64>, gone: &str| {
        for table in [&table, &plain] {
            table.add(&labels(ids.clone())).unwrap();
            table.delete(gone, &Progress::none()).unwrap();
        }
    };

    both(2000..2100, "id % 10 = 3 AND id >= 2000");
    assert_eq!(extend(&table), ExtendedIndexes { rows_added: 3 * 90, indexes: 3 });
    check(2);
    assert_eq!(extend(&table), ExtendedIndexes::default());
    // The small file is written again with the new rows, the large one is not.
    both(2100..2200, "id % 50 = 7");
    assert_eq!(extend(&table).rows_added, 3 * 98);
    for index in table.list_indices().unwrap() {
        assert_eq!(index.entry.files.len(), 2);
    }
    // So many that all files become one.
    both(2200..2800, "id = 0");
    extend(&table);
    check(1);
    // Much is gone, so that all is written again without it.
    both(2800..2801, "id < 1000");
    extend(&table);
    check(1);
}

#[test]
fn an_index_that_was_replaced_meanwhile_is_left_as_it_is() {
    let [config, ..] = configs();
    let (_folder, table) = table(config.clone());
    table.add(&rows(2000..2100)).unwrap();
    let other = table.clone();
    let options = IndexOptions { config, ..IndexOptions::default() };
    let raced = std::sync::atomic::AtomicBool::new(false);
    let progress = Progress::new("a test").on_report(move |_, _, _| {
        if !raced.swap(true, std::sync::atomic::Ordering::Relaxed) {
            other.create_index("vector", &options, &Progress::none()).unwrap();
        }
    });

    assert_eq!(table.extend_indexes(&progress).unwrap(), ExtendedIndexes::default());

    check(&table);
    assert_eq!(std::fs::read_dir(table.path().join("indexes")).unwrap().count(), 2);
}
