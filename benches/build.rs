//! What building an index costs: `cargo bench --bench build --features plain-product -- [name=value]...`
//!
//! | name          | default | means                                                                  |
//! | ------------- | ------- | ---------------------------------------------------------------------- |
//! | `file`        | none    | rows x `dim` little-endian floats; without it, clustered ones are made |
//! | `rows`        | 1000000 | how many to make                                                       |
//! | `dim`         | 128     | dimensions                                                             |
//! | `partitions`  | √rows   |                                                                        |
//! | `sub-vectors` | dim / 8 |                                                                        |
//! | `bits`        | 8       | of a code: 4 or 8                                                      |
//! | `threads`     | all     |                                                                        |
//! | `recall`      | 0       | own rows to ask with afterwards, at the bare codes of a tenth of the partitions |
//!
//! Prints JSON: seconds from the call until the index is durable and published, and seconds of each stage;
//! GFLOP/s of encoding, and those of a plain matrix product on as many threads; processor seconds; how much
//! anonymous memory the build took at most beyond what the process had before (Linux); and how long a query
//! takes when nothing else happens, and while the index is built once more. Rows reach the table a few
//! thousand at a time, so a table may be larger than memory.

#[path = "measure/product.rs"]
mod product;

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use product::{fastest, plain_product};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::error::Result;
use quiverdb::index::{IndexConfig, IvfPqConfig, build_threads};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows};
use quiverdb::table::{CreateMode, IndexOptions, RecallOptions, Table};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::ThreadPool;
use serde_json::{Value, json};

/// Rows that are made, or read, at a time.
const BATCH_ROWS: usize = 8192;

/// Groups of made rows: fewer than partitions, so that partitions have something to divide.
const GROUPS: usize = 400;

/// Rows of the plain matrix product.
const PRODUCT_ROWS: usize = 16_384;

struct Arguments(Vec<String>);

impl Arguments {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.text(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
    }
}

fn main() -> Result<()> {
    let arguments = Arguments(std::env::args().collect());
    let threads = arguments.number("threads").unwrap_or(0);
    let threads = build_threads(threads).expect("threads start");
    println!("{:#}", bench(&arguments, &threads)?);
    Ok(())
}

fn bench(arguments: &Arguments, threads: &ThreadPool) -> Result<Value> {
    let dim = arguments.number("dim").unwrap_or(128);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let connection = Connection::connect(&folder.path().to_string_lossy(), ConnectOptions::default())?;
    let table = fill(&connection, dim, arguments)?;
    let rows = table.count_rows(None)? as usize;
    let config = IvfPqConfig {
        partitions: arguments.number("partitions").map(|partitions| partitions as u32),
        sub_vectors: Some(arguments.number("sub-vectors").unwrap_or(dim / 8) as u32),
        bits: arguments.number("bits").unwrap_or(8) as u8,
        ..IvfPqConfig::default()
    };
    let options = IndexOptions { config: IndexConfig::IvfPq(config), ..IndexOptions::default() };

    let memory = Memory::watch();
    let (start, processor) = (Instant::now(), processor_seconds());
    let build = || threads.install(|| table.create_index("vector", &options, &Progress::none()));
    build()?;
    let (wall, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    let memory = memory.peak_bytes();

    let index = table.list_indices()?.remove(0);
    let details = &index.entry.details;
    let recall = arguments.number("recall").filter(|&sample| sample > 0);
    let recall = recall.map(|sample| bare_recall(&table, sample, details)).transpose()?;
    let queries = queries(&table, dim, build)?;
    Ok(json!({
        "rows": rows,
        "dim": dim,
        "settings": details["settings"],
        "threads": threads.current_num_threads(),
        "kernels": quiverdb::kmeans::instruction_set(),
        "wallSeconds": round(wall),
        "processorSeconds": round(processor),
        "seconds": details["seconds"],
        "encodeGflops": round(encode_gflops(rows, dim, details)),
        "plainProductGflops": round(threads.install(|| product_gflops(dim, partitions(details)))),
        "peakAnonymousMiB": memory.map(|bytes| bytes >> 20),
        "indexBytes": index.size_bytes(),
        "bareRecall": recall,
        "queryMilliseconds": queries,
    }))
}

/// A table of the file's rows, or of rows made up.
fn fill(connection: &Connection, dim: usize, arguments: &Arguments) -> Result<Table> {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let vector = DataType::FixedSizeList(item.clone(), dim as i32);
    let schema = Arc::new(Schema::new(vec![Field::new("vector", vector, true)]));
    let mut writer = connection.create_table("vectors", &schema, CreateMode::Create)?;
    let mut write = |values: Vec<f32>| {
        let lists =
            FixedSizeListArray::new(item.clone(), dim as i32, Arc::new(Float32Array::from(values)), None);
        let columns: Vec<ArrayRef> = vec![Arc::new(lists)];
        writer.write(&RecordBatch::try_new(schema.clone(), columns).expect("columns of the schema"))
    };
    match arguments.text("file") {
        Some(path) => {
            let mut file = BufReader::new(File::open(path).expect("the file opens"));
            let mut bytes = Vec::new();
            let batch_bytes = (BATCH_ROWS * dim * size_of::<f32>()) as u64;
            while file.by_ref().take(batch_bytes).read_to_end(&mut bytes).expect("the file can be read") > 0 {
                write(bytemuck::pod_collect_to_vec(&bytes))?;
                bytes.clear();
            }
        }
        None => {
            let rows = arguments.number("rows").unwrap_or(1_000_000);
            let mut made = Clustered::new(dim);
            for start in (0..rows).step_by(BATCH_ROWS) {
                write(made.rows(BATCH_ROWS.min(rows - start)))?;
            }
        }
    }
    writer.finish()
}

/// Rows around [`GROUPS`] centres, as many around each, half as far from it as centres are from zero.
struct Clustered {
    random: StdRng,
    centres: Vec<f32>,
    dim: usize,
}

impl Clustered {
    fn new(dim: usize) -> Self {
        let mut random = StdRng::seed_from_u64(1);
        let centres = (0..GROUPS * dim).map(|_| random.random_range(-1.0..1.0)).collect();
        Self { random, centres, dim }
    }

    fn rows(&mut self, rows: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows * self.dim);
        for _ in 0..rows {
            let centre = self.random.random_range(0..GROUPS) * self.dim;
            let centre = &self.centres[centre..centre + self.dim];
            values.extend(centre.iter().map(|value| value + self.random.random_range(-0.5..0.5f32)));
        }
        values
    }
}

