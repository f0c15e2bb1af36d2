//! Indexes as a whole: what is built is found again, whatever the rows are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, FixedSizeListArray, Float16Array, Float32Array, Float64Array};
use arrow::array::{Int8Array, UInt8Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Field;
use half::f16;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use roaring::RoaringTreemap;

use super::*;
use crate::distance::{Metric, Query};
use crate::progress::{CancelFlag, Progress};
use crate::storage::IndexEntry;

/// A table's folder with one index in it.
struct Table {
    folder: tempfile::TempDir,
    column: VectorColumn,
}

/// An index and how it was built.
struct Indexed {
    built: Built,
    index: VectorIndex,
    path: PathBuf,
}

impl Table {
    fn new(column: VectorColumn) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), column }
    }

    fn build(&self, config: &IndexConfig, uuid: &str, progress: &Progress) -> crate::error::Result<Indexed> {
        let built = build(config, &self.column, &self.folder.path().join("indexes").join(uuid), progress)?;
        let index = self.open(&built, self.folder.path())?;
        let path = built.files[0].locate(self.folder.path());
        Ok(Indexed { built, index, path })
    }

    fn open(&self, built: &Built, folder: &Path) -> crate::error::Result<VectorIndex> {
        let entry = IndexEntry {
            name: "vector_idx".to_owned(),
            column: "vector".to_owned(),
            kind: built.kind.to_owned(),
            uuid: String::new(),
            metric: built.metric.to_string(),
            row_id_end: 0,
            rows: built.rows,
            created_ms: 0,
            files: built.files.clone(),
            details: built.details.clone(),
        };
        VectorIndex::open(folder, &entry)
    }

    fn exact(&self, query: &Query, k: usize) -> Vec<Candidate> {
        flat::search(&self.column, query, k, Range::default(), 0, None, &Progress::none()).unwrap()
    }
}

fn everything(candidates: usize) -> Probe<'static> {
    Probe { candidates, probes_min: usize::MAX, probes_max: None, rows: None }
}

/// The k nearest rows by way of the index: candidates, then their exact distances.
fn reranked(
    table: &Table,
    index: &VectorIndex,
    query: &Query,
    probe: &Probe<'_>,
    k: usize,
) -> Vec<Candidate> {
    let found = index.search(query, probe, &Progress::none()).unwrap();
    let row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
    let mut distances = Vec::new();
    table.column.distances_of(query, &row_ids, &mut distances);
    let mut top = TopK::new(k);
    for (row_id, distance) in row_ids.into_iter().zip(distances) {
        top.push(Candidate { distance, row_id });
    }
    top.into_sorted()
}

/// Values of rows x dim around a few centres.
fn clustered(rows: usize, dim: usize, seed: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let centres: Vec<f64> = (0..20 * dim).map(|_| random.random_range(-40.0..40.0)).collect();
    let mut values = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let centre = random.random_range(0..20);
        values.extend((0..dim).map(|d| (centres[centre * dim + d] + random.random_range(-9.0..9.0)).round()));
    }
    values
}

fn lists(element: ElementKind, values: &[f64], dim: usize, valid: Option<Vec<bool>>) -> FixedSizeListArray {
    let items: ArrayRef = match element {
        ElementKind::F16 => {
            Arc::new(Float16Array::from_iter_values(values.iter().map(|&value| f16::from_f64(value))))
        }
        ElementKind::F32 => {
            Arc::new(Float32Array::from_iter_values(values.iter().map(|&value| value as f32)))
        }
        ElementKind::F64 => Arc::new(Float64Array::from_iter_values(values.iter().copied())),
        ElementKind::U8 => Arc::new(UInt8Array::from_iter_values(values.iter().map(|&value| value as u8))),
        ElementKind::I8 => Arc::new(Int8Array::from_iter_values(values.iter().map(|&value| value as i8))),
    };
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    FixedSizeListArray::new(field, dim as i32, items, valid.map(NullBuffer::from))
}

/// A column in two chunks, with ids from 100 on.
fn column(element: ElementKind, values: &[f64], dim: usize) -> VectorColumn {
    let all = lists(element, values, dim, None);
    let rows = values.len() / dim;
    let first = rows / 3;
    let mut column = VectorColumn::of_lists(all.slice(0, first), 100);
    column.add_lists(all.slice(first, rows - first), 100 + first as u64);
    column
}

