//! Indexes and searches from Rust: a table, its default index, an index with settings, a query.
//!
//! Run it with `cargo run --release --no-default-features --example ivf_pq`.

use std::sync::Arc;

use arrow::array::{AsArray, FixedSizeListArray, Float32Array, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type, Schema, SchemaRef};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::distance::Metric;
use quiverdb::error::Result;
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows};
use quiverdb::table::{CreateMode, IndexOptions, Table};

const ROWS: i32 = 1000;
const DIMENSIONS: usize = 128;

fn main() -> Result<()> {
    for (id, distance) in run(".data/ivf_pq")? {
        println!("row {id} at distance {distance}");
    }
    Ok(())
}

/// Everything this example does, in the folder `uri`. Returns the answer: ids and distances.
pub fn run(uri: &str) -> Result<Vec<(i32, f32)>> {
    let connection = Connection::connect(uri, ConnectOptions::default())?;
    let table = create_table(&connection)?;
    create_indexes(&table)?;
    search(&table)
}

/// A thousand rows, all with the same vector of ones.
fn create_table(connection: &Connection) -> Result<Table> {
    let mut writer = connection.create_table("vectors", &schema(), CreateMode::Overwrite)?;
    writer.write(&rows())?;
    writer.commit()?;
    connection.open_table("vectors")
}

fn schema() -> SchemaRef {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("vector", DataType::FixedSizeList(item, DIMENSIONS as i32), true),
    ]))
}

fn rows() -> RecordBatch {
    let ids = Int32Array::from_iter_values(0..ROWS);
    let ones = Float32Array::from(vec![1.0; ROWS as usize * DIMENSIONS]);
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, DIMENSIONS as i32, Arc::new(ones), None);
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(vectors)]).expect("columns of the schema")
}

fn create_indexes(table: &Table) -> Result<()> {
    // IVF_PQ, with as many partitions and sub-vectors as suit the table.
    table.create_index("vector", &IndexOptions::default(), &Progress::none())?;

    // The same kind with settings of our own. It has the same name, so it takes the first one's place.
    let config = IvfPqConfig {
        metric: Metric::Cosine,
        partitions: Some(50),
        sub_vectors: Some(16),
        ..IvfPqConfig::default()
    };
    let options = IndexOptions { config: IndexConfig::IvfPq(config), ..IndexOptions::default() };
    table.create_index("vector", &options, &Progress::none())
}

/// The 15 rows nearest to a vector of ones.
fn search(table: &Table) -> Result<Vec<(i32, f32)>> {
    let nearest = Nearest {
        vectors: vec![vec![1.0; DIMENSIONS]],
        // More partitions find more of the true neighbours, and take longer.
        probes_min: Some(30),
        probes_max: Some(30),
        // As many candidates are compared exactly as rows come back.
        refine_factor: Some(1),
        ..Nearest::default()
    };
    let request = Request { rows: Rows::Nearest(nearest), limit: Some(15), ..Request::default() };

    let mut answer = Vec::new();
    for batch in table.plan(&request)?.run(&Progress::none())? {
        let ids = batch["id"].as_primitive::<Int32Type>();
        let distances = batch["_distance"].as_primitive::<Float32Type>();
        answer.extend(ids.values().iter().copied().zip(distances.values().iter().copied()));
    }
    Ok(answer)
}
