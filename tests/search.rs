//! A table, an index and its answers, through the public API of the crate.

use std::process::Command;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Int64Type, Schema, UInt64Type};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::distance::Metric;
use quiverdb::error::Error;
use quiverdb::index::{IndexConfig, IvfFlatConfig, IvfPqConfig};
use quiverdb::progress::{CancelFlag, Progress};
use quiverdb::query::{Nearest, Request, Rows, Select};
use quiverdb::table::{CreateMode, IndexOptions, RecallOptions, Table, WriteMode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const DIM: usize = 16;

#[test]
fn an_index_that_probes_and_reranks_everything_gives_the_exact_answer() {
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for config in [pq(metric, 8), pq(metric, 4), flat(metric)] {
            let (_folder, table) = table_with(0..2000);
            let queries = vectors(17, 7);
            let exact: Vec<_> = queries.iter().map(|q| find(&table, &exactly(q, metric))).collect();

            table.create_index("vector", &options(config.clone()), &Progress::none()).unwrap();

            for (query, exact) in queries.iter().zip(exact) {
                let everything =
                    Nearest { probes_min: Some(1000), refine_factor: Some(200), ..nearest(query, metric) };
                assert_eq!(find(&table, &everything), exact, "{metric} {config:?}");
            }
        }
    }
}

#[test]
fn rows_added_after_the_index_are_found() {
    let (_folder, table) = table_with(0..1000);
    table.create_index("vector", &options(pq(Metric::L2, 8)), &Progress::none()).unwrap();

    append(&table, 1000..1200);

    let query = vector_of(1100);
    assert_eq!(find(&table, &nearest(&query, Metric::L2))[0], (1100, 0.0));
    let only_indexed = Nearest { fast_search: true, ..nearest(&query, Metric::L2) };
    assert!(find(&table, &only_indexed).iter().all(|(id, _)| *id < 1000));
    assert_eq!(table.list_indices().unwrap()[0].unindexed_rows, 200);
}

#[test]
fn fast_search_leaves_out_newer_rows_whichever_way_it_goes() {
    let (_folder, table) = table_with(0..1000);
    table.create_index("vector", &options(pq(Metric::L2, 8)), &Progress::none()).unwrap();
    append(&table, 1000..1200);
    let newer = Nearest { fast_search: true, ..nearest(&vector_of(1100), Metric::L2) };

    let found = |nearest: &Nearest, filter: Option<&str>| {
        let rows = Rows::Nearest(nearest.clone());
        let filter = filter.map(Into::into);
        let request = Request { rows, filter, limit: Some(500), ..Request::default() };
        (ids(&table, &request), table.plan(&request).unwrap().explain(false))
    };
    // The index, every row because of the lower bound, and the few that match.
    let lower_bound = Nearest { lower: Some(0.1), ..newer.clone() };
    for (nearest, filter) in [(&newer, None), (&lower_bound, None), (&newer, Some("id > 900"))] {
        let (ids, plan) = found(nearest, filter);
        assert!(!ids.is_empty() && ids.iter().all(|&id| id < 1000), "{ids:?}");
        assert!(!plan.contains("ExactSearch: rows newer than"), "{plan}");
    }
    let all = Nearest { fast_search: false, ..lower_bound };
    assert!(found(&all, None).0.contains(&1060));
}

#[test]
fn taken_rows_satisfy_the_filter() {
    let (_folder, table) = table_with(0..100);
    for rows in [Rows::RowIds(vec![70, 3, 9, 200]), Rows::Offsets(vec![70, 3, 9, 200])] {
        let filter = Some("id < 50".into());
        let mut found = ids(&table, &Request { rows, filter, ..Request::default() });
        found.sort_unstable();
        assert_eq!(found, [3, 9]);
    }
}

