//! What upkeep does to tables without being asked.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{ids, rows, schema};
use crate::progress::Progress;
use crate::storage::Manifest;
use crate::table::*;

fn options(retention: Retention) -> TableOptions {
    TableOptions { retention, upkeep: true, ..TableOptions::default() }
}

fn kept_in_order(folder: &Path, retention: Retention) -> Table {
    Table::create(folder, "t", &schema(), CreateMode::Create, options(retention)).unwrap().finish().unwrap()
}

/// Adds each of the rows alone.
fn add_each(table: &Table, ids: std::ops::Range<i32>) {
    for id in ids {
        table.add(&rows(id..id + 1)).unwrap();
    }
}

/// Waits until upkeep has nothing to do.
pub(super) fn wait_for_upkeep(table: &Table) -> UpkeepStatus {
    let started = Instant::now();
    loop {
        let status = table.upkeep_status();
        if status.state == UpkeepState::Idle || status.last_error.is_some() {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "upkeep does not end: {status:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn files_in(table: &Table) -> usize {
    let folders = ["data", "deletions", "row_ids", "versions"].map(|name| table.path().join(name));
    folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).map(Iterator::count).sum()
}

fn has_lock_file(table: &Table) -> bool {
    table.path().join("upkeep.lock").exists()
}

#[test]
fn many_small_appends_become_few_files_and_old_versions_leave() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::last(1));

    for at in 0..200 {
        table.add(&rows(at * 10..at * 10 + 10)).unwrap();
    }
    let status = wait_for_upkeep(&table);

    assert_eq!(status.last_error, None);
    assert!(status.done > 2, "{status:?}");
    assert_eq!(ids(&table.current().unwrap()), (0..2000).collect::<Vec<_>>());
    assert_eq!(table.list_versions().unwrap().len(), 1);
    assert!(files_in(&table) <= 20, "{} files", files_in(&table));
    table.current().unwrap().verify().unwrap();
}

#[test]
fn versions_stay_as_long_as_they_are_to_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention { versions: 2, age: Duration::from_secs(3600) });
    add_each(&table, 0..100);
    wait_for_upkeep(&table);
    assert!(table.list_versions().unwrap().len() > 100);
    table.create_tag("early", 7).unwrap();

    let other = Table::open(folder.path(), "t", options(Retention::last(2))).unwrap();
    other.add(&rows(100..101)).unwrap();
    wait_for_upkeep(&other);

    let left: Vec<u64> = table.list_versions().unwrap().iter().map(|version| version.version).collect();
    let newest = table.version().unwrap();
    assert_eq!(left, [7, newest - 1, newest]);
    table.checkout(&VersionRef::Tag("early".to_owned())).unwrap();
    assert_eq!(ids(&table.current().unwrap()), (0..6).collect::<Vec<_>>());
}

#[test]
fn deleted_rows_leave_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::last(1));
    table.add(&rows(0..1_000_000)).unwrap();

    table.delete("id % 2 = 0", &Progress::none()).unwrap();
    wait_for_upkeep(&table);

    let segments = &table.current().unwrap().manifest().segments.clone();
    assert!(segments.iter().all(|segment| segment.deletions.is_none()), "{segments:?}");
    assert_eq!(table.count_rows(None).unwrap(), 500_000);
    assert!(table.disk_usage().unwrap().total_bytes < 3_000_000);
}

#[test]
fn a_table_that_is_only_read_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let writer = kept_in_order(folder.path(), Retention::default());
    add_each(&writer, 0..3);
    writer.close();
    let before = Manifest::versions(writer.path()).unwrap();

    let table = Table::open(folder.path(), "t", options(Retention::last(1))).unwrap();
    table.count_rows(None).unwrap();
    std::thread::sleep(Duration::from_millis(200));

    assert_eq!(table.upkeep_status().state, UpkeepState::Idle);
    assert_eq!(Manifest::versions(table.path()).unwrap(), before);
    assert!(!has_lock_file(&table));
}

