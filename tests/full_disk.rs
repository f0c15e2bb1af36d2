//! When the disk is full, a write fails with an error, leaves no file, and the table stays as it was.
//!
//! The disk of a test machine cannot be filled, but the size of a process's files can be limited, and a write
//! past the limit fails in the same place. The test starts this binary again under such a limit.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field};

use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::error::{Error, Result};
use quiverdb::index::{IndexConfig, IvfFlatConfig};
use quiverdb::progress::Progress;
use quiverdb::table::{CreateMode, IndexOptions, Table, WriteMode};

/// The folder the child works in; set for the child only.
const FOLDER: &str = "QUIVERDB_TEST_FULL_DISK_FOLDER";
const DIM: i32 = 16;
const ROWS: i32 = 20_000;

#[test]
fn on_a_full_disk_writes_fail_and_leave_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_to_a_full_disk(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    create(folder.path(), "t").unwrap();

    // The limit is in blocks of half a KiB or one; the signal that comes with it is ignored.
    let child = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; ulimit -f 256; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["on_a_full_disk_writes_fail_and_leave_nothing", "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();

    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}

fn write_to_a_full_disk(folder: &Path) {
    let table = connect(folder).open_table("t").unwrap();
    let before = files(folder);

    assert_refused(create(folder, "another").map(|_| ()));
    assert_refused(table.add(&rows()).map(|_| ()));
    let mut writer = table.writer(WriteMode::Overwrite).unwrap();
    assert_refused(writer.write(&rows()).and_then(|()| writer.commit()).map(|_| ()));
    let config = IndexConfig::IvfFlat(IvfFlatConfig { partitions: Some(4), ..IvfFlatConfig::default() });
    for config in [config, IndexOptions::default().config] {
        let options = IndexOptions { config, ..IndexOptions::default() };
        assert_refused(table.create_index("vector", &options, &Progress::none()));
    }

    assert_eq!(files(folder), before);
    assert_eq!(table.version().unwrap(), 1);
    let version = table.current().unwrap();
    version.verify().unwrap();
    assert_eq!(version.row_count(), ROWS as u64);
}

fn assert_refused(result: Result<()>) {
    assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn connect(folder: &Path) -> Connection {
    Connection::connect(folder.to_str().unwrap(), ConnectOptions::default()).unwrap()
}

fn create(folder: &Path, name: &str) -> Result<Table> {
    let mut writer = connect(folder).create_table(name, &rows().schema(), CreateMode::Create)?;
    writer.write(&rows())?;
    writer.finish()
}

fn rows() -> RecordBatch {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let values = Float32Array::from_iter_values((0..ROWS * DIM).map(|i| (i * 31 % 97) as f32));
    let vectors = FixedSizeListArray::new(item, DIM, Arc::new(values), None);
    RecordBatch::try_from_iter([("vector", Arc::new(vectors) as ArrayRef)]).unwrap()
}
