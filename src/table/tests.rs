mod changes;
mod columns;
mod indexes;
mod model;
mod power_cut;
mod retrain;
mod upkeep;

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use super::*;
use crate::storage::{Manifest, NewFiles};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false)]))
}

fn rows(ids: std::ops::Range<i32>) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from_iter_values(ids)) as ArrayRef)]).unwrap()
}

fn empty_table() -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let options = TableOptions::default();
    let writer = Table::create(folder.path(), "t", &schema(), CreateMode::Create, options).unwrap();
    let table = writer.finish().unwrap();
    (folder, table)
}

fn reopened(folder: &tempfile::TempDir) -> Table {
    Table::open(folder.path(), "t", TableOptions::default()).unwrap()
}

fn ids(version: &Version) -> Vec<i32> {
    let batches = version.batches().map(|batch| version.batch(&batch).unwrap());
    batches.flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().values().to_vec()).collect()
}

fn data_files(table: &Table) -> usize {
    std::fs::read_dir(table.path().join("data")).unwrap().count()
}

#[test]
fn rows_are_found_by_id_and_by_offset() {
    let (_folder, table) = empty_table();
    table.add(&rows(0..3)).unwrap();
    let mut writer = table.writer(WriteMode::Overwrite).unwrap();
    writer.write(&rows(10..12)).unwrap();
    writer.commit().unwrap();
    table.add(&rows(12..16)).unwrap();
    let version = table.current().unwrap();

    let first_ids: Vec<_> = version.batches().map(|batch| version.row_ids(&batch).unwrap().id(0)).collect();

    assert_eq!(ids(&version), [10, 11, 12, 13, 14, 15]);
    assert_eq!(first_ids, [3, 5]);
    let (batch, row) = version.locate(6).unwrap().unwrap();
    assert_eq!((batch.segment, row), (1, 1));
    assert_eq!(version.row_id_at(1).unwrap(), Some(4));
    assert_eq!(version.row_id_at(6).unwrap(), None);
    assert_eq!([2, 9].map(|id| version.locate(id).unwrap()), [None; 2]);
}

#[test]
fn a_handle_sees_what_another_one_commits() {
    let (folder, table) = empty_table();
    let other = reopened(&folder);

    for _ in 0..3 {
        other.add(&rows(0..2)).unwrap();
    }

    assert_eq!(table.version().unwrap(), 4);
    assert_eq!(table.current().unwrap().row_count(), 6);
}

#[test]
fn a_snapshot_does_not_change() {
    let (_folder, table) = empty_table();
    table.add(&rows(0..2)).unwrap();
    let snapshot = table.current().unwrap();

    table.add(&rows(2..4)).unwrap();

    assert_eq!(ids(&snapshot), [0, 1]);
    let newer = table.current().unwrap();
    assert!(Arc::ptr_eq(&snapshot.segments()[0], &newer.segments()[0]));
}

#[test]
fn a_consistency_interval_saves_looking() {
    let (folder, _table) = empty_table();
    let read_consistency_interval = Duration::from_secs(3600);
    let options = TableOptions { read_consistency_interval, ..TableOptions::default() };
    let lazy = Table::open(folder.path(), "t", options).unwrap();

    reopened(&folder).add(&rows(0..2)).unwrap();

    assert_eq!(lazy.current().unwrap().row_count(), 0);
    // Its own writes it always sees.
    lazy.add(&rows(0..2)).unwrap();
    assert_eq!(lazy.current().unwrap().row_count(), 4);
}

#[test]
fn concurrent_appends_lose_nothing() {
    let (folder, table) = empty_table();

    std::thread::scope(|scope| {
        for thread in 0..4 {
            // Half of them share a handle, half do not.
            let table = if thread % 2 == 0 { table.clone() } else { reopened(&folder) };
            scope.spawn(move || {
                for n in 0..10 {
                    let id = thread * 10 + n;
                    table.add(&rows(id..id + 1)).unwrap();
                }
            });
        }
    });

    let mut found = ids(&table.current().unwrap());
    found.sort_unstable();
    assert_eq!(found, (0..40).collect::<Vec<_>>());
    // One for each row, and some that joined files.
    assert!(table.version().unwrap() >= 41);
    assert_eq!(table.current().unwrap().manifest().next_row_id, 40);
}

#[test]
fn a_commit_that_lost_the_race_runs_again_on_the_winners_version() {
    let (folder, table) = empty_table();
    let other = reopened(&folder);
    let attempts = std::cell::Cell::new(0);

    table
        .commit(|base| {
            attempts.set(attempts.get() + 1);
            if attempts.get() == 1 {
                other.add(&rows(0..2)).unwrap();
            }
            Ok(base.clone())
        })
        .unwrap();

    assert_eq!(attempts.get(), 2);
    assert_eq!(table.version().unwrap(), 3);
    assert_eq!(table.current().unwrap().row_count(), 2);
}

