//! Deleting, updating and merging rows, compaction and cleaning up.

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use crate::index::{IndexConfig, IvfFlatConfig};
use crate::progress::Progress;
use crate::query::{Nearest, Request, Rows};
use crate::table::*;
use std::sync::Arc;

const DIM: i32 = 4;

fn schema() -> SchemaRef {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, true),
        Field::new("n", DataType::Int32, true),
        Field::new("vector", DataType::FixedSizeList(item, DIM), true),
    ]))
}

/// Row `(id, n)` has the vector `[id, 0, 0, 0]`.
pub(super) fn batch(rows: &[(i32, i32)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0)));
    let ns: ArrayRef = Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.1)));
    let values = rows.iter().flat_map(|&(id, _)| [id as f32, 0.0, 0.0, 0.0]);
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, DIM, Arc::new(Float32Array::from_iter_values(values)), None);
    RecordBatch::try_new(schema(), vec![ids, ns, Arc::new(vectors)]).unwrap()
}

pub(super) fn table_with(options: TableOptions) -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::create(folder.path(), "t", &schema(), CreateMode::Create, options).unwrap();
    (folder, table.finish().unwrap())
}

pub(super) fn table_of(rows: &[(i32, i32)]) -> (tempfile::TempDir, Table) {
    let (folder, table) = table_with(TableOptions::default());
    if !rows.is_empty() {
        table.add(&batch(rows)).unwrap();
    }
    (folder, table)
}

pub(super) fn run(table: &Table, request: Request) -> Vec<(i32, i32)> {
    let batches = table.plan(&request).unwrap().run(&Progress::none()).unwrap();
    let rows = batches.iter().flat_map(|batch| {
        let ids = batch.column_by_name("id").unwrap().as_primitive::<Int32Type>().values().to_vec();
        let ns = batch.column_by_name("n").unwrap().as_primitive::<Int32Type>().values().to_vec();
        ids.into_iter().zip(ns)
    });
    rows.collect()
}

/// All rows, as a scan finds them.
pub(super) fn scanned(table: &Table) -> Vec<(i32, i32)> {
    run(table, Request::default())
}

pub(super) fn nearest(table: &Table, id: i32, k: usize, exact: bool) -> Vec<(i32, i32)> {
    let nearest = Nearest {
        vectors: vec![vec![f64::from(id), 0.0, 0.0, 0.0]],
        bypass_index: exact,
        probes_min: Some(1000),
        ..Nearest::default()
    };
    run(table, Request { rows: Rows::Nearest(nearest), limit: Some(k), ..Request::default() })
}

pub(super) fn create_index(table: &Table) {
    let config = IndexConfig::IvfFlat(IvfFlatConfig::default());
    let options = IndexOptions { config, ..IndexOptions::default() };
    table.create_index("vector", &options, &Progress::none()).unwrap();
}

pub(super) fn upsert(table: &Table, rows: &[(i32, i32)]) -> Merged {
    let options = MergeOptions {
        on: vec!["id".to_owned()],
        update_matched: Some(None),
        insert_unmatched: true,
        delete_unmatched: None,
    };
    table.merge(&options, &[batch(rows)], &Progress::none()).unwrap()
}

#[test]
fn deleted_rows_are_found_by_no_reader() {
    let (folder, table) = table_of(&(0..100).map(|id| (id, id % 3)).collect::<Vec<_>>());
    create_index(&table);
    table.add(&batch(&[(200, 0), (201, 1)])).unwrap();

    let deleted = table.delete("n = 1", &Progress::none()).unwrap();

    assert_eq!((deleted.rows, deleted.version), (34, 5));
    let left: Vec<_> = (0..100).map(|id| (id, id % 3)).chain([(200, 0)]).filter(|row| row.1 != 1).collect();
    for table in [&table, &Table::open(folder.path(), "t", TableOptions::default()).unwrap()] {
        assert_eq!(scanned(table), left);
        assert_eq!(table.count_rows(None).unwrap(), left.len() as u64);
        assert_eq!(table.count_rows(Some(&"n < 2".into())).unwrap(), 35);
        assert_eq!(table.stats().unwrap().rows, left.len() as u64);
        let at =
            |offsets: Vec<u64>| run(table, Request { rows: Rows::Offsets(offsets), ..Request::default() });
        assert_eq!(at((0..left.len() as u64 + 5).collect()), left);
        let of = |ids: Vec<u64>| run(table, Request { rows: Rows::RowIds(ids), ..Request::default() });
        assert_eq!(of(vec![0, 1, 2, 4]), [(0, 0), (2, 2)]);
        for exact in [true, false] {
            assert_eq!(nearest(table, 0, 3, exact), [(0, 0), (2, 2), (3, 0)], "exact: {exact}");
            assert_eq!(nearest(table, 201, 1, exact), [(200, 0)], "exact: {exact}");
            assert_eq!(nearest(table, 0, 1000, exact).len(), left.len(), "exact: {exact}");
        }
        table.current().unwrap().verify().unwrap();
    }
}