fn pq(metric: Metric, partitions: u32, sub_vectors: u32, bits: u8) -> IndexConfig {
    let (partitions, sub_vectors) = (Some(partitions), Some(sub_vectors));
    IndexConfig::IvfPq(IvfPqConfig { metric, partitions, sub_vectors, bits, ..IvfPqConfig::default() })
}

fn ivf_flat(metric: Metric, partitions: u32) -> IndexConfig {
    IndexConfig::IvfFlat(IvfFlatConfig { metric, partitions: Some(partitions), ..IvfFlatConfig::default() })
}

fn queries(metric: Metric, values: &[f64], dim: usize) -> Vec<Query> {
    values.chunks_exact(dim * 50).map(|rows| Query::new(metric, &rows[..dim])).collect()
}

#[test]
fn when_everything_is_probed_and_reranked_answers_are_exact() {
    let dim = 12;
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for element in ElementKind::ALL {
            let offset = if element == ElementKind::U8 { 60.0 } else { 0.0 };
            let values: Vec<f64> = clustered(700, dim, 1).iter().map(|value| value + offset).collect();
            let table = Table::new(column(element, &values, dim));
            for config in [pq(metric, 9, 4, 8), pq(metric, 9, 3, 4), ivf_flat(metric, 9)] {
                let Indexed { index, built, .. } = table.build(&config, "a", &Progress::none()).unwrap();
                for query in queries(metric, &values, dim) {
                    let expected = table.exact(&query, 20);
                    let found = reranked(&table, &index, &query, &everything(700), 20);
                    assert_eq!(found, expected, "{metric} {element:?} {config:?}");
                }
                assert_eq!((built.rows, index.rows(), index.dim()), (700, 700, dim));
                fs::remove_dir_all(table.folder.path().join("indexes")).unwrap();
            }
        }
    }
}

#[test]
fn a_hamming_index_finds_the_rows_with_the_fewest_differing_bits() {
    let mut random = StdRng::seed_from_u64(3);
    let values: Vec<f64> = (0..600 * 16).map(|_| f64::from(random.random_range(0..=255u8))).collect();
    let table = Table::new(column(ElementKind::U8, &values, 16));
    let Indexed { index, .. } = table.build(&ivf_flat(Metric::Hamming, 8), "a", &Progress::none()).unwrap();

    for query in queries(Metric::Hamming, &values, 16) {
        let found = index.search(&query, &everything(10), &Progress::none()).unwrap();
        assert!(found.exact);
        assert_eq!(found.candidates, table.exact(&query, 10));
    }
    let floats = Table::new(column(ElementKind::F32, &values, 16));
    let error = floats.build(&ivf_flat(Metric::Hamming, 8), "a", &Progress::none()).err().unwrap();
    assert!(error.to_string().starts_with("distanceType is hamming, but column 'vector'"), "{error}");
}

#[test]
fn few_probes_find_nearly_all_neighbours_of_clustered_rows() {
    let dim = 16;
    let values = clustered(4000, dim, 5);
    let table = Table::new(column(ElementKind::F32, &values, dim));
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for (bits, sub_vectors) in [(8, 4), (4, 8)] {
            let config = pq(metric, 40, sub_vectors, bits);
            let Indexed { index, .. } =
                table.build(&config, &format!("{metric}{bits}"), &Progress::none()).unwrap();
            let probe = Probe { candidates: 100, probes_min: 8, probes_max: Some(8), rows: None };
            let (mut found, mut wanted) = (0, 0);
            for query in queries(metric, &values, dim) {
                let near = reranked(&table, &index, &query, &probe, 10);
                let expected = table.exact(&query, 10);
                found += expected.iter().filter(|row| near.contains(row)).count();
                wanted += expected.len();
            }
            assert!(found * 100 >= wanted * 95, "{metric}, {bits} bits: {found} of {wanted}");
        }
    }
}

