//! The build of a scalar index sorts outside memory. The only test of its process, because it measures that.
#![cfg(target_os = "linux")]

mod memory;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::index::IndexConfig;
use quiverdb::index::scalar::ScalarKind;
use quiverdb::progress::Progress;
use quiverdb::table::{CreateMode, IndexOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ROWS: usize = 5_000_000;
const BATCH_ROWS: usize = 100_000;

/// The buffer for sorting has 64 MiB, and so have the runs while they are merged.
const MEMORY_MAX: u64 = 100 << 20;

#[test]
fn memory_does_not_grow_with_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::connect(folder.path().to_str().unwrap(), ConnectOptions::default()).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut batch = || {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0..BATCH_ROWS).map(|_| rng.random())));
        RecordBatch::try_from_iter([("x", values)]).unwrap()
    };
    let mut writer = connection.create_table("t", &batch().schema(), CreateMode::Create).unwrap();
    for _ in 0..ROWS / BATCH_ROWS {
        writer.write(&batch()).unwrap();
    }
    let table = writer.finish().unwrap();

    let config = IndexConfig::Scalar(ScalarKind::BTree);
    let options = IndexOptions { config, ..IndexOptions::default() };
    let (built, grown) = memory::grown_by(|| table.create_index("x", &options, &Progress::none()));

    built.unwrap();
    assert!(grown < MEMORY_MAX, "{} MiB for {ROWS} rows", grown >> 20);
    assert_eq!(table.count_rows(Some(&"x < 0 OR x >= 0".into())).unwrap(), ROWS as u64);
}
