//! A whole IVF_PQ build, on the GPU and on all cores.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::error::Result;
use quiverdb::gpu::{Accelerator, Ceilings, Gpu};
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::table::{CreateMode, IndexOptions, Table};
use serde_json::{Map, Value, json};

use crate::options::Options;
use crate::stages::Stages;

/// Rows of a record batch.
const BATCH_ROWS: usize = 8192;

/// Builds an index with each, and says how many seconds each stage took and what bounded it.
pub fn build(options: &Options, gpu: &Arc<Gpu>, ceilings: &Ceilings) -> Result<Value> {
    let table = table(options)?;
    let mut report = Map::new();
    let accelerators = [options.accelerator.as_str(), "cpu"];
    for accelerator in &accelerators[..if options.build_on_cpu { 2 } else { 1 }] {
        let config = IndexConfig::IvfPq(IvfPqConfig {
            partitions: (options.partitions > 0).then_some(options.partitions as u32),
            accelerator: Accelerator::parse(accelerator),
            ..IvfPqConfig::default()
        });
        let index = IndexOptions { config, name: Some(accelerator.replace(' ', "-")), replace: true };
        let start = Instant::now();
        println!("\nbuild of {} x {}, {accelerator}", options.build_rows, options.dim);
        let stages = Stages::new(gpu);
        table.create_index("vector", &index, &stages.progress())?;
        let seconds = start.elapsed().as_secs_f64();
        let details = table.list_indices()?.pop().map(|info| info.entry.details).unwrap_or_default();
        let measured = json!({
            "seconds": seconds,
            "stages": stages.report(ceilings),
            "device": details["device"],
            "variant": details["deviceVariant"],
            "failure": details["deviceFailure"],
        });
        println!("  all of it {seconds:.3} s, on {} ({})", details["device"], details["deviceVariant"]);
        report.insert((*accelerator).to_owned(), measured);
    }
    let seconds = |accelerator: &str| report.get(accelerator)?["seconds"].as_f64();
    if let (Some(gpu), Some(cpu)) = (seconds(&options.accelerator), seconds("cpu")) {
        println!("  {:.1} times as fast as the CPU", cpu / gpu);
        report.insert("timesTheCpu".to_owned(), json!(cpu / gpu));
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