#[test]
fn estimates_are_on_the_scale_of_the_metric() {
    let dim = 16;
    let values: Vec<f64> = clustered(3000, dim, 9).iter().map(|value| value / 20.0 + 1.0).collect();
    let table = Table::new(column(ElementKind::F32, &values, dim));
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        let Indexed { index, .. } =
            table.build(&pq(metric, 20, 8, 8), metric.name(), &Progress::none()).unwrap();
        for query in queries(metric, &values, dim).iter().take(10) {
            let found = index.search(query, &everything(1000), &Progress::none()).unwrap();
            let row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
            let mut exact = Vec::new();
            table.column.distances_of(query, &row_ids, &mut exact);
            let spread = exact.iter().fold(0.0f32, |spread, distance| spread.max(distance.abs()));
            let errors =
                found.candidates.iter().zip(&exact).map(|(found, exact)| (found.distance - exact).abs());
            let mean_error = errors.sum::<f32>() / exact.len() as f32;
            assert!(mean_error < 0.03 * spread, "{metric}: {mean_error} of {spread}");
            assert!(!found.exact && found.candidates.is_sorted());
        }
    }
}

#[test]
fn rows_without_a_usable_vector_are_not_indexed_and_never_found() {
    let dim = 4;
    let mut values = clustered(300, dim, 2);
    values[0] = f64::NAN;
    values[4..8].fill(0.0);
    values[8] = f64::INFINITY;
    let valid = (0..300).map(|row| row != 3).collect();
    let table = Table::new(VectorColumn::of_lists(lists(ElementKind::F32, &values, dim, Some(valid)), 0));
    let query = Query::new(Metric::Cosine, &values[16..20]);

    for config in [pq(Metric::Cosine, 5, 2, 8), ivf_flat(Metric::Cosine, 5)] {
        let Indexed { built, index, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        let found = index.search(&query, &everything(300), &Progress::none()).unwrap();

        let mut row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
        row_ids.sort_unstable();
        assert_eq!(row_ids, (4..300).collect::<Vec<_>>());
        assert_eq!((built.rows, found.rows_scanned), (296, 296));
        assert_eq!(built.details["skippedRows"], 4);
    }
    let nothing = Query::new(Metric::Cosine, &[0.0; 4]);
    let Indexed { index, .. } = table.build(&pq(Metric::Cosine, 5, 2, 4), "c", &Progress::none()).unwrap();
    assert_eq!(index.search(&nothing, &everything(9), &Progress::none()).unwrap().candidates, []);
}

#[test]
fn identical_rows_few_rows_and_rows_on_a_line_are_indexed() {
    let ones = vec![1.0; 1000 * 128];
    let line: Vec<f64> = (0..1000).flat_map(|i| vec![f64::from(i); 128]).collect();
    let cases = [
        (ones.clone(), 128, IndexConfig::IvfPq(IvfPqConfig::default()), "[1; 128], default"),
        (ones, 128, pq(Metric::Cosine, 50, 16, 8), "[1; 128], cosine"),
        (line.clone(), 128, pq(Metric::L2, 30, 8, 8), "a line"),
        (line, 128, pq(Metric::Dot, 30, 8, 4), "a line, 4 bits"),
        (vec![1.0, 2.0, 3.0], 3, IndexConfig::IvfPq(IvfPqConfig::default()), "one row"),
        (vec![1.0, 2.0, 3.0, 4.0], 1, pq(Metric::L2, 4, 1, 8), "four rows, four partitions"),
        (vec![0.0; 64], 8, IndexConfig::IvfPq(IvfPqConfig::default()), "zeros"),
        (vec![5.0; 70], 7, IndexConfig::IvfFlat(IvfFlatConfig::default()), "sevens"),
    ];
    for (values, dim, config, what) in cases {
        let table = Table::new(column(ElementKind::F32, &values, dim));
        let Indexed { index, .. } = table.build(&config, "a", &Progress::none()).unwrap();
        let rows = values.len() / dim;
        let query = Query::new(config.metric(), &values[..dim]);

        let probe = Probe { candidates: 10, probes_min: 30, probes_max: None, rows: None };
        assert_eq!(reranked(&table, &index, &query, &probe, 10).len(), rows.min(10), "{what}");
        let all = reranked(&table, &index, &query, &everything(rows), 10);
        assert_eq!(all, table.exact(&query, 10), "{what}");
    }
}

#[test]
fn too_few_rows_say_what_to_change() {
    let table = Table::new(column(ElementKind::F32, &[1.0; 512], 2));
    let error = table.build(&pq(Metric::L2, 1000, 1, 8), "a", &Progress::none()).err().unwrap();
    assert!(error.to_string().starts_with("numPartitions is 1000, but the table has 256 rows"), "{error}");

    let nulls = lists(ElementKind::F32, &[1.0; 8], 2, Some(vec![false, true, false, false]));
    let table = Table::new(VectorColumn::of_lists(nulls, 0));
    let error = table.build(&ivf_flat(Metric::L2, 2), "a", &Progress::none()).err().unwrap();
    assert_eq!(error.code(), "NOT_ENOUGH_ROWS");
    assert!(error.to_string().contains("only 1 row"), "{error}");

    let table = Table::new(VectorColumn::of_lists(lists(ElementKind::F32, &[], 2, None), 0));
    let error =
        table.build(&IndexConfig::IvfPq(IvfPqConfig::default()), "a", &Progress::none()).err().unwrap();
    assert_eq!(error.code(), "NOT_ENOUGH_ROWS");
    assert_eq!(fs::read_dir(table.folder.path().join("indexes")).unwrap().count(), 0);
}

#[test]
fn the_same_seed_gives_the_same_file_on_any_number_of_threads() {
    let values = clustered(2500, 8, 4);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 20, 4, 8), pq(Metric::Cosine, 20, 2, 4), ivf_flat(Metric::Dot, 20)] {
        let files = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let uuid = format!("{}{}{threads}", config.kind(), config.metric());
            let indexed = pool.install(|| table.build(&config, &uuid, &Progress::none())).unwrap();
            fs::read(indexed.path).unwrap()
        });
        assert!(files[0] == files[1] && files[1] == files[2], "{config:?}");
    }
    let other_seed = IndexConfig::IvfFlat(IvfFlatConfig { seed: 1, ..IvfFlatConfig::default() });
    let default = IndexConfig::IvfFlat(IvfFlatConfig::default());
    let files = [("s1", &other_seed), ("s2", &default)]
        .map(|(uuid, config)| fs::read(table.build(config, uuid, &Progress::none()).unwrap().path).unwrap());
    assert!(files[0] != files[1]);
}

