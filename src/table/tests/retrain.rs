//! Indexes whose rows change until they are not what the index was trained for.

use std::sync::Arc;

use arrow::array::{Array, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::upkeep::wait_for_upkeep;
use crate::index::{IndexConfig, IvfFlatConfig, IvfPqConfig};
use crate::progress::Progress;
use crate::table::*;

const DIM: usize = 16;

/// Vectors around as many centres as there are of these. Later centres are farther out.
fn rows(seed: u64, count: usize, centres: std::ops::Range<u64>) -> RecordBatch {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(count * DIM);
    for _ in 0..count {
        let centre = rng.random_range(centres.clone());
        let mut place = StdRng::seed_from_u64(centre);
        let (far, wide) = if centre < 100 { (0.0, 3.0) } else { (12.0, 3.0) };
        let value = |_| far + place.random_range(-wide..wide) + rng.random_range(-1.0..1.0);
        values.extend((0..DIM).map(value).map(|value: f64| value as f32));
    }
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, DIM as i32, Arc::new(Float32Array::from(values)), None);
    let schema = Schema::new(vec![Field::new("vector", vectors.data_type().clone(), true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(vectors)]).unwrap()
}

/// An indexed table of 4000 rows.
fn table(options: TableOptions) -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let first = rows(1, 4000, 0..40);
    let create = Table::create(folder.path(), "t", &first.schema(), CreateMode::Create, options);
    let mut writer = create.unwrap();
    writer.write(&first).unwrap();
    let table = writer.finish().unwrap();
    create_index(&table, IndexConfig::IvfPq(IvfPqConfig { sub_vectors: Some(4), ..IvfPqConfig::default() }));
    (folder, table)
}

fn create_index(table: &Table, config: IndexConfig) {
    let options = IndexOptions { config, ..IndexOptions::default() };
    table.create_index("vector", &options, &Progress::none()).unwrap();
}

fn recall(table: &Table) -> f64 {
    table.measure_recall("vector", &RecallOptions::default(), &Progress::none()).unwrap().recall
}

fn optimize(table: &Table, retrain: Retrain) -> Optimized {
    table.optimize(&OptimizeOptions { retrain, ..OptimizeOptions::default() }, &Progress::none()).unwrap()
}

/// Why the index should be trained again, if it should.
fn reason(table: &Table) -> Option<String> {
    table.list_indices().unwrap().remove(0).retrain
}

#[test]
fn recall_falls_when_rows_drift_and_is_back_after_training_again() {
    let (_folder, table) = table(TableOptions::default());
    let before = recall(&table);
    assert_eq!(reason(&table), None);

    table.add(&rows(2, 4000, 100..160)).unwrap();
    assert_eq!(optimize(&table, Retrain::Never).retrained, 0);

    let drifted = recall(&table);
    assert!(drifted < before - 0.1, "{drifted}, and before {before}");
    let reason_given = reason(&table).unwrap();
    assert!(reason_given.contains("the rows have changed"), "{reason_given}");
    assert_eq!(optimize(&table, Retrain::IfWorse).retrained, 1);
    let after = recall(&table);
    assert!(after > before - 0.03, "{after}, and before {before}");
    assert_eq!(reason(&table), None);
    let index = &table.list_indices().unwrap()[0];
    assert_eq!((index.indexed_rows, index.unindexed_rows), (8000, 0));
    assert_eq!(optimize(&table, Retrain::IfWorse).retrained, 0);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn more_rows_of_the_same_sort_need_no_training() {
    let (_folder, table) = table(TableOptions::default());

    table.add(&rows(3, 4000, 0..40)).unwrap();

    assert_eq!(optimize(&table, Retrain::IfWorse).retrained, 0);
    assert_eq!(reason(&table), None);
    let details = table.list_indices().unwrap().remove(0).entry.details;
    assert_eq!(details["lastCheck"]["rowIdEnd"], 8000);
}

#[test]
fn an_index_of_many_times_its_rows_gets_more_partitions() {
    let (_folder, table) = table(TableOptions::default());
    create_index(&table, IndexConfig::IvfFlat(IvfFlatConfig::default()));
    for seed in 10..17 {
        table.add(&rows(seed, 4000, 0..40)).unwrap();
    }

    assert_eq!(optimize(&table, Retrain::Never).retrained, 0);

    assert!(reason(&table).unwrap().contains("it has 32000 rows and was trained on 4000"));
    assert_eq!(optimize(&table, Retrain::IfWorse).retrained, 1);
    let settings = &table.list_indices().unwrap().remove(0).entry.details["settings"];
    assert_eq!(settings["numPartitions"], 179);
}

#[test]
fn settings_that_were_asked_for_stay_when_an_index_is_trained_again() {
    let (_folder, table) = table(TableOptions::default());
    let config = IvfPqConfig {
        metric: crate::distance::Metric::Cosine,
        partitions: Some(20),
        sub_vectors: Some(8),
        bits: 4,
        seed: 5,
        ..IvfPqConfig::default()
    };
    create_index(&table, IndexConfig::IvfPq(config));
    let settings = |table: &Table| table.list_indices().unwrap().remove(0).entry.details["settings"].clone();
    let before = settings(&table);
    table.add(&rows(5, 4000, 0..40)).unwrap();

    assert_eq!(optimize(&table, Retrain::Always).retrained, 1);

    assert_eq!(settings(&table), before);
    let info = table.list_indices().unwrap().remove(0);
    assert_eq!((info.entry.metric.as_str(), info.indexed_rows), ("cosine", 8000));
}

#[test]
fn upkeep_trains_an_index_again_by_itself() {
    let (_folder, table) = table(TableOptions { upkeep: true, ..TableOptions::default() });
    let before = recall(&table);

    for seed in 20..24 {
        table.add(&rows(seed, 1000, 100..160)).unwrap();
    }
    let status = wait_for_upkeep(&table);

    assert_eq!(status.last_error, None);
    let after = recall(&table);
    assert!(after > before - 0.03, "{after}, and before {before}");
    let index = table.list_indices().unwrap().remove(0);
    assert_eq!((index.unindexed_rows, index.retrain), (0, None));
    assert_eq!(index.entry.details["indexedRows"], 8000);
}

#[test]
fn an_index_that_was_replaced_meanwhile_is_not_replaced_again() {
    let (_folder, table) = table(TableOptions::default());
    let other = table.clone();
    let raced = std::sync::atomic::AtomicBool::new(false);
    let progress = Progress::new("a test").on_report(move |stage, _, _| {
        if stage == "encode" && !raced.swap(true, std::sync::atomic::Ordering::Relaxed) {
            create_index(&other, IndexConfig::IvfFlat(IvfFlatConfig::default()));
        }
    });

    assert_eq!(table.retrain(Retrain::Always, &progress).unwrap(), 0);

    assert_eq!(table.list_indices().unwrap()[0].entry.kind, "IVF_FLAT");
    assert_eq!(std::fs::read_dir(table.path().join("indexes")).unwrap().count(), 2);
}
