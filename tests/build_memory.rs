//! The build of a vector index streams the rows. The only test of its process, because it measures memory.
#![cfg(target_os = "linux")]

mod memory;

use std::sync::Arc;

use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::table::{CreateMode, IndexOptions, Table};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const DIM: usize = 64;
const BATCH_ROWS: usize = 20_000;

/// They take 128 MB: a build that held half of them would be noticed.
const ROWS: usize = 500_000;

/// Sample, codebook, buffers of each thread.
const MEMORY_MAX: u64 = 64 << 20;

#[test]
fn memory_does_not_grow_with_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::connect(folder.path().to_str().unwrap(), ConnectOptions::default()).unwrap();
    let table = filled(&connection);

    let config = IvfPqConfig { partitions: Some(64), sub_vectors: Some(8), ..IvfPqConfig::default() };
    let options = IndexOptions { config: IndexConfig::IvfPq(config), ..IndexOptions::default() };
    let (built, grown) = memory::grown_by(|| table.create_index("vector", &options, &Progress::none()));

    built.unwrap();
    assert!(grown < MEMORY_MAX, "{} MiB for {ROWS} rows", grown >> 20);
}

fn filled(connection: &Connection) -> Table {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let column = DataType::FixedSizeList(item.clone(), DIM as i32);
    let schema = Arc::new(Schema::new(vec![Field::new("vector", column, true)]));
    let mut rng = StdRng::seed_from_u64(1);
    let mut writer = connection.create_table("t", &schema, CreateMode::Overwrite).unwrap();
    for _ in 0..ROWS / BATCH_ROWS {
        let values = Float32Array::from_iter_values((0..BATCH_ROWS * DIM).map(|_| rng.random::<f32>()));
        let lists = FixedSizeListArray::new(item.clone(), DIM as i32, Arc::new(values), None);
        writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(lists)]).unwrap()).unwrap();
    }
    writer.finish().unwrap()
}
