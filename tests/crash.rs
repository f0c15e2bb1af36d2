//! A process that is killed at any moment loses nothing that it was told is committed, and leaves
//! a table that opens.
//!
//! Each test starts this test binary again as a child that does one thing in a loop and says on its
//! standard output what it has finished; the parent kills it at a random moment and looks at what
//! is there. A child says so only after the commit has returned, so the table may be one commit
//! ahead of what was said, and never behind.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::table::{CreateMode, Table, WriteMode};

/// The folder a child works in; set for children only.
const FOLDER: &str = "QUIVERDB_TEST_CRASH_FOLDER";
const KILLS: usize = 30;
/// What a child says when it begins its work.
const READY: &str = "ready";
/// Rows of one commit.
const ROWS: i64 = 50;

fn schema() -> SchemaRef {
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("text", DataType::Utf8, true)];
    Arc::new(Schema::new(fields))
}

/// The rows of the commit with this number.
fn rows(commit: i64) -> RecordBatch {
    let ids = commit * ROWS..(commit + 1) * ROWS;
    let texts = StringArray::from_iter_values(ids.clone().map(|id| format!("text {id}")));
    let ids = Int64Array::from_iter_values(ids);
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(texts)]).unwrap()
}

fn connect(folder: &Path) -> Connection {
    Connection::connect(folder.to_str().unwrap(), ConnectOptions::default()).unwrap()
}

fn ids(table: &Table) -> Vec<i64> {
    let version = table.current().unwrap();
    version.verify().unwrap();
    let mut ids = Vec::new();
    for batch in version.batches() {
        let rows = version.batch(&batch).unwrap();
        let texts = rows.column(1).as_string::<i32>();
        for (row, &id) in rows.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
            assert_eq!(texts.value(row), format!("text {id}"));
            ids.push(id);
        }
    }
    ids
}

/// Runs the ignored test `child` of this binary, kills it after a random time, and returns the last
/// number it said.
fn run_and_kill(child: &str, folder: &Path) -> Option<i64> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([child, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = process.stdout.take().unwrap();
    let (began, begin) = mpsc::channel();
    let said = std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| {
            if line == READY {
                let _ = began.send(());
            }
            line.strip_prefix("done ")?.parse().ok()
        });
        numbers.last()
    });
    // How long a process takes to start depends on what else the machine does; what is killed is its work.
    let _ = begin.recv_timeout(Duration::from_secs(60));
    std::thread::sleep(random_time());
    process.kill().unwrap();
    process.wait().unwrap();
    said.join().unwrap()
}

fn random_time() -> Duration {
    const MICROSECONDS_MAX: u128 = 80_000;
    Duration::from_micros((uuid::Uuid::new_v4().as_u128() % MICROSECONDS_MAX) as u64)
}

/// The folder, if this process is a child.
fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

fn say(number: i64) {
    // One write, so that a kill leaves no half of a line that looks like a whole one.
    std::io::stdout().write_all(format!("\ndone {number}\n").as_bytes()).unwrap();
}

#[test]
#[ignore = "a child of killed_appends_leave_a_prefix"]
fn append_forever() {
    let Some(folder) = child_folder() else { return };
    let table = connect(&folder).open_table("t").unwrap();
    let first = table.current().unwrap().row_count() as i64 / ROWS;
    println!("\n{READY}");
    for commit in first.. {
        table.add(&rows(commit)).unwrap();
        say(commit);
    }
}

#[test]
fn killed_appends_leave_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    connect(folder.path()).create_empty_table("t", &schema(), CreateMode::Create).unwrap();

    let mut acknowledged = 0;
    for _ in 0..KILLS {
        if let Some(last) = run_and_kill("append_forever", folder.path()) {
            acknowledged = last + 1;
        }
        let found = ids(&connect(folder.path()).open_table("t").unwrap());

        let commits = found.len() as i64 / ROWS;
        assert_eq!(found, (0..commits * ROWS).collect::<Vec<_>>());
        assert!((acknowledged..=acknowledged + 1).contains(&commits), "{commits} of {acknowledged}");
        acknowledged = commits;
    }
    assert!(acknowledged > 0, "no child lived long enough to commit");
}

#[test]
#[ignore = "a child of killed_overwrites_leave_one_write_whole"]
fn overwrite_forever() {
    let Some(folder) = child_folder() else { return };
    let table = connect(&folder).open_table("t").unwrap();
    println!("\n{READY}");
    for commit in 0.. {
        let mut writer = table.writer(WriteMode::Overwrite).unwrap();
        writer.write(&rows(commit)).unwrap();
        writer.commit().unwrap();
        say(commit);
    }
}

#[test]
fn killed_overwrites_leave_one_write_whole() {
    let folder = tempfile::tempdir().unwrap();
    let table = connect(folder.path()).create_empty_table("t", &schema(), CreateMode::Create).unwrap();
    table.add(&rows(0)).unwrap();

    for _ in 0..KILLS / 3 {
        let said = run_and_kill("overwrite_forever", folder.path());
        let found = ids(&connect(folder.path()).open_table("t").unwrap());

        let commit = found[0] / ROWS;
        assert_eq!(found, (commit * ROWS..(commit + 1) * ROWS).collect::<Vec<_>>());
        if let Some(last) = said {
            assert!((last..=last + 1).contains(&commit), "{commit} of {last}");
        }
    }
}

#[test]
#[ignore = "a child of killed_creates_and_drops_leave_whole_tables"]
fn create_and_drop_forever() {
    let Some(folder) = child_folder() else { return };
    let connection = connect(&folder);
    println!("\n{READY}");
    for commit in 0.. {
        let mut writer = connection.create_table("t", &schema(), CreateMode::Overwrite).unwrap();
        writer.write(&rows(commit)).unwrap();
        writer.commit().unwrap();
        say(commit);
        connection.drop_table("t").unwrap();
    }
}

#[test]
fn killed_creates_and_drops_leave_whole_tables() {
    let folder = tempfile::tempdir().unwrap();

    for _ in 0..KILLS {
        run_and_kill("create_and_drop_forever", folder.path());
        let connection = connect(folder.path());

        for name in connection.table_names(None, None).unwrap() {
            let found = ids(&connection.open_table(&name).unwrap());
            assert_eq!(found.len() as i64, ROWS);
        }
    }
}

#[test]
fn two_processes_that_append_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = connect(folder.path()).create_empty_table("t", &schema(), CreateMode::Create).unwrap();

    let said: Vec<_> = std::thread::scope(|scope| {
        let children = [(); 2].map(|()| scope.spawn(|| run_for("append_and_stop", folder.path())));
        children.map(|child| child.join().unwrap()).into()
    });
    assert_eq!(said, [true, true]);

    let mut found = ids(&table);
    found.sort_unstable();
    let expected = (0..COMMITS * ROWS).flat_map(|id| [id, id]).collect::<Vec<_>>();
    assert_eq!(found, expected);
}

const COMMITS: i64 = 15;

#[test]
#[ignore = "a child of two_processes_that_append_at_once_lose_nothing"]
fn append_and_stop() {
    let Some(folder) = child_folder() else { return };
    let table = connect(&folder).open_table("t").unwrap();
    for commit in 0..COMMITS {
        table.add(&rows(commit)).unwrap();
    }
}

/// Runs a child to its end; whether it succeeded.
fn run_for(child: &str, folder: &Path) -> bool {
    Command::new(std::env::current_exe().unwrap())
        .args([child, "--exact", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}