#[test]
fn without_upkeep_writers_join_small_files_and_old_versions_stay() {
    let folder = tempfile::tempdir().unwrap();
    let off = TableOptions { upkeep: false, ..options(Retention::last(1)) };
    let table = Table::create(folder.path(), "t", &schema(), CreateMode::Create, off).unwrap();
    let table = table.finish().unwrap();

    add_each(&table, 0..100);

    assert_eq!(table.upkeep_status().state, UpkeepState::Off);
    assert!(table.current().unwrap().segments().len() < 40);
    assert!(table.list_versions().unwrap().len() > 100);
    assert!(!has_lock_file(&table));
}

#[test]
fn two_processes_do_not_do_the_same_work() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::default());
    // As another process would.
    let lock = fs::File::create(table.path().join("upkeep.lock")).unwrap();
    lock.lock().unwrap();
    add_each(&table, 0..50);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(table.current().unwrap().segments().len(), 50);
    assert_eq!(table.upkeep_status().state, UpkeepState::Waiting);

    drop(lock);
    wait_for_upkeep(&table);

    assert!(table.current().unwrap().segments().len() < 20);
}

#[test]
fn a_handle_that_is_closed_ends_upkeep_unless_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::last(1));
    let other = Table::open(folder.path(), "t", options(Retention::last(1))).unwrap();
    add_each(&table, 0..100);

    table.close();

    assert_eq!(table.upkeep_status().state, UpkeepState::Off);
    wait_for_upkeep(&other);
    assert!(other.current().unwrap().segments().len() <= 17);
    add_each(&other, 0..40);
    other.close();
    let before = Manifest::versions(other.path()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(Manifest::versions(other.path()).unwrap(), before);
    // It may be opened again, and goes on.
    let again = Table::open(folder.path(), "t", options(Retention::last(1))).unwrap();
    again.add(&rows(0..1)).unwrap();
    wait_for_upkeep(&again);
    assert_eq!(again.list_versions().unwrap().len(), 1);
}

#[test]
fn a_temporary_table_goes_although_upkeep_was_at_it() {
    let home = std::sync::Arc::new(crate::storage::TemporaryFolder::create().unwrap());
    let folder = home.path().to_owned();
    let options = TableOptions { home: Some(home), ..options(Retention::last(1)) };
    let table = Table::create(&folder, "t", &schema(), CreateMode::Create, options).unwrap();
    let table = table.finish().unwrap();
    add_each(&table, 0..200);

    table.close();
    drop(table);

    // The thread lets go of what it held a moment after it ended its turn.
    let started = Instant::now();
    while folder.exists() {
        assert!(started.elapsed() < Duration::from_secs(10), "{} is still there", folder.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_goes_wrong_is_told_and_harms_no_write() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::default());
    add_each(&table, 0..10);
    let damaged = table.current().unwrap().manifest().segments[9].file.locate(table.path());
    fs::write(&damaged, "not rows").unwrap();

    add_each(&table, 10..60);
    let status = wait_for_upkeep(&table);

    let name = damaged.file_name().unwrap().to_str().unwrap();
    assert!(status.last_error.as_ref().is_some_and(|error| error.contains(name)), "{status:?}");
    assert_eq!(status.state, UpkeepState::Waiting);
    table.add(&rows(60..61)).unwrap();
    assert_eq!(table.current().unwrap().row_count(), 61);
}

#[test]
fn optimizing_goes_on_beside_upkeep() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::last(3));
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let table = &table;
            scope.spawn(move || add_each(table, writer * 60..writer * 60 + 60));
        }
        for _ in 0..5 {
            table.optimize(&OptimizeOptions::default(), &Progress::none()).unwrap();
        }
    });
    wait_for_upkeep(&table);

    let mut found = ids(&table.current().unwrap());
    found.sort_unstable();
    assert_eq!(found, (0..120).collect::<Vec<_>>());
    assert!(table.list_versions().unwrap().len() <= 3);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn a_table_that_was_dropped_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let table = kept_in_order(folder.path(), Retention::default());
    add_each(&table, 0..40);

    // As dropping does, in one step.
    let dropped = folder.path().join(".dropped-t");
    fs::rename(table.path(), &dropped).unwrap();

    assert_eq!(wait_for_upkeep(&table).last_error, None);
    assert!(!table.path().exists());
}
