use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use std::time::{Duration, Instant};

use super::*;
use crate::table::WriteMode;

fn connection() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::connect(folder.path().to_str().unwrap(), ConnectOptions::default());
    (folder, connection.unwrap())
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false)]))
}

fn rows(ids: std::ops::Range<i32>) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from_iter_values(ids)) as ArrayRef)]).unwrap()
}

fn create(connection: &Connection, names: &[&str]) {
    for name in names {
        connection.create_empty_table(name, &schema(), CreateMode::Create).unwrap();
    }
}

#[test]
fn table_names_are_sorted_and_come_in_pages() {
    let (_folder, connection) = connection();
    create(&connection, &["c", "a", "b.2", "b"]);

    assert_eq!(connection.table_names(None, None).unwrap(), ["a", "b", "b.2", "c"]);
    assert_eq!(connection.table_names(Some("a"), Some(2)).unwrap(), ["b", "b.2"]);
    assert_eq!(connection.table_names(Some("c"), None).unwrap(), [""; 0]);
}

#[test]
fn a_table_that_was_never_committed_is_not_listed_and_blocks_nothing() {
    let (folder, connection) = connection();
    std::fs::create_dir_all(folder.path().join("t.quiver/data")).unwrap();
    std::fs::write(folder.path().join("t.quiver/data/left.arrow"), "half").unwrap();

    assert!(connection.table_names(None, None).unwrap().is_empty());
    assert_eq!(connection.open_table("t").unwrap_err().code(), "TABLE_NOT_FOUND");
    assert_eq!(connection.drop_table("t").unwrap_err().code(), "TABLE_NOT_FOUND");
    create(&connection, &["t"]);
    assert_eq!(connection.open_table("t").unwrap().version().unwrap(), 1);
}

#[test]
fn a_table_appears_with_its_rows() {
    let (_folder, connection) = connection();
    let mut writer = connection.create_table("t", &schema(), CreateMode::Create).unwrap();

    writer.write(&rows(0..3)).unwrap();
    assert!(connection.table_names(None, None).unwrap().is_empty());
    assert_eq!(writer.commit().unwrap(), 1);

    assert_eq!(connection.open_table("t").unwrap().current().unwrap().row_count(), 3);
}

#[test]
fn a_missing_table_is_an_error_with_the_nearest_name() {
    let (_folder, connection) = connection();
    create(&connection, &["cities"]);

    let error = connection.open_table("citeis").unwrap_err();

    assert_eq!(error.to_string(), "table 'citeis' was not found (did you mean 'cities'?)");
}

#[test]
fn a_second_table_of_a_name_is_an_error() {
    let (_folder, connection) = connection();
    let late = connection.create_table("t", &schema(), CreateMode::Create).unwrap();
    create(&connection, &["t"]);

    assert_eq!(late.commit().unwrap_err().code(), "TABLE_EXISTS");
    let again = connection.create_table("t", &schema(), CreateMode::Create);
    assert_eq!(again.err().unwrap().code(), "TABLE_EXISTS");
}

#[test]
fn an_existing_table_stays_as_it_is_if_that_is_fine() {
    let (folder, connection) = connection();
    create(&connection, &["t"]);
    connection.open_table("t").unwrap().add(&rows(0..3)).unwrap();

    let mut writer = connection.create_table("t", &schema(), CreateMode::ExistOk).unwrap();
    writer.write(&rows(0..100)).unwrap();
    let table = writer.finish().unwrap();

    assert_eq!(table.current().unwrap().row_count(), 3);
    assert_eq!(std::fs::read_dir(folder.path().join("t.quiver/data")).unwrap().count(), 1);
    let other = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false)]));
    let error = connection.create_empty_table("t", &other, CreateMode::ExistOk).unwrap_err();
    assert_eq!(error.code(), "SCHEMA_MISMATCH");
}

#[test]
fn overwriting_replaces_columns_and_rows_as_the_next_version() {
    let (_folder, connection) = connection();
    create(&connection, &["t"]);
    let table = connection.open_table("t").unwrap();
    table.add(&rows(0..3)).unwrap();
    let other = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, true)]));

    let new = connection.create_empty_table("t", &other, CreateMode::Overwrite).unwrap();

    assert_eq!(new.version().unwrap(), 3);
    assert_eq!(table.schema().unwrap(), other);
    assert_eq!(table.current().unwrap().row_count(), 0);
    assert_eq!(table.current().unwrap().manifest().next_row_id, 3);
}

