//! Changes of all kinds, by processes that are killed, by many at once, and on files that are damaged.
//!
//! Children are this test binary again, running one of its ignored tests.

mod concurrent;
mod damaged;
mod killed;
mod serial;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::index::{IndexConfig, IvfFlatConfig};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows, Select};
use quiverdb::table::{IndexOptions, MergeOptions, Merged, Table};

/// The folder a child works in; set for children only.
const FOLDER: &str = "QUIVERDB_TEST_CHANGES_FOLDER";
/// A number that tells a child what it has to do.
const NUMBER: &str = "QUIVERDB_TEST_CHANGES_NUMBER";

const DIM: i32 = 4;

fn none() -> Progress {
    Progress::none()
}

fn schema() -> SchemaRef {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("vector", DataType::FixedSizeList(item, DIM), true),
    ]))
}

/// The row `id` has the text `text <id>` and the vector `[id, 0, 0, 0]`.
fn rows(ids: &[i64]) -> RecordBatch {
    let texts = StringArray::from_iter_values(ids.iter().map(|id| format!("text {id}")));
    let values = ids.iter().flat_map(|id| [*id as f32, 0.0, 0.0, 0.0]);
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, DIM, Arc::new(Float32Array::from_iter_values(values)), None);
    let ids = Int64Array::from_iter_values(ids.iter().copied());
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(texts), Arc::new(vectors)];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn connect(folder: &Path) -> Connection {
    Connection::connect(folder.to_str().unwrap(), ConnectOptions::default()).unwrap()
}

fn upsert(table: &Table, ids: &[i64]) {
    merge(table, ids);
}

fn merge(table: &Table, ids: &[i64]) -> Merged {
    let options = MergeOptions {
        on: vec!["id".to_owned()],
        update_matched: Some(None),
        insert_unmatched: true,
        delete_unmatched: None,
    };
    table.merge(&options, &[rows(ids)], &none()).unwrap()
}

fn index_options() -> IndexOptions {
    let config = IndexConfig::IvfFlat(IvfFlatConfig::default());
    IndexOptions { config, ..IndexOptions::default() }
}

fn create_index(table: &Table) {
    table.create_index("vector", &index_options(), &none()).unwrap();
}

fn run(table: &Table, request: Request) -> Vec<RecordBatch> {
    table.plan(&request).unwrap().run(&none()).unwrap()
}

/// The ids of all rows, sorted, after a look at the texts that they have.
fn ids(table: &Table) -> Vec<i64> {
    let select = Select::Columns(vec!["id".to_owned(), "text".to_owned()]);
    let mut found = Vec::new();
    for batch in run(table, Request { select, ..Request::default() }) {
        let texts = batch.column(1).as_string::<i32>();
        for (row, &id) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
            assert_eq!(texts.value(row), format!("text {id}"));
            found.push(id);
        }
    }
    found.sort_unstable();
    found
}

/// Id and text of every row, sorted.
fn content_of(table: &Table) -> Vec<(i64, String)> {
    let select = Select::Columns(vec!["id".to_owned(), "text".to_owned()]);
    let batches = run(table, Request { select, ..Request::default() });
    let mut found: Vec<(i64, String)> = batches
        .iter()
        .flat_map(|batch| {
            let ids = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
            let texts = batch.column(1).as_string::<i32>();
            ids.into_iter().zip(texts.iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>())
        })
        .collect();
    found.sort();
    found
}

/// The distances of the rows nearest to a few places, asked for exactly and with an index if there is one.
fn neighbours(table: &Table, exact: bool) -> Vec<Vec<i64>> {
    let ask = |place: i64| {
        let nearest = Nearest {
            vectors: vec![vec![place as f64, 0.0, 0.0, 0.0]],
            bypass_index: exact,
            probes_min: Some(10_000),
            ..Nearest::default()
        };
        let select = Select::Columns(vec!["id".to_owned()]);
        let request = Request { rows: Rows::Nearest(nearest), limit: Some(5), select, ..Request::default() };
        let batches = run(table, request);
        let ids =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        ids.map(|id| (id - place).abs()).collect()
    };
    [0, 77, 1000].map(ask).into()
}

/// The command that runs the ignored test `child` of this binary.
fn child(child: &str, folder: &Path, number: i64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([child, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(NUMBER, number.to_string())
        .stderr(Stdio::null());
    command
}

/// The folder and the number, if this process is a child.
fn task() -> Option<(PathBuf, i64)> {
    let folder = std::env::var_os(FOLDER)?.into();
    Some((folder, std::env::var(NUMBER).ok()?.parse().ok()?))
}