#[test]
fn an_older_snapshot_keeps_the_rows_that_were_deleted() {
    let (_folder, table) = table_of(&[(1, 1), (2, 2)]);
    let before = table.current().unwrap();

    table.delete("id = 1", &Progress::none()).unwrap();

    assert_eq!(before.row_count(), 2);
    assert_eq!(table.current().unwrap().row_count(), 1);
}

#[test]
fn deleting_nothing_makes_no_version_and_deleting_all_leaves_an_empty_table() {
    let (_folder, table) = table_of(&[(1, 1), (2, 2)]);

    let nothing = table.delete("id = 7", &Progress::none()).unwrap();
    let all = table.delete("true", &Progress::none()).unwrap();

    assert_eq!((nothing.rows, nothing.version), (0, 2));
    assert_eq!((all.rows, all.version), (2, 3));
    assert!(table.current().unwrap().manifest().segments.is_empty());
    table.add(&batch(&[(3, 3)])).unwrap();
    assert_eq!(scanned(&table), [(3, 3)]);
}

#[test]
fn a_filter_that_only_a_deleted_row_breaks_works() {
    let (_folder, table) = table_of(&[(1, 1000), (2, 2)]);
    let filter = "CAST(n AS TINYINT) > 1".into();
    assert_eq!(table.count_rows(Some(&filter)).unwrap_err().code(), "TYPE_MISMATCH");

    table.delete("n = 1000", &Progress::none()).unwrap();

    assert_eq!(table.count_rows(Some(&filter)).unwrap(), 1);
}

#[test]
fn an_update_changes_what_it_names_and_gives_new_row_ids() {
    let (_folder, table) = table_of(&[(1, 10), (2, 20), (3, 30)]);
    create_index(&table);
    let values = [("n".to_owned(), NewValue::Sql("n + id".to_owned()))];

    let updated = table.update(Some("id >= 2".into()), &values, &Progress::none()).unwrap();

    assert_eq!((updated.rows, updated.version), (2, 4));
    assert_eq!(scanned(&table), [(1, 10), (2, 22), (3, 33)]);
    let of = |ids: Vec<u64>| run(&table, Request { rows: Rows::RowIds(ids), ..Request::default() });
    assert_eq!(of(vec![0, 1, 2, 3, 4]), [(1, 10), (2, 22), (3, 33)]);
    assert_eq!(nearest(&table, 2, 3, false).len(), 3);
}

#[test]
fn an_updated_vector_is_found_at_its_new_place_only() {
    let (_folder, table) = table_of(&(0..50).map(|id| (id, 0)).collect::<Vec<_>>());
    create_index(&table);
    let vector = batch(&[(1000, 0)]).column(2).clone();

    table
        .update(Some("id = 7".into()), &[("vector".to_owned(), NewValue::Value(vector))], &Progress::none())
        .unwrap();

    assert_eq!(nearest(&table, 1000, 1, false), [(7, 0)]);
    assert!(!nearest(&table, 7, 5, false).contains(&(7, 0)));
}

