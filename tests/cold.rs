//! What a query reads of an index that is not in memory: header, centroids, and the partitions that it probes.
//!
//! Linux only: the test drops the file from the page cache with `dd`, and asks `fincore` what came back.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows};
use quiverdb::table::{CreateMode, IndexOptions, Table};

const ROWS: usize = 20_000;
const DIM: usize = 64;
const PARTITIONS: usize = 80;
const PAGE: u64 = 4096;

/// A vector of noise around one of 80 places.
fn vector(row: usize) -> impl Iterator<Item = f32> {
    let noise = move |i: usize| ((row * 31 + i * 17 + 7) * 2_654_435_761 % 1_000_003) as f32 / 1_000_003.0;
    (0..DIM).map(
        move |i| if i == row % PARTITIONS % DIM { 9.0 } else { noise(i) + (row % PARTITIONS / DIM) as f32 },
    )
}

fn create(connection: &Connection) -> Table {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let column = DataType::FixedSizeList(item.clone(), DIM as i32);
    let schema = Arc::new(Schema::new(vec![Field::new("vector", column, true)]));
    let values = Float32Array::from_iter_values((0..ROWS).flat_map(vector));
    let lists = FixedSizeListArray::new(item, DIM as i32, Arc::new(values), None);
    let mut writer = connection.create_table("t", &schema, CreateMode::Overwrite).unwrap();
    writer.write(&RecordBatch::try_new(schema, vec![Arc::new(lists)]).unwrap()).unwrap();
    writer.commit().unwrap();
    connection.open_table("t").unwrap()
}

/// The one file of the table's one index.
fn index_file(folder: &Path) -> PathBuf {
    let only = |folder: &Path| {
        let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let path = entries.next().unwrap();
        assert!(entries.next().is_none(), "{} has more than one entry", folder.display());
        path
    };
    only(&only(&folder.join("t.quiver/indexes")))
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("coreutils and util-linux are installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Bytes of a file that are in memory.
fn resident(file: &Path) -> u64 {
    let pages = run(Command::new("fincore").args(["--noheadings", "--output", "PAGES"]).arg(file));
    pages.trim().parse::<u64>().unwrap() * PAGE
}

#[test]
fn a_query_of_a_cold_index_reads_the_partitions_that_it_probes() {
    // On the disk of the build: what lies in memory only cannot be cold.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let connect = || {
        let uri = folder.path().to_str().unwrap();
        Connection::connect(uri, ConnectOptions::default()).unwrap()
    };
    let config =
        IvfPqConfig { partitions: Some(PARTITIONS as u32), sub_vectors: Some(32), ..Default::default() };
    let options = IndexOptions { config: IndexConfig::IvfPq(config), name: None, replace: true };
    create(&connect()).create_index("vector", &options, &Progress::none()).unwrap();
    let file = index_file(folder.path());
    let file_bytes = fs::metadata(&file).unwrap().len();
    run(Command::new("dd").arg(format!("of={}", file.display())).args([
        "oflag=nocache",
        "conv=notrunc,fdatasync",
        "count=0",
    ]));
    assert_eq!(resident(&file), 0, "the file was not dropped from memory");

    let table = connect().open_table("t").unwrap();
    let search = |probes: usize| {
        let vectors = vec![vector(5).map(f64::from).collect()];
        let nearest = Nearest { vectors, probes_min: Some(probes), ..Nearest::default() };
        let request = Request { rows: Rows::Nearest(nearest), ..Request::default() };
        table.plan(&request).unwrap().run(&Progress::none()).unwrap();
        resident(&file)
    };

    let partition = file_bytes / PARTITIONS as u64;
    let after_one = search(1);
    let after_four = search(4);
    let sections = (DIM * PARTITIONS * 4 + DIM * 256 * 4) as u64 + 4 * PAGE;
    assert!(after_one < sections + 2 * partition, "{after_one} of {file_bytes} bytes for one partition");
    assert!(after_four - after_one < 6 * partition, "{} more for three", after_four - after_one);
    assert!(search(PARTITIONS) > file_bytes * 9 / 10, "all partitions are nearly the whole file");
}