#[test]
fn a_flipped_byte_is_noticed_at_opening_or_by_verify() {
    let values = clustered(300, 8, 6);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 3, 4, 4), ivf_flat(Metric::L2, 3)] {
        let Indexed { built, index, path } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        index.verify().unwrap();
        built.files[0].verify(table.folder.path()).unwrap();
        let bytes = fs::read(&path).unwrap();

        // Each byte of the header, then steps through everything behind it.
        for at in (0..4096).chain((4096..bytes.len()).step_by(37)) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::remove_file(&path).unwrap();
            fs::write(&path, damaged).unwrap();
            let error = table.open(&built, table.folder.path()).and_then(|index| index.verify()).unwrap_err();
            assert_eq!(error.code(), "CORRUPTED", "{} byte {at}: {error}", config.kind());
        }
        for bytes in [&bytes[..bytes.len() - 1], &bytes[..100], &[]] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(table.open(&built, table.folder.path()).err().unwrap().code(), "CORRUPTED");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(table.open(&built, table.folder.path()).err().unwrap().code(), "CORRUPTED");
    }
}

#[test]
fn damaged_partitions_give_wrong_answers_but_no_panic() {
    let values = clustered(300, 8, 6);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 3, 4, 8), ivf_flat(Metric::L2, 3)] {
        let Indexed { built, path, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let extents_at = u64::from_le_bytes(bytes[120..128].try_into().unwrap()) as usize;
        bytes[extents_at..].iter_mut().for_each(|byte| *byte ^= 0xA5);
        fs::remove_file(&path).unwrap();
        fs::write(&path, &bytes).unwrap();

        let index = table.open(&built, table.folder.path()).unwrap();
        let query = Query::new(Metric::L2, &values[..8]);
        reranked(&table, &index, &query, &everything(300), 10);
        assert_eq!(index.verify().unwrap_err().code(), "CORRUPTED");
    }
}