fn partitions(details: &Value) -> usize {
    details["settings"]["numPartitions"].as_u64().unwrap_or(1) as usize
}

/// Two for each multiply-add of a row's comparison with centroids and codewords; all else counts as overhead.
fn encode_gflops(rows: usize, dim: usize, details: &Value) -> f64 {
    let codewords = 1 << details["settings"]["numBits"].as_u64().unwrap_or(8);
    let seconds = details["seconds"]["encode"].as_f64().unwrap_or(f64::NAN);
    2e-9 * (rows * dim * (partitions(details) + codewords)) as f64 / seconds
}

/// What a product of rows and partitions' centroids reaches.
fn product_gflops(dim: usize, partitions: usize) -> f64 {
    let points = Clustered::new(dim).rows(PRODUCT_ROWS + partitions);
    let (points, centroids) = points.split_at(PRODUCT_ROWS * dim);
    let seconds = fastest(5, || plain_product(points, dim, centroids));
    2e-9 * (PRODUCT_ROWS * dim * partitions) as f64 / seconds
}

fn bare_recall(table: &Table, sample: usize, details: &Value) -> Result<f64> {
    let probes = Some(partitions(details).div_ceil(10));
    let options = RecallOptions { k: 10, sample, probes, refine_factor: Some(0) };
    Ok(table.measure_recall("vector", &options, &Progress::none())?.recall)
}

/// How long queries take alone, and while `build` runs: the median and the slowest of a hundred.
fn queries(table: &Table, dim: usize, build: impl Fn() -> Result<()> + Sync) -> Result<Value> {
    let alone = query_times(table, dim, |asked| asked < 1000)?;
    let done = AtomicBool::new(false);
    let meanwhile = std::thread::scope(|scope| {
        let building = scope.spawn(|| {
            let built = build();
            done.store(true, Ordering::Relaxed);
            built
        });
        let times = query_times(table, dim, |_| !done.load(Ordering::Relaxed));
        building.join().expect("a build does not panic")?;
        times
    })?;
    Ok(json!({"alone": alone, "duringBuild": meanwhile}))
}

/// Asks for the ten nearest of made-up vectors, one after the other, for as long as `more` says.
fn query_times(table: &Table, dim: usize, more: impl Fn(usize) -> bool) -> Result<Value> {
    let mut made = Clustered::new(dim);
    let mut times = Vec::new();
    while more(times.len()) {
        let vector = made.rows(1).into_iter().map(f64::from).collect();
        let rows = Rows::Nearest(Nearest { vectors: vec![vector], ..Nearest::default() });
        let request = Request { rows, limit: Some(10), ..Request::default() };
        let start = Instant::now();
        table.plan(&request)?.run(&Progress::none())?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        // As a user who types would ask: not so often that queries alone fill the cores.
        std::thread::sleep(Duration::from_millis(2));
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().map(round);
    Ok(json!({"queries": times.len(), "median": at(50), "slowestOf100": at(99)}))
}

fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Seconds that all threads of this process have run; 0 where that cannot be read.
fn processor_seconds() -> f64 {
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else { return 0.0 };
    // The name before the last parenthesis may hold anything; user and system ticks are 12 fields on.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Watches how much anonymous memory the process has.
struct Memory {
    before: Option<usize>,
    stop: Arc<AtomicBool>,
    watcher: std::thread::JoinHandle<Option<usize>>,
}

impl Memory {
    fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let watcher = std::thread::spawn(move || {
            let mut peak = None;
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(anonymous_bytes());
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        Self { before: anonymous_bytes(), stop, watcher }
    }

    /// The most that came on top of what there was.
    fn peak_bytes(self) -> Option<usize> {
        self.stop.store(true, Ordering::Relaxed);
        Some(self.watcher.join().ok()??.saturating_sub(self.before?))
    }
}

/// What the process holds that no file does.
fn anonymous_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
}