#[test]
fn what_is_wrong_with_an_update_is_said_before_anything_changes() {
    let (_folder, table) = table_of(&[(1, 10)]);
    let update = |column: &str, sql: &str| {
        let values = [(column.to_owned(), NewValue::Sql(sql.to_owned()))];
        table.update(None, &values, &Progress::none()).unwrap_err().code()
    };

    assert_eq!(table.update(None, &[], &Progress::none()).unwrap_err().code(), "INVALID_ARGUMENT");
    assert_eq!(update("nope", "1"), "COLUMN_NOT_FOUND");
    assert_eq!(update("n", "nope"), "COLUMN_NOT_FOUND");
    assert_eq!(update("n", "'text'"), "SCHEMA_MISMATCH");
    assert_eq!(table.version().unwrap(), 2);
    assert_eq!(std::fs::read_dir(table.path().join("data")).unwrap().count(), 1);
}

#[test]
fn an_upsert_updates_what_is_there_and_inserts_the_rest() {
    let (_folder, table) = table_of(&[(1, 10), (2, 20), (3, 30)]);

    let merged = upsert(&table, &[(3, 33), (4, 44), (1, 11)]);

    assert_eq!((merged.updated, merged.inserted, merged.deleted, merged.attempts), (2, 1, 0, 1));
    assert_eq!(scanned(&table), [(2, 20), (3, 33), (4, 44), (1, 11)]);
}

#[test]
fn a_merge_does_only_what_it_is_told_to() {
    let (_folder, table) = table_of(&[(1, 10), (2, 20), (3, 30)]);
    let base = MergeOptions { on: vec!["id".to_owned()], ..MergeOptions::default() };
    let merge = |options: MergeOptions, rows: &[(i32, i32)]| {
        let merged = table.merge(&options, &[batch(rows)], &Progress::none()).unwrap();
        ((merged.updated, merged.inserted, merged.deleted), scanned(&table))
    };

    let insert = MergeOptions { insert_unmatched: true, ..base.clone() };
    assert_eq!(merge(insert, &[(1, 0), (4, 40)]), ((0, 1, 0), vec![(1, 10), (2, 20), (3, 30), (4, 40)]));

    let larger = Some(Some("source.n > target.n".into()));
    let update = MergeOptions { update_matched: larger, ..base.clone() };
    assert_eq!(merge(update, &[(1, 0), (2, 99)]), ((1, 0, 0), vec![(1, 10), (3, 30), (4, 40), (2, 99)]));

    let delete = MergeOptions { delete_unmatched: Some(Some("n < 40".into())), ..base.clone() };
    assert_eq!(merge(delete, &[(1, 0)]), ((0, 0, 1), vec![(1, 10), (4, 40), (2, 99)]));

    let error = table.merge(&base, &[batch(&[(1, 1)])], &Progress::none()).unwrap_err();
    assert_eq!(error.code(), "INVALID_ARGUMENT");
}

#[test]
fn writers_that_race_leave_what_one_after_the_other_would() {
    let (folder, table) = table_of(&[(1, 0)]);
    let others = || Table::open(folder.path(), "t", TableOptions::default()).unwrap();

    std::thread::scope(|scope| {
        for writer in 0..4 {
            let table = others();
            scope.spawn(move || {
                for round in 0..10 {
                    upsert(&table, &[(7, writer), (100 + round, writer)]);
                    let add_one = [("n".to_owned(), NewValue::Sql("n + 1".to_owned()))];
                    table.update(Some("id = 1".into()), &add_one, &Progress::none()).unwrap();
                    table.add(&batch(&[(1000 + writer, round)])).unwrap();
                }
            });
        }
    });

    let rows = scanned(&table);
    assert_eq!(rows.iter().filter(|row| row.0 == 7).count(), 1);
    assert!((100..110).all(|id| rows.iter().filter(|row| row.0 == id).count() == 1));
    assert!(rows.contains(&(1, 40)));
    assert_eq!(rows.iter().filter(|row| row.0 >= 1000).count(), 40);
    table.current().unwrap().verify().unwrap();
}

/// Nobody else writes in these tests.
pub(super) fn everything_old() -> CleanupOptions {
    CleanupOptions { before_ms: i64::MAX, keep_versions: 1, unnamed_of_any_age: true }
}

fn files_of(table: &Table) -> usize {
    let folders = ["versions", "data", "deletions", "row_ids", "pinned"].map(|name| table.path().join(name));
    folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten())
        .count()
}

