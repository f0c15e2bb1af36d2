//! Recall on real data: Fashion-MNIST, 60 000 images of 784 pixels, and 10 000 others to ask about.

use std::path::Path;
use std::process::Command;
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

const FOLDER: &str = "/usr/share/datasets/fashion-mnist";
const DIM: usize = 784;
const QUERIES: usize = 200;
const K: usize = 10;

/// The images of a file in IDX format, rows x 784.
fn images(name: &str) -> Vec<u8> {
    let path = Path::new(FOLDER).join(name);
    assert!(
        path.exists(),
        "{} is missing; this test needs Debian's package dataset-fashion-mnist: \
         run 'apt-get install dataset-fashion-mnist'",
        path.display()
    );
    let gzip = Command::new("gzip").arg("-dc").arg(&path).output().expect("gzip runs");
    assert!(gzip.status.success(), "gzip cannot read {}", path.display());
    let header = 16;
    gzip.stdout[header..].to_vec()
}

/// The images as a version of a table in `folder`.
fn table(folder: &Path, pixels: &[u8]) -> Arc<Version> {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vector = DataType::FixedSizeList(item.clone(), DIM as i32);
    let schema = Arc::new(Schema::new(vec![Field::new("vector", vector, true)]));
    create_table_folders(folder).unwrap();
    let mut writer = SegmentWriter::new(folder, schema.clone(), Limits::default());
    for pixels in pixels.chunks(DIM * 8192) {
        let values = Float32Array::from_iter_values(pixels.iter().map(|&pixel| f32::from(pixel)));
        let lists = FixedSizeListArray::new(item.clone(), DIM as i32, Arc::new(values), None);
        writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(lists)]).unwrap()).unwrap();
    }
    let (segments, files) = writer.finish().unwrap();
    files.keep();
    let mut manifest = Manifest::first(schema);
    manifest.append(&segments);
    Arc::new(Version::new(folder, manifest, None))
}

fn index(folder: &Path, column: &VectorColumn, config: IvfPqConfig) -> VectorIndex {
    let config = IndexConfig::IvfPq(config);
    let built = build(&config, column, &folder.join("indexes/one"), &Progress::none()).unwrap();
    let entry = IndexEntry {
        name: "vector_idx".to_owned(),
        column: "vector".to_owned(),
        kind: built.kind.to_owned(),
        uuid: "one".to_owned(),
        metric: built.metric.to_string(),
        row_id_end: column.row_count(),
        rows: built.rows,
        created_ms: 0,
        files: built.files,
        details: built.details,
    };
    VectorIndex::open(folder, &entry).unwrap()
}

/// The K nearest of the index's candidates.
fn reranked(column: &VectorColumn, index: &VectorIndex, query: &Query, probe: &Probe<'_>) -> Vec<Candidate> {
    let found = index.search(query, probe, &Progress::none()).unwrap();
    let row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
    let mut distances = Vec::new();
    column.distances_of(query, &row_ids, &mut distances);
    let mut top = TopK::new(K);
    for (row_id, distance) in row_ids.into_iter().zip(distances) {
        top.push(Candidate { distance, row_id });
    }
    top.into_sorted()
}

#[test]
fn twenty_of_256_partitions_and_100_reranked_rows_find_99_of_100_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let version = table(folder.path(), &images("train-images-idx3-ubyte.gz"));
    let column = VectorColumn::open(&version, "vector").unwrap();
    assert_eq!((column.row_count(), column.dim()), (60_000, DIM));
    // A quarter of the training rows that are the default: the harder case, and three times as fast.
    let config = IvfPqConfig {
        partitions: Some(256),
        sub_vectors: Some(49),
        sample_rate: 64,
        ..IvfPqConfig::default()
    };
    let index = index(folder.path(), &column, config);

    let probe = Probe { candidates: 100, probes_min: 20, probes_max: Some(20), rows: None };
    let mut found = 0;
    for image in images("t10k-images-idx3-ubyte.gz").chunks_exact(DIM).take(QUERIES) {
        let vector: Vec<f64> = image.iter().map(|&pixel| f64::from(pixel)).collect();
        let query = Query::new(Metric::L2, &vector);
        let nearest =
            flat::search(&column, &query, K, Range::default(), 0..u64::MAX, None, &Progress::none()).unwrap();
        let near = reranked(&column, &index, &query, &probe);
        found += nearest.iter().filter(|candidate| near.contains(candidate)).count();
    }
    let recall = found as f64 / (QUERIES * K) as f64;
    assert!(recall >= 0.99, "recall@{K} is {recall}");
}

/// The share of true neighbours that an index of `column` finds, built with `accelerator`.
fn recall(folder: &Path, column: &VectorColumn, accelerator: Accelerator) -> f64 {
    let config = IvfPqConfig {
        partitions: Some(64),
        sub_vectors: Some(49),
        sample_rate: 64,
        accelerator,
        ..IvfPqConfig::default()
    };
    let index = index(folder, column, config);
    let probe = Probe { candidates: 20, probes_min: 4, probes_max: Some(4), rows: None };
    let mut found = 0;
    for image in images("t10k-images-idx3-ubyte.gz").chunks_exact(DIM).take(QUERIES) {
        let vector: Vec<f64> = image.iter().map(|&pixel| f64::from(pixel)).collect();
        let query = Query::new(Metric::L2, &vector);
        let nearest =
            flat::search(column, &query, K, Range::default(), 0..u64::MAX, None, &Progress::none()).unwrap();
        let near = reranked(column, &index, &query, &probe);
        found += nearest.iter().filter(|candidate| near.contains(candidate)).count();
    }
    found as f64 / (QUERIES * K) as f64
}

#[test]
fn an_index_built_on_a_gpu_finds_as_many_neighbours_as_one_built_on_the_cpu() {
    if let Err(error) = Session::open(&Accelerator::Gpu) {
        let required = std::env::var_os("QUIVERDB_REQUIRE_GPU").is_some_and(|value| value == "1");
        assert!(!required, "QUIVERDB_REQUIRE_GPU is 1, but {error}");
        eprintln!("not run: {error}");
        return;
    }
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let pixels = images("train-images-idx3-ubyte.gz");
    let recalls =
        [Accelerator::Cpu, Accelerator::Gpu].into_iter().zip(&folders).map(|(accelerator, folder)| {
            // A fifth of the images: a software renderer takes its time.
            let version = table(folder.path(), &pixels[..12_000 * DIM]);
            recall(folder.path(), &VectorColumn::open(&version, "vector").unwrap(), accelerator)
        });
    let recalls: Vec<f64> = recalls.collect();
    assert!(recalls[0] > 0.8 && (recalls[0] - recalls[1]).abs() <= 0.005, "cpu, gpu: {recalls:?}");
}