#[test]
fn a_dropped_table_is_gone_with_its_folder() {
    let (folder, connection) = connection();
    create(&connection, &["a", "b", "c"]);
    let table = connection.open_table("a").unwrap();

    connection.drop_table("a").unwrap();

    assert_eq!(connection.table_names(None, None).unwrap(), ["b", "c"]);
    assert_eq!(table.current().unwrap_err().code(), "TABLE_NOT_FOUND");
    connection.drop_all_tables().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_handle_to_a_table_that_was_created_anew_says_so() {
    let (_folder, connection) = connection();
    create(&connection, &["t"]);
    let old = connection.open_table("t").unwrap();
    let mut writer = old.writer(WriteMode::Append).unwrap();
    writer.write(&rows(0..3)).unwrap();

    connection.drop_table("t").unwrap();
    create(&connection, &["t"]);

    assert_eq!(old.current().unwrap_err().code(), "CLOSED");
    assert_eq!(old.add(&rows(0..1)).unwrap_err().code(), "CLOSED");
    assert!(writer.commit().is_err());
    assert_eq!(connection.open_table("t").unwrap().current().unwrap().row_count(), 0);
}

#[test]
fn a_snapshot_outlives_its_table() {
    let (_folder, connection) = connection();
    create(&connection, &["t"]);
    let table = connection.open_table("t").unwrap();
    table.add(&rows(0..3)).unwrap();
    let snapshot = table.current().unwrap();
    let batch = snapshot.batches().next().unwrap();
    snapshot.batch(&batch).unwrap();

    connection.drop_table("t").unwrap();

    assert_eq!(snapshot.batch(&batch).unwrap(), rows(0..3));
}

#[test]
fn closing_a_connection_leaves_its_tables_open() {
    let (_folder, connection) = connection();
    create(&connection, &["t"]);
    let table = connection.open_table("t").unwrap();

    connection.clone().close();
    connection.close();

    assert!(!connection.is_open());
    assert_eq!(connection.table_names(None, None).unwrap_err().code(), "CLOSED");
    assert_eq!(connection.open_table("t").unwrap_err().code(), "CLOSED");
    assert_eq!(table.add(&rows(0..3)).unwrap(), 2);
}

#[test]
fn memory_lasts_as_long_as_its_last_table() {
    let connection = Connection::connect("memory://", ConnectOptions::default()).unwrap();
    create(&connection, &["t"]);
    let table = connection.open_table("t").unwrap();
    let folder = table.path().to_owned();

    assert_eq!(connection.to_string(), "Connection(uri=memory://)");
    connection.close();
    table.add(&rows(0..3)).unwrap();
    let snapshot = table.current().unwrap();
    drop(table);

    let batch = snapshot.batches().next().unwrap();
    assert_eq!(snapshot.batch(&batch).unwrap(), rows(0..3));
    drop(snapshot);
    // Upkeep may be having a look at the table.
    let started = Instant::now();
    while folder.exists() {
        assert!(started.elapsed() < Duration::from_secs(10), "{} is still there", folder.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn two_memories_share_nothing() {
    let first = Connection::connect("memory://", ConnectOptions::default()).unwrap();
    let second = Connection::connect("memory://", ConnectOptions::default()).unwrap();

    create(&first, &["t"]);

    assert!(second.table_names(None, None).unwrap().is_empty());
}

#[test]
fn what_a_killed_drop_left_is_removed_later() {
    let (folder, _connection) = connection();
    let left = folder.path().join(".dropped-x/data");
    std::fs::create_dir_all(&left).unwrap();

    Connection::connect(folder.path().to_str().unwrap(), ConnectOptions::default()).unwrap();

    assert!(!left.exists());
}

#[test]
fn a_folder_is_made_with_those_above_it() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b/c");

    let connection = Connection::connect(folder.to_str().unwrap(), ConnectOptions::default()).unwrap();
    create(&connection, &["t"]);

    assert!(folder.join("t.quiver").is_dir());
    assert_eq!(connection.to_string(), format!("Connection(uri={})", folder.display()));
}

#[test]
fn a_file_is_no_connection() {
    let file = tempfile::NamedTempFile::new().unwrap();

    let error = Connection::connect(file.path().to_str().unwrap(), ConnectOptions::default()).unwrap_err();

    assert_eq!(error.code(), "IO");
}
