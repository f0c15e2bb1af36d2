//! Recall on real data: Fashion-MNIST, 60 000 images of 784 pixels, and GloVe, 340 000 words of 100 numbers;
//! other images and words ask.

mod data;
mod targets;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use quiverdb::distance::{Metric, Query};
use quiverdb::gpu::{Accelerator, Session};
use quiverdb::index::{
    Candidate, IndexConfig, IvfPqConfig, Probe, Range, TopK, VectorColumn, VectorIndex, build, flat,
};
use quiverdb::progress::Progress;
use quiverdb::storage::files::create_table_folders;
use quiverdb::storage::{IndexEntry, Limits, Manifest, SegmentWriter, Version};

use data::Vectors;

const QUERIES: usize = 200;
const K: usize = 10;

/// Vectors as a version of a table in `folder`.
fn table(folder: &Path, vectors: &Vectors) -> Arc<Version> {
    let dim = vectors.dim;
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vector = DataType::FixedSizeList(item.clone(), dim as i32);
    let schema = Arc::new(Schema::new(vec![Field::new("vector", vector, true)]));
    create_table_folders(folder).unwrap();
    let mut writer = SegmentWriter::new(folder, schema.clone(), Limits::default());
    for rows in vectors.values.chunks(dim * 8192) {
        let values = Float32Array::from(rows.to_vec());
        let lists = FixedSizeListArray::new(item.clone(), dim as i32, Arc::new(values), None);
        writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(lists)]).unwrap()).unwrap();
    }
    let (segments, files) = writer.finish().unwrap();
    files.keep();
    let mut manifest = Manifest::first(schema);
    manifest.append(&segments);
    Arc::new(Version::new(folder, manifest, None))
}

fn index(folder: &Path, column: &VectorColumn, uuid: &str, config: IvfPqConfig) -> VectorIndex {
    let config = IndexConfig::IvfPq(config);
    let built = build(&config, column, &folder.join("indexes").join(uuid), &Progress::none()).unwrap();
    let entry = IndexEntry {
        name: "vector_idx".to_owned(),
        column: "vector".to_owned(),
        kind: built.kind.to_owned(),
        uuid: uuid.to_owned(),
        metric: built.metric.unwrap().to_string(),
        row_id_end: column.row_count(),
        rows: built.rows,
        covered_rows: built.rows,
        created_ms: 0,
        files: built.files,
        details: built.details,
    };
    VectorIndex::open(folder, &entry).unwrap()
}

/// The k nearest of the index's candidates.
fn reranked(
    column: &VectorColumn,
    index: &VectorIndex,
    query: &Query,
    probe: &Probe<'_>,
    k: usize,
) -> Vec<Candidate> {
    let found = index.search(query, probe, &Progress::none()).unwrap();
    let row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
    let mut distances = Vec::new();
    column.distances_of(query, &row_ids, &mut distances);
    let mut top = TopK::new(k);
    for (row_id, distance) in row_ids.into_iter().zip(distances) {
        top.push(Candidate { distance, row_id });
    }
    top.into_sorted()
}

/// The share of the test images' true neighbours among the training images of `column` that are found.
fn recall(column: &VectorColumn, index: &VectorIndex, probe: &Probe<'_>) -> f64 {
    let mut found = 0;
    for query in data::images("t10k-images-idx3-ubyte.gz").queries(Metric::L2).take(QUERIES) {
        let nearest =
            flat::search(column, &query, K, Range::default(), 0..u64::MAX, None, &Progress::none()).unwrap();
        let near = reranked(column, index, &query, probe, K);
        found += nearest.iter().filter(|candidate| near.contains(candidate)).count();
    }
    found as f64 / (QUERIES * K) as f64
}

#[test]
fn twenty_of_256_partitions_and_100_reranked_rows_find_99_of_100_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let version = table(folder.path(), &data::images("train-images-idx3-ubyte.gz"));
    let column = VectorColumn::open(&version, "vector").unwrap();
    assert_eq!((column.row_count(), column.dim()), (60_000, 784));
    // A quarter of the training rows that are the default: the harder case, and three times as fast.
    let config = IvfPqConfig {
        partitions: Some(256),
        sub_vectors: Some(49),
        sample_rate: 64,
        ..IvfPqConfig::default()
    };
    let index = index(folder.path(), &column, "one", config);

    let probe = Probe { candidates: 100, probes_min: 20, probes_max: Some(20), ..Probe::default() };
    let recall = recall(&column, &index, &probe);
    assert!(recall >= 0.99, "recall@{K} is {recall}");
}

#[test]
fn an_index_built_on_a_gpu_finds_as_many_neighbours_as_one_built_on_the_cpu() {
    if let Err(error) = Session::open(&Accelerator::Gpu) {
        let required = std::env::var_os("QUIVERDB_REQUIRE_GPU").is_some_and(|value| value == "1");
        assert!(!required, "QUIVERDB_REQUIRE_GPU is 1, but {error}");
        eprintln!("not run: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut images = data::images("train-images-idx3-ubyte.gz");
    // A tenth of the images: a software renderer takes its time.
    images.values.truncate(6000 * images.dim);
    let version = table(folder.path(), &images);
    let column = VectorColumn::open(&version, "vector").unwrap();
    let recalls = [("cpu", Accelerator::Cpu), ("gpu", Accelerator::Gpu)].map(|(uuid, accelerator)| {
        let config = IvfPqConfig {
            partitions: Some(32),
            sub_vectors: Some(49),
            iterations_max: 5,
            accelerator,
            ..IvfPqConfig::default()
        };
        let index = index(folder.path(), &column, uuid, config);
        let probe = Probe { candidates: 20, probes_min: 4, probes_max: Some(4), ..Probe::default() };
        recall(&column, &index, &probe)
    });
    assert!(recalls[0] > 0.8 && (recalls[0] - recalls[1]).abs() <= 0.005, "cpu, gpu: {recalls:?}");
}
