//! Searches without Node, on one thread:
//! `cargo bench --bench query -- SET PARTITIONS SUB_VECTORS BITS`, where SET is a folder of vectors that
//! `npm run bench` wrote, for example `benches/.data/sets/glove 512 50 4`.
//!
//! Stores and indexes the vectors if an earlier run did not, and prints recall@10 and queries a second for
//! settings of the query. With `--serve` it takes orders as `compare/engines/serve.ts` does, so that `npm run bench`
//! measures it in turn with the others.

use std::error::Error;
use std::fs;
use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{AsArray, FixedSizeListArray, Float32Array, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows, Select};
use quiverdb::table::{CreateMode, IndexOptions, Table};
use serde::{Deserialize, Serialize};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const NEIGHBOURS: usize = 10;
const BATCH: usize = 100;
const ROWS_AT_ONCE: usize = 16_384;

fn main() -> Outcome<()> {
    // Work that a search would spread over a pool stays on the thread of a pool of one.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments[..] {
        [flag] if flag == "--serve" => serve(&pool),
        [set, partitions, sub_vectors, bits] => {
            let config = Config {
                num_partitions: partitions.parse()?,
                num_sub_vectors: sub_vectors.parse()?,
                num_bits: bits.parse()?,
            };
            print_curve(&pool, Path::new(set), &config)
        }
        _ => Err("arguments: SET PARTITIONS SUB_VECTORS BITS, for example benches/.data/sets/glove 512 50 4"
            .into()),
    }
}

/// A line for each setting of the query.
fn print_curve(pool: &rayon::ThreadPool, folder: &Path, config: &Config) -> Outcome<()> {
    let set: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("set.json"))?)?;
    let queries = set["queries"].as_u64().ok_or("set.json does not say how many queries there are")?;
    let query_bytes = fs::metadata(folder.join("queries.f32"))?.len();
    let set = VectorSet { folder: folder.into(), dimensions: (query_bytes / 4 / queries) as usize };
    let Config { num_partitions, num_sub_vectors, num_bits } = config;
    let table = PathBuf::from(format!("{}-{num_partitions}-{num_sub_vectors}-{num_bits}", folder.display()));
    if open(&table).and_then(|table| Ok(table.list_indices()?)).is_ok_and(|indexes| !indexes.is_empty()) {
        println!("index of an earlier run, in {}", table.display());
    } else {
        ingest(&set, &table)?;
        let start = Instant::now();
        build(&table, config)?;
        println!("index built in {:.2} s, in {}", start.elapsed().as_secs_f64(), table.display());
    }

    let (table, queries) = (open(&table)?, read_queries(&set)?);
    let bytes = fs::read(folder.join("truth.i32"))?;
    let truth: Vec<i32> = bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect();
    println!("nprobes  refine  recall@10  median ms  queries/s");
    for nprobes in [1, 2, 4, 8, 16, 32, 64, 128] {
        for refine_factor in [1, 4, 16] {
            let settings = Settings { nprobes: Some(nprobes), refine_factor: Some(refine_factor) };
            let measured = pool.install(|| {
                ask(&table, &queries, settings, "sync", Limits { budget_ms: f64::INFINITY, queries_min: 0 })
            })?;
            let hits: usize = measured
                .answers
                .iter()
                .zip(truth.chunks(NEIGHBOURS))
                .map(|(answer, truth)| answer.iter().filter(|id| truth.contains(id)).count())
                .sum();
            println!(
                "{nprobes:>7} {refine_factor:>7} {:>10.4} {:>10.4} {:>10.0}",
                hits as f64 / truth.len() as f64,
                measured.median_ms,
                measured.per_second
            );
        }
    }
    Ok(())
}

/// An order, as `compare/engines/serve.ts` describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    op: String,
    set: Option<VectorSet>,
    folder: Option<PathBuf>,
    config: Option<Config>,
    mode: Option<String>,
    settings: Option<Settings>,
    queries: Option<usize>,
    budget_ms: Option<f64>,
    queries_min: Option<usize>,
}

#[derive(Deserialize)]
struct VectorSet {
    folder: PathBuf,
    dimensions: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    num_partitions: u32,
    num_sub_vectors: u32,
    num_bits: u8,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    nprobes: Option<usize>,
    refine_factor: Option<u32>,
}

/// When asking ends before all queries are answered.
#[derive(Clone, Copy)]
struct Limits {
    budget_ms: f64,
    queries_min: usize,
}

/// What asking came to, as `compare/engines/measure.ts` describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    answers: Vec<Vec<i32>>,
    per_second: f64,
    median_ms: f64,
    p99_ms: f64,
}

/// A table that is open, and what to ask it.
struct Opened {
    table: Table,
    queries: Vec<Vec<f64>>,
}

fn serve(pool: &rayon::ThreadPool) -> Outcome<()> {
    let mut opened = None;
    for line in stdin().lock().lines() {
        let reply = match obey(pool, &serde_json::from_str(&line?)?, &mut opened) {
            Ok(reply) => reply,
            Err(error) => json!({ "error": error.to_string() }),
        };
        println!("@{reply}");
    }
    Ok(())
}

