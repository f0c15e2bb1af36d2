//! A whole IVF_PQ build, on the GPU and on all cores.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::error::Result;
use quiverdb::gpu::Accelerator;
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::table::{CreateMode, IndexOptions, Table};
use serde_json::{Map, Value, json};

use crate::options::Options;

/// Rows of a record batch.
const BATCH_ROWS: usize = 8192;

/// Builds an index with each, and says how many seconds each stage took.
pub fn build(options: &Options) -> Result<Value> {
    let table = table(options)?;
    let mut report = Map::new();
    for accelerator in [options.accelerator.as_str(), "cpu"] {
        let config = IndexConfig::IvfPq(IvfPqConfig {
            partitions: Some(options.centroids as u32),
            accelerator: Accelerator::parse(accelerator),
            ..IvfPqConfig::default()
        });
        let index = IndexOptions { config, name: Some(accelerator.replace(' ', "-")), replace: true };
        let start = Instant::now();
        table.create_index("vector", &index, &Progress::none())?;
        let seconds = start.elapsed().as_secs_f64();
        let details = table.list_indices()?.pop().map(|info| info.entry.details).unwrap_or_default();
        let measured =
            json!({ "seconds": seconds, "stages": details["seconds"], "device": details["device"] });
        println!("build of {} rows, {accelerator}: {measured:#}", options.build_rows);
        report.insert(accelerator.to_owned(), measured);
    }
    Ok(Value::Object(report))
}

fn table(options: &Options) -> Result<Table> {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let vector = DataType::FixedSizeList(item.clone(), options.dim as i32);
    let schema = Arc::new(Schema::new(vec![Field::new("vector", vector, true)]));
    let connection = Connection::connect(&options.folder, ConnectOptions::default())?;
    let mut writer = connection.create_table("rows", &schema, CreateMode::Overwrite)?;
    for (i, first) in (0..options.build_rows).step_by(BATCH_ROWS).enumerate() {
        let rows = BATCH_ROWS.min(options.build_rows - first);
        let values = Float32Array::from(crate::values(rows, options.dim, i as u64));
        let lists = FixedSizeListArray::new(item.clone(), options.dim as i32, Arc::new(values), None);
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(lists)]);
        writer.write(&batch.expect("a column of the schema"))?;
    }
    writer.commit()?;
    connection.open_table("rows")
}