#[test]
fn compaction_joins_small_segments_and_keeps_rows_ids_and_indexes() {
    let (_folder, table) = table_of(&[]);
    for part in 0..20 {
        table.add(&batch(&(part * 10..part * 10 + 10).map(|id| (id, id % 3)).collect::<Vec<_>>())).unwrap();
    }
    create_index(&table);
    table.delete("n = 1", &Progress::none()).unwrap();
    let with_ids = Request { with_row_id: true, ..Request::default() };
    let row_ids = |table: &Table| {
        let batches = table.plan(&with_ids).unwrap().run(&Progress::none()).unwrap();
        let ids = |batch: &RecordBatch| {
            let column =
                batch.column_by_name("_rowid").unwrap().as_primitive::<arrow::datatypes::UInt64Type>();
            column.values().to_vec()
        };
        batches.iter().flat_map(ids).collect::<Vec<_>>()
    };
    let (before, ids_before) = (scanned(&table), row_ids(&table));

    let compacted = table.compact(&Progress::none()).unwrap();

    assert_eq!((compacted.segments_removed, compacted.segments_added, compacted.rows_removed), (20, 1, 67));
    assert_eq!((scanned(&table), row_ids(&table)), (before.clone(), ids_before));
    assert_eq!(nearest(&table, 7, 4, false), nearest(&table, 7, 4, true));
    assert_eq!(table.compact(&Progress::none()).unwrap(), Compacted::default());
    table.delete("id = 8", &Progress::none()).unwrap();
    assert!(!nearest(&table, 8, 3, false).contains(&(8, 2)));
    table.current().unwrap().verify().unwrap();
}

