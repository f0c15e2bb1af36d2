//! Filtered searches beside brute force over the same rows, and what of a table they read.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::filter::{Condition, Filter, Parameter};
use quiverdb::index::{IndexConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, OrderBy, Request, Rows, Select};
use quiverdb::table::{CreateMode, IndexOptions, Table};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

const DIM: usize = 32;
const ROWS: usize = 20_000;
const K: usize = 10;

/// Vectors in clusters, and two columns of ranks: one without regard to the vectors, one by their first value.
struct Sample {
    _folder: tempfile::TempDir,
    table: Table,
    vectors: Vec<Vec<f32>>,
    random: Vec<i64>,
    correlated: Vec<i64>,
}

fn sample() -> Sample {
    let mut rng = StdRng::seed_from_u64(1);
    let centers: Vec<Vec<f32>> = (0..40).map(|_| vector(&mut rng)).collect();
    let vectors: Vec<Vec<f32>> = (0..ROWS)
        .map(|row| centers[row % 40].iter().map(|value| value + rng.random_range(-0.4..0.4)).collect())
        .collect();
    let mut random: Vec<i64> = (0..ROWS as i64).collect();
    random.shuffle(&mut rng);
    let mut by_value: Vec<usize> = (0..ROWS).collect();
    by_value.sort_by(|&a, &b| vectors[a][0].total_cmp(&vectors[b][0]));
    let mut correlated = vec![0; ROWS];
    by_value.iter().zip(0..).for_each(|(&row, rank)| correlated[row] = rank);

    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::connect(folder.path().to_str().unwrap(), ConnectOptions::default()).unwrap();
    let batch = batch(&vectors, &random, &correlated);
    let mut writer = connection.create_table("t", &batch.schema(), CreateMode::Create).unwrap();
    writer.write(&batch).unwrap();
    Sample { _folder: folder, table: writer.finish().unwrap(), vectors, random, correlated }
}

