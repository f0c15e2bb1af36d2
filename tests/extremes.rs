//! Numbers that nobody means: they give an answer or an error, and no panic and no mountain of memory.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, UInt64Type};

use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::distance::Metric;
use quiverdb::index::{IndexConfig, IvfFlatConfig, IvfPqConfig};
use quiverdb::progress::Progress;
use quiverdb::query::{Nearest, Request, Rows};
use quiverdb::table::{CreateMode, IndexOptions, Table};

const ROWS: usize = 1500;

/// A table of vectors of `dim` doubles.
fn table(dim: usize, values: impl IntoIterator<Item = f64>) -> Table {
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let values = Float64Array::from_iter_values(values);
    let vectors = FixedSizeListArray::new(item, dim as i32, Arc::new(values), None);
    let rows = RecordBatch::try_from_iter([("vector", Arc::new(vectors) as ArrayRef)]).unwrap();
    let connection = Connection::connect("memory://", ConnectOptions::default()).unwrap();
    let mut writer = connection.create_table("t", &rows.schema(), CreateMode::Create).unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap()
}

fn spread(dim: usize) -> impl Iterator<Item = f64> {
    (0..ROWS * dim).map(|i| ((i * 7919) % 10_007) as f64 / 100.0)
}

fn pq(config: IvfPqConfig) -> IndexOptions {
    IndexOptions { config: IndexConfig::IvfPq(config), ..IndexOptions::default() }
}

fn flat(config: IvfFlatConfig) -> IndexOptions {
    IndexOptions { config: IndexConfig::IvfFlat(config), ..IndexOptions::default() }
}

/// Row ids and distances.
fn search(table: &Table, request: Request) -> Vec<(u64, f32)> {
    let request = Request { with_row_id: true, ..request };
    let batches = table.plan(&request).unwrap().run(&Progress::none()).unwrap();
    let column = |name| batches[0].column_by_name(name).unwrap();
    let ids = column("_rowid").as_primitive::<UInt64Type>().values();
    let distances = column("_distance").as_primitive::<Float32Type>().values();
    ids.iter().copied().zip(distances.iter().copied()).collect()
}

#[test]
fn huge_limits_offsets_probes_and_factors_find_what_there_is() {
    let table = table(8, spread(8));
    let nearest = Nearest { vectors: vec![vec![3.0; 8], vec![50.0; 8]], ..Nearest::default() };
    let most = Nearest { probes_min: Some(usize::MAX), probes_max: Some(usize::MAX), ..nearest.clone() };
    let finest = Nearest { refine_factor: Some(u32::MAX), ..most.clone() };
    let coarsest = Nearest { refine_factor: Some(0), ..most.clone() };
    for options in [None, Some(pq(IvfPqConfig::default())), Some(flat(IvfFlatConfig::default()))] {
        if let Some(options) = options {
            table.create_index("vector", &options, &Progress::none()).unwrap();
        }
        for nearest in [&nearest, &most, &finest, &coarsest] {
            for filter in [None, Some("vector IS NOT NULL".into())] {
                let rows = || Rows::Nearest(nearest.clone());
                let all = Request { rows: rows(), limit: Some(usize::MAX), filter, ..Request::default() };
                let found = search(&table, Request { offset: 1, ..all.clone() }).len();
                assert!(found > 20 && found <= 2 * (ROWS - 1), "{found}");
                assert!(search(&table, Request { offset: usize::MAX, ..all }).is_empty());
            }
        }
        assert_eq!(search(&table, exhaustive(&finest)).len(), 2 * ROWS);
    }
}

fn exhaustive(nearest: &Nearest) -> Request {
    Request { rows: Rows::Nearest(nearest.clone()), limit: Some(usize::MAX), ..Request::default() }
}

#[test]
fn settings_of_a_build_that_make_no_sense_work_or_say_what_would() {
    let table = table(8, spread(8));
    let code = |options: &IndexOptions| {
        let built = table.create_index("vector", options, &Progress::none());
        built.map_err(|error| error.code()).err()
    };

    let huge = IvfPqConfig {
        sample_rate: u32::MAX,
        iterations_max: u32::MAX,
        seed: u64::MAX,
        ..IvfPqConfig::default()
    };
    assert_eq!(code(&pq(huge.clone())), None);
    assert_eq!(code(&pq(IvfPqConfig { partitions: Some(ROWS as u32), bits: 4, ..huge })), None);
    let partitions = Some(u32::MAX);
    assert_eq!(code(&pq(IvfPqConfig { partitions, ..IvfPqConfig::default() })), Some("INVALID_ARGUMENT"));
    assert_eq!(
        code(&flat(IvfFlatConfig { partitions, ..IvfFlatConfig::default() })),
        Some("INVALID_ARGUMENT")
    );
    let sub_vectors = Some(u32::MAX);
    assert_eq!(code(&pq(IvfPqConfig { sub_vectors, ..IvfPqConfig::default() })), Some("INVALID_ARGUMENT"));
}

#[test]
fn vectors_of_one_and_of_many_dimensions_are_indexed() {
    for (dim, rows) in [(1, 500), (20_000, 20)] {
        let table = table(dim, spread(dim).take(dim * rows));
        for options in [pq(IvfPqConfig::default()), flat(IvfFlatConfig::default())] {
            table.create_index("vector", &options, &Progress::none()).unwrap();
            let vectors = vec![vec![1.0; dim]];
            let nearest = Nearest { vectors, probes_min: Some(usize::MAX), ..Nearest::default() };
            assert_eq!(search(&table, exhaustive(&nearest)).len(), rows, "{dim}");
        }
    }
}

#[test]
fn values_at_the_ends_of_their_range_are_found_exactly_or_not_at_all() {
    let values = [0.0, -0.0, 5e-324, 1e-200, 1e-30, 1.0, 1e18, 1e19, 1e30, 1e200, f64::MAX];
    let rows = values.iter().flat_map(|&value| [value, -value]);
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for query in [[0.0, 0.0], [1e-300, 1e-310], [1.0, -1.0], [1e300, f64::MIN]] {
            let table = table(2, rows.clone());
            let nearest = |bypass_index| Nearest {
                vectors: vec![query.to_vec()],
                metric: Some(metric),
                bypass_index,
                ..Nearest::default()
            };
            let exact = search(&table, exhaustive(&nearest(true)));
            assert!(exact.is_sorted_by(|a, b| (a.1, a.0) <= (b.1, b.0)), "{exact:?}");
            for options in [
                pq(IvfPqConfig { metric, ..IvfPqConfig::default() }),
                flat(IvfFlatConfig { metric, ..IvfFlatConfig::default() }),
            ] {
                table.create_index("vector", &options, &Progress::none()).unwrap();
                let found = search(&table, exhaustive(&nearest(false)));
                assert!(
                    found.iter().all(|row| exact.contains(row)),
                    "{metric} {query:?} {found:?} {exact:?}"
                );
            }
        }
    }
}