#[test]
fn a_cancelled_build_leaves_nothing_behind() {
    let values = clustered(2000, 8, 7);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 20, 4, 8), ivf_flat(Metric::L2, 20)] {
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = steps.clone();
        let progress = Progress::new("a build").on_report(move |_, _, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        table.build(&config, "whole", &progress).unwrap();
        fs::remove_dir_all(table.folder.path().join("indexes/whole")).unwrap();

        let total = steps.load(Ordering::Relaxed);
        assert!(total > 10, "{total} steps");
        for stop in (0..total - 1).step_by(total.div_ceil(12)).chain([total - 1]) {
            let (cancel, left) = (CancelFlag::default(), AtomicUsize::new(stop));
            let flag = cancel.clone();
            let progress = Progress::new("a build").cancelled_by(cancel).on_report(move |_, _, _| {
                if left.fetch_sub(1, Ordering::Relaxed) == 0 {
                    flag.cancel();
                }
            });
            let error = table.build(&config, "cancelled", &progress).err();
            assert_eq!(error.map(|error| error.code()), Some("CANCELLED"), "step {stop} of {total}");
            assert_eq!(fs::read_dir(table.folder.path().join("indexes")).unwrap().count(), 0);
        }
    }
}

#[test]
fn only_rows_of_the_set_are_found_and_probing_goes_on_until_there_are_enough() {
    let values = clustered(2000, 8, 8);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    let rows: RoaringTreemap = (100..2100).step_by(97).collect();
    let query = Query::new(Metric::L2, &values[..8]);
    let expected =
        flat::search(&table.column, &query, 15, Range::default(), 0, Some(&rows), &Progress::none());
    for config in [pq(Metric::L2, 30, 4, 8), ivf_flat(Metric::L2, 30)] {
        let Indexed { index, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        let probe = Probe { candidates: 21, probes_min: 2, probes_max: None, rows: Some(&rows) };

        assert_eq!(&reranked(&table, &index, &query, &probe, 15), expected.as_ref().unwrap());
        let limited = Probe { probes_max: Some(2), ..probe };
        let found = index.search(&query, &limited, &Progress::none()).unwrap();
        assert!(found.candidates.iter().all(|candidate| rows.contains(candidate.row_id)));
        assert_eq!(found.partitions_searched, 2);
    }
}

#[test]
fn a_query_of_another_shape_or_metric_is_an_error() {
    let table = Table::new(column(ElementKind::F32, &clustered(50, 4, 1), 4));
    let Indexed { index, .. } = table.build(&pq(Metric::L2, 2, 2, 8), "a", &Progress::none()).unwrap();

    let search = |metric, vector: &[f64]| {
        index.search(&Query::new(metric, vector), &everything(1), &Progress::none()).unwrap_err().to_string()
    };
    assert_eq!(search(Metric::L2, &[1.0; 3]), "the vector has 3 dimensions, but column 'vector' stores 4");
    assert_eq!(search(Metric::Dot, &[1.0; 4]), "distanceType is dot, but the index was built for l2");
}

#[test]
fn flat_search_skips_old_rows_and_distances_out_of_range() {
    let values: Vec<f64> = (0..1000).map(f64::from).collect();
    let column = column(ElementKind::F32, &values, 1);
    let query = Query::new(Metric::L2, &[500.0]);
    let search = |range, first_row_id, rows: Option<&RoaringTreemap>| {
        let found = flat::search(&column, &query, 3, range, first_row_id, rows, &Progress::none()).unwrap();
        found.into_iter().map(|candidate| candidate.row_id).collect::<Vec<_>>()
    };
    let everything = Range::default();

    assert_eq!(search(everything, 0, None), [600, 599, 601]);
    assert_eq!(search(everything, 700, None), [700, 701, 702]);
    assert_eq!(search(Range { lower: Some(4.0), upper: Some(9.0) }, 0, None), [598, 602]);
    for step in [2, 50] {
        let rows: RoaringTreemap = (100..1100).step_by(step).collect();
        let step = step as u64;
        assert_eq!(search(everything, 0, Some(&rows)), [600, 600 - step, 600 + step]);
    }
}

#[test]
fn flat_search_is_the_same_on_any_number_of_threads() {
    let dim = 64;
    let values = clustered(40_000, dim, 11);
    let column = column(ElementKind::F32, &values, dim);
    let query = Query::new(Metric::L2, &values[..dim]);
    let answers = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| flat::search(&column, &query, 100, Range::default(), 0, None, &Progress::none()))
            .unwrap()
    });

    assert_eq!(answers[0], answers[1]);
    let expired = Progress::none().within(0);
    let error = flat::search(&column, &query, 1, Range::default(), 0, None, &expired).unwrap_err();
    assert_eq!(error.code(), "TIMEOUT");
}