#[test]
fn a_filter_never_loses_rows() {
    let (_folder, table) = table_with(0..5000);
    table.create_index("vector", &options(pq(Metric::L2, 8)), &Progress::none()).unwrap();
    let one_probe = Nearest { probes_min: Some(1), ..nearest(&vector_of(3), Metric::L2) };

    for (filter, matches) in [("id % 500 = 0", 10), ("id < 25", 25), ("id = 4999", 1), ("id > 10000", 0)] {
        let request = Request {
            rows: Rows::Nearest(one_probe.clone()),
            filter: Some(filter.into()),
            limit: Some(40),
            ..Request::default()
        };
        assert_eq!(ids(&table, &request).len(), matches, "{filter}");
    }
}

#[test]
fn a_filter_that_leaves_many_rows_is_searched_with_the_index_until_enough_are_found() {
    // Few matches, and matches that are short, are compared one by one; these are many, and long.
    const WIDE: usize = 4096;
    let folder = tempfile::tempdir().unwrap();
    let table = wide_table(folder.path(), WIDE, 6000);
    let config = IvfFlatConfig { partitions: Some(30), ..IvfFlatConfig::default() };
    table.create_index("vector", &options(IndexConfig::IvfFlat(config)), &Progress::none()).unwrap();
    let request = Request {
        rows: Rows::Nearest(Nearest {
            vectors: vec![vec![0.5; WIDE]],
            probes_min: Some(1),
            ..Nearest::default()
        }),
        filter: Some("id >= 100".into()),
        limit: Some(500),
        ..Request::default()
    };

    let found = ids(&table, &request);

    assert_eq!(found.len(), 500);
    assert!(found.iter().all(|&id| id >= 100));
    assert!(table.plan(&request).unwrap().analyze(&Progress::none()).unwrap().contains("probe:"));
}

#[test]
fn measured_recall_is_whole_when_everything_is_probed_and_poor_with_bare_codes_of_one_partition() {
    let (_folder, table) = table_with(0..2000);
    table.create_index("vector", &options(pq(Metric::L2, 4)), &Progress::none()).unwrap();
    let measure = |probes, refine_factor| {
        let options =
            RecallOptions { sample: 50, probes: Some(probes), refine_factor, ..RecallOptions::default() };
        table.measure_recall("vector", &options, &Progress::none()).unwrap()
    };

    let whole = measure(1000, Some(200));
    let poor = measure(1, Some(0));

    assert_eq!((whole.recall, whole.queries, whole.indexed.len(), whole.exact.len()), (1.0, 50, 50, 50));
    assert!(poor.recall < 0.9, "{}", poor.recall);
}

#[test]
fn recall_is_measured_only_where_there_is_an_index() {
    let (_folder, table) = table_with(0..100);

    let error = table.measure_recall("vector", &RecallOptions::default(), &Progress::none()).unwrap_err();

    assert_eq!(error.code(), "INVALID_ARGUMENT");
    assert!(error.to_string().contains("createIndex"), "{error}");
}

#[test]
fn another_process_gives_the_same_answers() {
    const FOLDER: &str = "QUIVERDB_TEST_FOLDER";
    let query = vector_of(77);
    if let Ok(folder) = std::env::var(FOLDER) {
        let table = connect(folder.as_ref()).open_table("t").unwrap();
        println!("answer {:?}", find(&table, &nearest(&query, Metric::Cosine)));
        return;
    }
    let (folder, table) = table_with(0..3000);
    table.create_index("vector", &options(pq(Metric::Cosine, 8)), &Progress::none()).unwrap();
    let here = format!("answer {:?}", find(&table, &nearest(&query, Metric::Cosine)));

    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "another_process_gives_the_same_answers", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();

    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(printed.contains(&here), "{here} is not in {printed}");
}

