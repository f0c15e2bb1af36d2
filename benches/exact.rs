//! How fast exact search goes through a table: `cargo bench --bench exact`.
//!
//! Each line is one shape of table, searched through the public API on one thread and on all, with the share of
//! a plain read of as many bytes by as many threads that it reaches.

mod measure;

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use measure::{Aligned, fastest, nanoseconds, noise, plain_read};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows, Select};
use quiverdb::table::{CreateMode, Table};

/// Rows x dimensions: Fashion-MNIST, GloVe, and embeddings.
const SHAPES: [(usize, usize); 3] = [(60_000, 784), (340_979, 100), (100_000, 1024)];
const ROWS_AT_ONCE: usize = 8192;

fn main() -> Result<(), Box<dyn Error>> {
    println!("   rows x dimensions  threads       ms     GB/s  plain read  share");
    for (rows, dim) in SHAPES {
        let folder = tempfile::tempdir()?;
        let table = fill(&folder.path().to_string_lossy(), rows, dim)?;
        let bytes = noise(rows * dim * size_of::<f32>());
        let all = std::thread::available_parallelism()?.get();
        for threads in [1, all] {
            report(&table, dim, &bytes, threads)?;
        }
    }
    Ok(())
}

fn report(table: &Table, dim: usize, bytes: &Aligned<u8>, threads: usize) -> Result<(), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let nearest = Nearest { vectors: vec![vec![0.5; dim]], ..Nearest::default() };
    let request = Request {
        rows: Rows::Nearest(nearest),
        select: Select::Columns(vec!["_distance".into()]),
        ..Request::default()
    };
    let search = || table.plan(&request).and_then(|plan| plan.run(&Progress::none()));
    pool.install(search)?;
    let took = pool.install(|| fastest(|| drop(black_box(search()))));
    let read = plain_read_by(&pool, bytes);
    let speed = bytes.len() as f64 / nanoseconds(took);
    println!(
        "{:>7} x {dim:<10} {threads:>7} {:>8.2} {speed:>8.1} {read:>11.1} {:>4.0} %",
        bytes.len() / dim / size_of::<f32>(),
        nanoseconds(took) / 1e6,
        100.0 * speed / read,
    );
    Ok(())
}

/// How fast every thread of the pool together reads, in GB/s: each a part of its own.
fn plain_read_by(pool: &rayon::ThreadPool, bytes: &[u8]) -> f64 {
    const PAGE: usize = 4096;
    let part = (bytes.len() / pool.current_num_threads()).next_multiple_of(PAGE);
    let parts: Vec<&[u8]> = bytes.chunks(part).map(|part| &part[..part.len() / PAGE * PAGE]).collect();
    pool.broadcast(|thread| parts.get(thread.index()).map_or(0.0, |part| plain_read(part))).iter().sum()
}

/// A table of random vectors.
fn fill(folder: &str, rows: usize, dim: usize) -> Result<Table, Box<dyn Error>> {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let list = DataType::FixedSizeList(item.clone(), dim as i32);
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("vector", list, true)]));
    let connection = Connection::connect(folder, ConnectOptions::default())?;
    let mut writer = connection.create_table("vectors", &schema, CreateMode::Create)?;
    let words = noise(rows * dim * size_of::<f32>());
    for rows in words.chunks(ROWS_AT_ONCE * dim * size_of::<f32>()) {
        let words = rows.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word));
        let values: Float32Array = words.map(|word| word as f32 / u32::MAX as f32).collect();
        let vectors = FixedSizeListArray::new(item.clone(), dim as i32, Arc::new(values), None);
        writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(vectors)])?)?;
    }
    writer.commit()?;
    Ok(connection.open_table("vectors")?)
}