#[test]
fn a_commit_that_fails_removes_its_files() {
    let (_folder, table) = empty_table();
    let file = table.path().join("indexes/x");
    std::fs::write(&file, "").unwrap();

    let change = |_: &Manifest| Err(Error::internal("no"));
    table.commit_files(NewFiles::one(&file), change).unwrap_err();

    assert!(!file.exists());
    assert_eq!(table.version().unwrap(), 1);
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let (_folder, table) = empty_table();
    let mut writer = table.writer(WriteMode::Append).unwrap();
    writer.write(&rows(0..100_000)).unwrap();
    let misfit = RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]);

    assert_eq!(writer.write(&misfit.unwrap()).unwrap_err().code(), "SCHEMA_MISMATCH");

    assert_eq!(data_files(&table), 0);
    assert_eq!(writer.write(&rows(0..1)).unwrap_err().code(), "CLOSED");
    assert_eq!(writer.commit().unwrap_err().code(), "CLOSED");
    assert_eq!(table.version().unwrap(), 1);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let (_folder, table) = empty_table();
    let mut writer = table.writer(WriteMode::Append).unwrap();
    writer.write(&rows(0..100_000)).unwrap();
    assert_eq!(data_files(&table), 1);

    drop(writer);

    assert_eq!(data_files(&table), 0);
    assert_eq!(table.version().unwrap(), 1);
}

#[test]
fn appending_nothing_makes_no_version() {
    let (_folder, table) = empty_table();

    assert_eq!(table.add(&rows(0..0)).unwrap(), 1);
}

#[test]
fn rows_for_columns_that_changed_meanwhile_are_a_conflict() {
    let (folder, table) = empty_table();
    let mut writer = table.writer(WriteMode::Append).unwrap();
    writer.write(&rows(0..2)).unwrap();
    let other = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, true)]));
    let options = TableOptions::default();
    let new = Table::create(folder.path(), "t", &other, CreateMode::Overwrite, options).unwrap();
    new.commit().unwrap();

    assert_eq!(writer.commit().unwrap_err().code(), "CONFLICT");
    assert_eq!(data_files(&table), 0);
}

#[test]
fn a_closed_handle_says_so_and_others_go_on() {
    let (folder, table) = empty_table();
    let other = reopened(&folder);

    table.clone().close();

    assert!(!table.is_open());
    assert_eq!(table.to_string(), "ClosedTable(t)");
    let error = table.current().unwrap_err();
    assert_eq!(error.to_string(), "table 't' is closed; open it again to go on");
    assert_eq!(table.commit(|base| Ok(base.clone())).unwrap_err().code(), "CLOSED");
    assert_eq!(other.version().unwrap(), 1);
}

#[test]
fn a_handle_to_a_dropped_table_is_closed_however_fast_another_takes_the_name() {
    let folder = crate::storage::TemporaryFolder::create().unwrap();
    let create = || {
        let options = TableOptions::default();
        Table::create(folder.path(), "t", &schema(), CreateMode::Create, options).unwrap().finish().unwrap()
    };
    for _ in 0..20 {
        let old = create();
        std::fs::rename(old.path(), folder.path().join("dropped")).unwrap();
        let new = create();

        assert_eq!(old.add(&rows(0..1)).unwrap_err().code(), "CLOSED");

        assert_eq!(new.version().unwrap(), 1);
        std::fs::remove_dir_all(new.path()).unwrap();
        std::fs::remove_dir_all(folder.path().join("dropped")).unwrap();
    }
}

#[test]
fn every_file_of_a_version_is_verified() {
    let (_folder, table) = empty_table();
    table.add(&rows(0..1000)).unwrap();
    let version = table.current().unwrap();
    version.verify().unwrap();

    let path = version.segments()[0].path();
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();

    let error = reopened(&_folder).current().unwrap().verify().unwrap_err();
    assert_eq!(error.code(), "CORRUPTED");
    assert!(error.to_string().contains(path.to_str().unwrap()));
}

#[test]
fn of_many_creators_of_a_table_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let create = |id: i32| {
        let options = TableOptions::default();
        let mut writer = Table::create(folder.path(), "t", &schema(), CreateMode::Create, options)?;
        writer.write(&rows(id..id + 1))?;
        writer.commit()
    };

    let results: Vec<_> = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..8).map(|id| scope.spawn(move || create(id))).collect();
        creators.into_iter().map(|creator| creator.join().unwrap()).collect()
    });

    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let codes = results.iter().filter_map(|result| result.as_ref().err()).map(Error::code);
    assert!(codes.into_iter().all(|code| code == "TABLE_EXISTS"));
    let table = reopened(&folder);
    assert_eq!(table.current().unwrap().row_count(), 1);
    assert_eq!(data_files(&table), 1);
}

#[test]
fn appends_and_overwrites_at_once_end_in_some_order_of_them() {
    let (folder, table) = empty_table();
    let write = |mode, ids| {
        let mut writer = reopened(&folder).writer(mode).unwrap();
        writer.write(&rows(ids)).unwrap();
        writer.commit().unwrap();
    };

    std::thread::scope(|scope| {
        scope.spawn(|| (0..10).for_each(|n| write(WriteMode::Append, n..n + 1)));
        scope.spawn(|| (0..3).for_each(|_| write(WriteMode::Overwrite, 100..102)));
    });

    // The last overwrite came between two appends; those after it are there, in order.
    let found = ids(&table.current().unwrap());
    assert_eq!(found[..2], [100, 101]);
    assert_eq!(found[2..], (0..10).collect::<Vec<_>>()[12 - found.len()..]);
    assert_eq!(table.version().unwrap(), 14);
}

#[test]
fn handles_and_writers_can_move_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}

    shared::<Table>();
    shared::<Version>();
    sent::<Writer>();
}