#[test]
fn a_cancelled_build_leaves_no_file_and_no_index() {
    let (_folder, table) = table_with(0..4000);
    for stop_at in ["sample", "train partitions", "train codebooks", "encode", "write"] {
        let cancel = CancelFlag::default();
        let flag = cancel.clone();
        let progress =
            Progress::new("building the index").cancelled_by(cancel).on_report(move |stage, _, _| {
                if stage == stop_at {
                    flag.cancel();
                }
            });

        let result = table.create_index("vector", &options(pq(Metric::L2, 8)), &progress);

        assert!(matches!(result, Err(Error::Cancelled { .. })), "{stop_at}: {result:?}");
        assert!(table.list_indices().unwrap().is_empty());
        let left = std::fs::read_dir(table.path().join("indexes")).unwrap().count();
        assert_eq!(left, 0, "{stop_at}");
    }
}

#[test]
fn a_distance_range_holds_true_distances() {
    let (_folder, table) = table_with(0..3000);
    table.create_index("vector", &options(pq(Metric::Cosine, 8)), &Progress::none()).unwrap();
    let query = vector_of(5);
    let all = find(&table, &Nearest { bypass_index: true, ..nearest(&query, Metric::Cosine) });
    let (lower, upper) = (all[3].1, all[7].1);

    let between = Nearest { lower: Some(lower), upper: Some(upper), ..nearest(&query, Metric::Cosine) };

    assert_eq!(find(&table, &between), all[3..7]);
}

#[test]
fn several_query_vectors_give_k_rows_each_in_their_order() {
    let (_folder, table) = table_with(0..500);
    let rows = Nearest { vectors: vec![vector_of(3), vector_of(400)], ..Nearest::default() };
    let request = Request { rows: Rows::Nearest(rows), limit: Some(2), ..Request::default() };

    let batch = &table.plan(&request).unwrap().run(&Progress::none()).unwrap()[0];

    assert_eq!(batch.schema().field(0).name(), "query_index");
    assert_eq!(batch.column(0).as_primitive::<arrow::datatypes::Int32Type>().values(), &[0, 0, 1, 1]);
    let ids = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
    assert_eq!((ids.value(0), ids.value(2)), (3, 400));
}

#[test]
fn offset_skips_the_nearest_and_select_computes_from_the_distance() {
    let (_folder, table) = table_with(0..500);
    let select = Select::Expressions(vec![
        ("twice".to_owned(), "id * 2".to_owned()),
        ("same".to_owned(), "_distance = 0".to_owned()),
    ]);
    let rows = Rows::Nearest(nearest(&vector_of(9), Metric::L2));
    let request =
        Request { rows, select, limit: Some(3), offset: 1, with_row_id: true, ..Request::default() };

    let plan = table.plan(&request).unwrap();
    let batch = &plan.run(&Progress::none()).unwrap()[0];

    let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["twice", "same", "_rowid", "_distance"]);
    assert_eq!(batch.num_rows(), 3);
    assert!(!batch.column_by_name("same").unwrap().as_boolean().value(0));
    let row_id = batch.column_by_name("_rowid").unwrap().as_primitive::<UInt64Type>().value(0);
    let twice = batch.column_by_name("twice").unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!(twice as u64, row_id * 2);
}

#[test]
fn a_query_of_the_wrong_length_names_both_lengths() {
    let (_folder, table) = table_with(0..10);

    let rows = Rows::Nearest(Nearest { vectors: vec![vec![0.0; 3]], ..Nearest::default() });
    let error = table.plan(&Request { rows, ..Request::default() }).unwrap_err();

    assert_eq!(error.to_string(), "the vector has 3 dimensions, but column 'vector' stores 16");
}

#[test]
fn a_passed_time_limit_ends_the_query() {
    let (_folder, table) = table_with(0..10);
    let request = Request { filter: Some("id > 3".into()), ..Request::default() };

    let error = table.plan(&request).unwrap().run(&Progress::none().within(0)).unwrap_err();

    assert_eq!(error.code(), "TIMEOUT");
}

fn connect(folder: &std::path::Path) -> Connection {
    Connection::connect(folder.to_str().unwrap(), ConnectOptions::default()).unwrap()
}