fn vector(rng: &mut StdRng) -> Vec<f32> {
    (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn batch(vectors: &[Vec<f32>], random: &[i64], correlated: &[i64]) -> RecordBatch {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let values = Float32Array::from_iter_values(vectors.iter().flatten().copied());
    let vector = FixedSizeListArray::new(item, DIM as i32, Arc::new(values), None);
    let texts: StringArray = random.iter().map(|rank| Some(format!("word {rank}"))).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("random", Arc::new(Int64Array::from(random.to_vec()))),
        ("correlated", Arc::new(Int64Array::from(correlated.to_vec()))),
        ("text", Arc::new(texts)),
        ("vector", Arc::new(vector)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

impl Sample {
    /// The rows that a search returns, by their rank in `random`.
    fn found(&self, request: &Request) -> Vec<i64> {
        let batches = self.table.plan(request).unwrap().run(&Progress::none()).unwrap();
        let ranks = |batch: &RecordBatch| {
            batch.column_by_name("random").unwrap().as_primitive::<Int64Type>().values().to_vec()
        };
        batches.iter().flat_map(ranks).collect()
    }

    /// The rows nearest to `query` among those that `matches` lets through.
    fn expected(&self, query: &[f32], matches: impl Fn(usize) -> bool) -> Vec<i64> {
        let mut rows: Vec<(f32, i64)> = (0..ROWS)
            .filter(|&row| matches(row))
            .map(|row| {
                let pairs = self.vectors[row].iter().zip(query);
                (pairs.map(|(a, b)| (a - b) * (a - b)).sum(), self.random[row])
            })
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.into_iter().take(K).map(|(_, rank)| rank).collect()
    }
}

fn search(query: &[f32], filter: &str) -> Request {
    let vectors = vec![query.iter().map(|&value| f64::from(value)).collect()];
    Request {
        rows: Rows::Nearest(Nearest { vectors, ..Nearest::default() }),
        filter: Some(filter.into()),
        limit: Some(K),
        ..Request::default()
    }
}

fn build_index(table: &Table) {
    let config = IvfPqConfig { partitions: Some(100), sub_vectors: Some(16), ..IvfPqConfig::default() };
    let options = IndexOptions { config: IndexConfig::IvfPq(config), ..IndexOptions::default() };
    table.create_index("vector", &options, &Progress::none()).unwrap();
}

fn build_scalar_indexes(table: &Table) {
    for column in ["random", "correlated"] {
        table.create_index(column, &IndexOptions::default(), &Progress::none()).unwrap();
    }
}

#[test]
fn filtered_neighbours_are_those_of_brute_force_at_every_selectivity() {
    let sample = sample();
    let mut rng = StdRng::seed_from_u64(2);
    let queries: Vec<Vec<f32>> = (0..20).map(|_| vector(&mut rng)).collect();
    for step in ["no index", "an index", "scalar indexes too"] {
        let indexed = step != "no index";
        match step {
            "an index" => build_index(&sample.table),
            "scalar indexes too" => build_scalar_indexes(&sample.table),
            _ => {}
        }
        for matches in [ROWS / 2, ROWS / 10, ROWS / 100, ROWS / 1000, ROWS / 10_000] {
            for (column, ranks) in [("random", &sample.random), ("correlated", &sample.correlated)] {
                let filter = format!("{column} < {matches}");
                let mut hits = 0;
                for query in &queries {
                    let found = sample.found(&search(query, &filter));
                    let expected = sample.expected(query, |row| ranks[row] < matches as i64);
                    assert_eq!(found.len(), K.min(matches), "{filter}");
                    hits += found.iter().filter(|rank| expected.contains(rank)).count();
                }
                let recall = hits as f64 / (queries.len() * K.min(matches)) as f64;
                let least = if indexed { 0.95 } else { 1.0 };
                assert!(recall >= least, "{filter}, {step}, recall {recall}");
                let plan = sample.table.plan(&search(&queries[0], &filter)).unwrap().explain(false);
                assert_eq!(plan.contains("ScalarIndex: "), step == "scalar indexes too", "{plan}");
            }
        }
    }
}

#[test]
fn the_plan_says_which_way_a_filtered_search_goes() {
    let sample = sample();
    build_index(&sample.table);
    let plan = |filter: &str| {
        let plan = sample.table.plan(&search(&sample.vectors[0], filter)).unwrap();
        (plan.explain(false), plan.analyze(&Progress::none()).unwrap())
    };

    let (rare, ran) = plan("random < 20");
    assert!(rare.contains("Way: compare every match; matches=20 of 20000"), "{rare}");
    assert!(
        ran.contains("filter: output_rows=20") && ran.contains("exact: ") && !ran.contains("probe:"),
        "{ran}"
    );

    let (common, ran) = plan("random >= 20 AND \"text\" <> \"word 5\"");
    assert!(common.contains("Way: search the index for matches"), "{common}");
    assert!(common.contains("Note: \"word 5\" names no column, so it is a string"), "{common}");
    assert!(ran.contains("probe: "), "{ran}");
    // The explanation has evaluated the filter, and so the query need not.
    assert!(ran.contains("remembered"), "{ran}");
}

#[test]
fn only_the_rows_and_columns_of_the_answer_are_read() {
    let sample = sample();
    // A second segment, damaged where its texts are: whoever reads them finds out.
    let far = vec![vec![100.0; DIM]; 1000];
    let ranks: Vec<i64> = (0..1000).map(|row| ROWS as i64 + row).collect();
    sample.table.add(&batch(&far, &ranks, &ranks)).unwrap();
    let current = sample.table.current().unwrap();
    damage(current.segments()[1].path(), b"word 20000");
    let reopened = Table::open(sample.table.path().parent().unwrap(), "t", Default::default()).unwrap();
    let read = |request: &Request| reopened.plan(request).unwrap().run(&Progress::none());

    let near = read(&search(&sample.vectors[0], "random > 5")).unwrap();
    assert_eq!(near[0].num_rows(), K);
    let counts = read(&Request {
        filter: Some("random > 20500".into()),
        select: Select::Columns(vec!["random".into()]),
        ..Request::default()
    });
    assert_eq!(counts.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 499);

    let error = read(&search(&far[0], "random > 20500")).unwrap_err();
    assert_eq!(error.code(), "CORRUPTED", "the text of a row that is returned is read: {error}");
}

#[test]
fn segments_that_a_filter_excludes_are_not_read() {
    let sample = sample();
    let ranks: Vec<i64> = (0..100).map(|row| ROWS as i64 + row).collect();
    sample.table.add(&batch(&sample.vectors[..100], &ranks, &ranks)).unwrap();
    let path = sample.table.current().unwrap().segments()[1].path().to_owned();
    damage(&path, b"word 20000");
    let reopened = Table::open(sample.table.path().parent().unwrap(), "t", Default::default()).unwrap();
    let plan = |filter: &str| {
        let select = Select::Columns(vec!["random".into()]);
        reopened.plan(&Request { filter: Some(filter.into()), select, ..Request::default() }).unwrap()
    };

    // Texts are compared, of which those of the second segment cannot be read.
    for excluding in ["random < 20000 AND text <> ''", "text = 'x' AND random IN (1, 2)", "text > 'x'"] {
        let plan = plan(excluding);
        let (explained, ran) = (plan.explain(false), plan.analyze(&Progress::none()).unwrap());
        assert!(explained.contains("Statistics: segments=2 excluded="), "{explained}");
        assert!(!explained.contains("excluded=0"), "{explained}");
        assert!(ran.contains("scan: output_rows="), "{ran}");
    }
    assert!(plan("random < 20001 AND text <> ''").run(&Progress::none()).is_err());
    // All rows of the second segment match, whatever their texts are; or all have a text, whatever it is.
    assert_eq!(plan("random >= 20000 OR random < 5").run(&Progress::none()).unwrap().len(), 2);
    assert_eq!(reopened.count_rows(Some(&"text IS NOT NULL".into())).unwrap(), ROWS as u64 + 100);

    // A search, a deletion and an update look at no more of it.
    let vectors = vec![sample.vectors[0].iter().map(|&value| f64::from(value)).collect()];
    let nearest = Nearest { vectors, ..Nearest::default() };
    let filter = Some("text <> '' AND random < 20000".into());
    let search = Request { rows: Rows::Nearest(nearest), filter, ..Request::default() };
    let ran = reopened.plan(&search).unwrap().analyze(&Progress::none()).unwrap();
    assert!(ran.contains("evaluated segments=2 excluded=1"), "{ran}");
    let deleted = reopened.delete("random < 10 AND text <> ''", &Progress::none()).unwrap();
    assert_eq!(deleted.rows, 10);
}

#[test]
fn conditions_of_writes_ask_the_indexes_that_queries_ask() {
    let sample = sample();
    build_scalar_indexes(&sample.table);
    let path = sample.table.current().unwrap().segments()[0].path().to_owned();
    let mut bytes = std::fs::read(&path).unwrap();
    // The mark before the first batch, after that of the schema: without it no row can be read.
    let mark = (0..bytes.len()).step_by(8).filter(|&at| bytes[at..].starts_with(&[0xFF; 4])).nth(1).unwrap();
    bytes[mark..mark + 4].fill(0);
    std::fs::write(path, bytes).unwrap();
    let table = Table::open(sample.table.path().parent().unwrap(), "t", Default::default()).unwrap();

    let deleted = table.delete("random < 10 OR correlated IN (3, 4)", &Progress::none()).unwrap();

    assert!((10..=12).contains(&deleted.rows));
    assert_eq!(table.count_rows(Some(&"random < 10".into())).unwrap(), 0);
    let read = table.delete("random < 20 AND text <> ''", &Progress::none());
    assert_eq!(read.unwrap_err().code(), "CORRUPTED");
}

/// Makes the text that starts with `text` no valid UTF-8.
fn damage(path: &std::path::Path, text: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at] = 0xFF;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_remembered_filter_sees_the_rows_of_a_later_version() {
    let sample = sample();
    let count = |filter: &str| sample.table.count_rows(Some(&filter.into())).unwrap();
    let search = search(&sample.vectors[0], "random < 100");
    assert_eq!((sample.found(&search).len(), count("random < 100")), (K, 100));

    sample.table.add(&batch(&sample.vectors[..1], &[-1], &[-1])).unwrap();

    assert_eq!(count("random < 100"), 101);
    assert!(sample.found(&search).contains(&-1));
}

#[test]
fn parameters_are_values_of_a_filter_in_rust_too() {
    let sample = sample();
    let condition = |sql: &str, parameters| Condition { sql: sql.to_owned(), parameters };
    let list = Parameter::List((0..50).map(Parameter::Integer).collect());
    let filter = Filter {
        conditions: vec![
            condition("random IN (?)", vec![list]),
            condition("text <> ?", vec![Parameter::Text("word 7' OR '' = '".to_owned())]),
        ],
    };

    assert_eq!(sample.table.count_rows(Some(&filter)).unwrap(), 50);
}

#[test]
fn rows_come_in_the_order_asked_for() {
    let sample = sample();
    let by = |column: &str, ascending| OrderBy { column: column.into(), ascending, nulls_first: false };
    let scan = Request {
        filter: Some("random >= 100".into()),
        order_by: vec![by("random", true)],
        limit: Some(3),
        offset: 2,
        ..Request::default()
    };
    assert_eq!(sample.found(&scan), [102, 103, 104]);
    let last = Request { order_by: vec![by("random", false)], filter: None, offset: 0, ..scan.clone() };
    assert_eq!(sample.found(&last), [19_999, 19_998, 19_997]);

    let nearest = search(&sample.vectors[0], "random >= 100");
    let mut expected = sample.found(&nearest);
    let farthest_first = Request { order_by: vec![by("_distance", false)], ..nearest.clone() };
    assert_eq!(sample.found(&farthest_first), expected.iter().rev().copied().collect::<Vec<_>>());
    expected.sort_unstable();
    assert_eq!(sample.found(&Request { order_by: vec![by("random", true)], ..nearest }), expected);

    let error =
        sample.table.plan(&Request { order_by: vec![by("vector", true)], ..scan.clone() }).unwrap_err();
    assert_eq!(error.code(), "TYPE_MISMATCH");
    let error = sample.table.plan(&Request { order_by: vec![by("rnadom", true)], ..scan }).unwrap_err();
    assert!(error.to_string().contains("did you mean 'random'?"), "{error}");
}

#[test]
fn rows_that_are_alike_keep_their_order_and_nulls_go_where_they_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::connect(folder.path().to_str().unwrap(), ConnectOptions::default()).unwrap();
    let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None, Some(1), Some(2), None]));
    let mut writer = connection.create_table("t", &schema, CreateMode::Create).unwrap();
    writer.write(&RecordBatch::try_new(schema, vec![values]).unwrap()).unwrap();
    let table = writer.finish().unwrap();
    let row_ids = |ascending, nulls_first| {
        let order = OrderBy { column: "a".into(), ascending, nulls_first };
        let request = Request { order_by: vec![order], with_row_id: true, ..Request::default() };
        let batches = table.plan(&request).unwrap().run(&Progress::none()).unwrap();
        batches[0].column(1).as_primitive::<arrow::datatypes::UInt64Type>().values().to_vec()
    };

    assert_eq!(row_ids(true, false), [2, 0, 3, 1, 4]);
    assert_eq!(row_ids(false, true), [1, 4, 0, 3, 2]);
}