fn obey(pool: &rayon::ThreadPool, order: &Order, opened: &mut Option<Opened>) -> Outcome<serde_json::Value> {
    let missing = "the order is not complete";
    let start = Instant::now();
    if order.op == "ask" {
        let opened = opened.as_ref().ok_or("nothing is open")?;
        let queries = &opened.queries[..opened.queries.len().min(order.queries.unwrap_or(usize::MAX))];
        let settings = order.settings.unwrap_or_default();
        let mode = order.mode.as_deref().unwrap_or("sync");
        let limits = Limits {
            budget_ms: order.budget_ms.unwrap_or(f64::INFINITY),
            queries_min: order.queries_min.unwrap_or(0),
        };
        let measured = pool.install(|| ask(&opened.table, queries, settings, mode, limits))?;
        return Ok(serde_json::to_value(measured)?);
    }
    let set = order.set.as_ref().ok_or(missing)?;
    let folder = order.folder.as_ref().ok_or(missing)?;
    match order.op.as_str() {
        "ingest" => ingest(set, folder)?,
        "build" => build(folder, order.config.as_ref().ok_or(missing)?)?,
        "open" => {
            let table = open(folder)?;
            let bytes = table.list_indices()?.first().map_or(0, |index| index.size_bytes());
            let queries = read_queries(set)?;
            *opened = Some(Opened { table, queries });
            let version = env!("CARGO_PKG_VERSION");
            return Ok(
                json!({ "version": version, "indexBytes": bytes, "modes": ["exact", "sync", "batch"] }),
            );
        }
        other => return Err(format!("no such order: {other}").into()),
    }
    Ok(json!({ "seconds": start.elapsed().as_secs_f64() }))
}

/// Asks one query after the other, or batch after batch.
fn ask(
    table: &Table,
    queries: &[Vec<f64>],
    settings: Settings,
    mode: &str,
    limits: Limits,
) -> Outcome<Measured> {
    let step = if mode == "batch" { BATCH } else { 1 };
    let (mut answers, mut times) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for queries in queries.chunks(step) {
        let before = Instant::now();
        answers.extend(nearest(table, queries, settings, mode == "exact")?);
        times.push(before.elapsed().as_secs_f64() * 1e3);
        let late = start.elapsed().as_secs_f64() * 1e3 > limits.budget_ms;
        if late && answers.len() >= limits.queries_min {
            break;
        }
    }
    let per_second = answers.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let (median_ms, p99_ms) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    Ok(Measured { answers, per_second, median_ms, p99_ms })
}

/// The ids of the rows nearest to each query.
fn nearest(table: &Table, queries: &[Vec<f64>], settings: Settings, exact: bool) -> Outcome<Vec<Vec<i32>>> {
    let nearest = Nearest {
        vectors: queries.to_vec(),
        probes_min: settings.nprobes,
        probes_max: settings.nprobes,
        refine_factor: settings.refine_factor,
        bypass_index: exact,
        ..Nearest::default()
    };
    let request = Request {
        rows: Rows::Nearest(nearest),
        select: Select::Columns(vec!["id".into()]),
        limit: Some(NEIGHBOURS),
        ..Request::default()
    };
    let mut answers = vec![Vec::with_capacity(NEIGHBOURS); queries.len()];
    for batch in table.plan(&request)?.run(&Progress::none())? {
        let ids = batch["id"].as_primitive::<Int32Type>().values();
        match batch.column_by_name("query_index") {
            None => answers[0].extend_from_slice(ids),
            Some(of) => {
                for (&query, &id) in of.as_primitive::<Int32Type>().values().iter().zip(ids) {
                    answers[query as usize].push(id);
                }
            }
        }
    }
    Ok(answers)
}

/// Writes the set's rows into a table.
fn ingest(set: &VectorSet, folder: &Path) -> Outcome<()> {
    let floats = Float32Array::from(read(&set.folder.join("base.f32"))?);
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("vector", DataType::FixedSizeList(item.clone(), set.dimensions as i32), true),
    ]));
    let mut writer = connect(folder)?.create_table("vectors", &schema, CreateMode::Overwrite)?;
    let rows = floats.len() / set.dimensions;
    for first in (0..rows).step_by(ROWS_AT_ONCE) {
        let len = ROWS_AT_ONCE.min(rows - first);
        let part = floats.slice(first * set.dimensions, len * set.dimensions);
        let vectors = FixedSizeListArray::new(item.clone(), set.dimensions as i32, Arc::new(part), None);
        let ids = Int32Array::from_iter_values(first as i32..(first + len) as i32);
        writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(ids), Arc::new(vectors)])?)?;
    }
    writer.commit()?;
    Ok(())
}

fn build(folder: &Path, config: &Config) -> Outcome<()> {
    let config = IvfPqConfig {
        partitions: Some(config.num_partitions),
        sub_vectors: Some(config.num_sub_vectors),
        bits: config.num_bits,
        ..IvfPqConfig::default()
    };
    let options = IndexOptions { config: IndexConfig::IvfPq(config), ..IndexOptions::default() };
    Ok(open(folder)?.create_index("vector", &options, &Progress::none())?)
}

fn connect(folder: &Path) -> Outcome<Connection> {
    Ok(Connection::connect(&folder.to_string_lossy(), ConnectOptions::default())?)
}

fn open(folder: &Path) -> Outcome<Table> {
    Ok(connect(folder)?.open_table("vectors")?)
}

fn read(file: &Path) -> Outcome<Vec<f32>> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn read_queries(set: &VectorSet) -> Outcome<Vec<Vec<f64>>> {
    let values = read(&set.folder.join("queries.f32"))?;
    Ok(values.chunks(set.dimensions).map(|query| query.iter().map(|&value| value.into()).collect()).collect())
}