#[test]
fn a_table_that_is_written_to_in_small_steps_has_few_files() {
    let (_folder, table) = table_of(&[]);
    for id in 0..400 {
        table.add(&batch(&[(id, 0)])).unwrap();
        assert!(table.current().unwrap().segments().len() < 40);
    }
    upsert(&table, &[(7, 1)]);

    let mut expected: Vec<_> = (0..400).filter(|id| *id != 7).map(|id| (id, 0)).collect();
    expected.push((7, 1));
    assert_eq!(scanned(&table), expected);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn rows_that_go_while_they_are_copied_are_gone_in_the_copy() {
    let (_folder, table) = table_of(&[(1, 1), (2, 2), (3, 3)]);
    table.add(&batch(&[(4, 4), (5, 5)])).unwrap();
    let cancel = crate::progress::CancelFlag::default();
    let other = table.clone();
    let progress = Progress::new("a test").cancelled_by(cancel).on_report(move |_, done, _| {
        // Called before the first group is copied, and after the last.
        if done == 0 {
            other.delete("id = 2", &Progress::none()).unwrap();
        }
    });

    table.compact(&progress).unwrap();

    assert_eq!(scanned(&table), [(1, 1), (3, 3), (4, 4), (5, 5)]);
    assert_eq!(table.current().unwrap().segments().len(), 1);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn cleaning_up_leaves_the_files_of_what_is_kept_and_no_others() {
    let (_folder, table) = table_of(&[(0, 0)]);
    for id in 1..20 {
        table.add(&batch(&[(id, 0)])).unwrap();
        table.delete(format!("id = {}", id - 1), &Progress::none()).unwrap();
    }
    table.create_tag("early", 3).unwrap();
    table.compact(&Progress::none()).unwrap();

    let cleaned = table.clean_up(&everything_old(), &Progress::none()).unwrap();

    assert_eq!(scanned(&table), [(19, 0)]);
    assert!(cleaned.versions_removed > 30, "{cleaned:?}");
    // The newest version and the tagged one, each with a manifest and a file or two of rows.
    assert!(files_of(&table) <= 6, "{} files", files_of(&table));
    table.checkout(&VersionRef::Tag("early".to_owned())).unwrap();
    assert_eq!(scanned(&table), [(0, 0), (1, 0)]);
    table.checkout_latest().unwrap();
    let versions: Vec<u64> = table.list_versions().unwrap().iter().map(|version| version.version).collect();
    assert_eq!(versions, [3, table.version().unwrap()]);
    let gone = table.checkout(&VersionRef::Number(4)).unwrap_err();
    assert_eq!(gone.code(), "VERSION_NOT_FOUND");

    table.delete_tag("early").unwrap();
    assert_eq!(table.checkout(&VersionRef::Number(3)).unwrap_err().code(), "VERSION_NOT_FOUND");
    table.add(&batch(&[(50, 0)])).unwrap();
    assert_eq!(scanned(&table), [(19, 0), (50, 0)]);
}

#[test]
fn what_an_open_snapshot_reads_stays_readable_after_its_files_went() {
    let (folder, table) = table_of(&(0..50).map(|id| (id, 0)).collect::<Vec<_>>());
    create_index(&table);
    let pinned = Table::open(folder.path(), "t", TableOptions::default()).unwrap();
    pinned.checkout(&VersionRef::Number(3)).unwrap();
    let snapshot = table.current().unwrap();
    table.delete("id < 40", &Progress::none()).unwrap();
    table.drop_index("vector_idx").unwrap();

    table.compact(&Progress::none()).unwrap();
    table.clean_up(&everything_old(), &Progress::none()).unwrap();

    assert_eq!(scanned(&table).len(), 10);
    assert_eq!(scanned(&pinned).len(), 50);
    assert_eq!(nearest(&pinned, 7, 1, false), [(7, 0)]);
    assert!(snapshot.batches().all(|batch| snapshot.batch(&batch).is_ok()));
    assert_eq!(pinned.restore().unwrap_err().code(), "VERSION_NOT_FOUND");
}

#[test]
fn a_writer_whose_base_was_cleaned_up_starts_again_from_the_newest_version() {
    let (folder, table) = table_of(&[(1, 0)]);
    let other = Table::open(folder.path(), "t", TableOptions::default()).unwrap();
    let raced = std::cell::Cell::new(false);

    table
        .commit(|manifest| {
            if !raced.replace(true) {
                for id in 2..5 {
                    other.add(&batch(&[(id, 0)])).unwrap();
                }
                other.clean_up(&everything_old(), &Progress::none()).unwrap();
            }
            Ok(manifest.clone())
        })
        .unwrap();

    assert_eq!(scanned(&table).len(), 4);
    assert_eq!(table.version().unwrap(), 6);
}

#[test]
fn versions_are_listed_and_files_verified_while_others_clean_up() {
    let (folder, table) = table_of(&[(0, 0)]);
    let other = Table::open(folder.path(), "t", TableOptions::default()).unwrap();
    let old = CleanupOptions { unnamed_of_any_age: false, ..everything_old() };

    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for id in 1..40 {
                other.add(&batch(&[(id, 0)])).unwrap();
                other.delete(format!("id = {}", id - 1), &Progress::none()).unwrap();
                other.clean_up(&old, &Progress::none()).unwrap();
            }
        });
        while !writer.is_finished() {
            table.list_versions().unwrap();
            table.disk_usage().unwrap();
            table.clean_up(&old, &Progress::none()).unwrap();
            let verified = table.verify(&Progress::none()).unwrap();
            assert_eq!(verified.problems, Vec::<String>::new());
        }
    });
}

#[test]
fn verify_names_each_damaged_file() {
    let (_folder, table) = table_of(&[(1, 0), (2, 0)]);
    table.add(&batch(&[(3, 0)])).unwrap();
    table.delete("id = 1", &Progress::none()).unwrap();
    let whole = table.verify(&Progress::none()).unwrap();
    // With the manifests of four versions.
    assert_eq!((whole.files, whole.problems.len()), (7, 0));
    let files: Vec<_> = table.current().unwrap().manifest().files().cloned().collect();

    for file in &files {
        let path = file.locate(table.path());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, [&bytes[..bytes.len() - 1], &[!bytes[bytes.len() - 1]]].concat()).unwrap();
    }

    let damaged = table.verify(&Progress::none()).unwrap();
    assert_eq!(damaged.problems.len(), 3);
    for file in &files {
        assert!(damaged.problems.iter().any(|problem| problem.contains(&file.path)), "{damaged:?}");
    }
}