/// A table of rows `{id, vector}` with these ids; the folder goes when it is dropped.
fn table_with(ids: std::ops::Range<i64>) -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let batch = rows(ids);
    let mut writer = connect(folder.path()).create_table("t", &batch.schema(), CreateMode::Create).unwrap();
    writer.write(&batch).unwrap();
    let table = writer.finish().unwrap();
    (folder, table)
}

fn append(table: &Table, ids: std::ops::Range<i64>) {
    let mut writer = table.writer(WriteMode::Append).unwrap();
    writer.write(&rows(ids)).unwrap();
    writer.commit().unwrap();
}

fn rows(ids: std::ops::Range<i64>) -> RecordBatch {
    let values = ids.clone().flat_map(|id| vector_of(id).into_iter().map(|value| value as f32));
    batch(Int64Array::from_iter_values(ids), Float32Array::from_iter_values(values), DIM)
}

fn wide_table(folder: &std::path::Path, dim: usize, count: i64) -> Table {
    let schema = batch(Int64Array::from(vec![0; 0]), Float32Array::from(vec![0.0; 0]), dim).schema();
    let mut writer = connect(folder).create_table("t", &schema, CreateMode::Create).unwrap();
    let mut random = StdRng::seed_from_u64(5);
    for first in (0..count).step_by(1000) {
        let values = (0..1000 * dim).map(|_| random.random::<f32>());
        let ids = Int64Array::from_iter_values(first..first + 1000);
        writer.write(&batch(ids, Float32Array::from_iter_values(values), dim)).unwrap();
    }
    writer.finish().unwrap()
}

fn batch(ids: Int64Array, values: Float32Array, dim: usize) -> RecordBatch {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, dim as i32, Arc::new(values), None);
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("vector", vectors.data_type().clone(), true),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(vectors)];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// The vector of the row `id`: clustered, so that partitions have something to find.
fn vector_of(id: i64) -> Vec<f64> {
    let mut cluster = StdRng::seed_from_u64(id as u64 % 40);
    let mut own = StdRng::seed_from_u64(1000 + id as u64);
    (0..DIM).map(|_| f64::from(cluster.random::<f32>() * 4.0 + own.random::<f32>())).collect()
}

fn vectors(seed: u64, count: usize) -> Vec<Vec<f64>> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| (0..DIM).map(|_| f64::from(random.random::<f32>() * 5.0)).collect()).collect()
}

fn pq(metric: Metric, bits: u8) -> IndexConfig {
    let partitions = Some(20);
    IndexConfig::IvfPq(IvfPqConfig {
        metric,
        partitions,
        sub_vectors: Some(8),
        bits,
        ..IvfPqConfig::default()
    })
}

fn flat(metric: Metric) -> IndexConfig {
    IndexConfig::IvfFlat(IvfFlatConfig { metric, partitions: Some(20), ..IvfFlatConfig::default() })
}

fn options(config: IndexConfig) -> IndexOptions {
    IndexOptions { config, ..IndexOptions::default() }
}

fn nearest(query: &[f64], metric: Metric) -> Nearest {
    Nearest { vectors: vec![query.to_vec()], metric: Some(metric), ..Nearest::default() }
}

fn exactly(query: &[f64], metric: Metric) -> Nearest {
    Nearest { bypass_index: true, ..nearest(query, metric) }
}

/// Ids and distances of the ten nearest rows.
fn find(table: &Table, nearest: &Nearest) -> Vec<(i64, f32)> {
    let request = Request { rows: Rows::Nearest(nearest.clone()), ..Request::default() };
    let batches = table.plan(&request).unwrap().run(&Progress::none()).unwrap();
    let ids = batches[0].column_by_name("id").unwrap().as_primitive::<Int64Type>();
    let distances = batches[0].column_by_name("_distance").unwrap().as_primitive::<Float32Type>();
    ids.values().iter().copied().zip(distances.values().iter().copied()).collect()
}

fn ids(table: &Table, request: &Request) -> Vec<i64> {
    let batches = table.plan(request).unwrap().run(&Progress::none()).unwrap();
    batches
        .iter()
        .flat_map(|batch| batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec())
        .collect()
}
