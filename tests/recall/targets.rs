//! Indexes keep what they promise: queries that are no rows find the share of their neighbours that they ask
//! for.

use quiverdb::index::EarlyStop;

use super::*;

const TARGETS: [f64; 3] = [0.90, 0.95, 0.99];

/// How many queries are asked, at least.
const ASKED: usize = 500;

/// Fewer rows to train with than is usual: the harder case, and a fast one.
fn config(metric: Metric, partitions: u32, sub_vectors: u32) -> IvfPqConfig {
    IvfPqConfig {
        metric,
        partitions: Some(partitions),
        sub_vectors: Some(sub_vectors),
        sample_rate: 64,
        iterations_max: 10,
        ..IvfPqConfig::default()
    }
}

/// The recall of each target, and how many partitions it took.
fn measure(column: &VectorColumn, index: &VectorIndex, asked: &Vectors) -> [(f64, f64); 3] {
    let (mut found, mut probes, mut wanted) = ([0; 3], [0; 3], 0);
    let none = Progress::none();
    for query in asked.queries(index.metric()).step_by(asked.rows() / ASKED) {
        let truth = flat::search(column, &query, K, Range::default(), 0..u64::MAX, None, &none).unwrap();
        wanted += truth.len();
        for (i, target) in TARGETS.into_iter().enumerate() {
            let effort = index.calibration().unwrap().effort(K, target);
            let expected = effort.probes.ceil() as usize;
            let early_stop = Some(EarlyStop { k: K, reach: effort.reach, expected });
            let probe = Probe { candidates: effort.candidates, early_stop, ..Probe::default() };
            let answer = reranked(column, index, &query, &probe, K);
            found[i] += truth.iter().filter(|candidate| answer.contains(candidate)).count();
            probes[i] += index.search(&query, &probe, &none).unwrap().partitions_searched;
        }
    }
    let of = |i: usize| (found[i] as f64 / wanted as f64, (probes[i] * K) as f64 / wanted as f64);
    [of(0), of(1), of(2)]
}

fn check(name: &str, column: &VectorColumn, index: &VectorIndex, asked: &Vectors) {
    for (target, (recall, probes)) in TARGETS.into_iter().zip(measure(column, index, asked)) {
        let candidates = index.calibration().unwrap().effort(K, target).candidates;
        println!(
            "{name}: target {target}, recall {recall:.4}, {probes:.1} partitions, {candidates} candidates"
        );
        assert!(recall >= target - 0.01, "{name}: recall@{K} is {recall} instead of {target}");
        assert!(recall <= target + 0.03, "{name}: recall@{K} is {recall}: more than {target} was paid for");
    }
}

#[test]
fn images_find_what_they_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let version = table(folder.path(), &data::images("train-images-idx3-ubyte.gz"));
    let column = VectorColumn::open(&version, "vector").unwrap();
    let index = index(folder.path(), &column, "one", config(Metric::L2, 256, 49));

    check("Fashion-MNIST, l2", &column, &index, &data::images("t10k-images-idx3-ubyte.gz"));
}

#[test]
fn words_find_what_they_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let (words, asked) = data::words();
    let version = table(folder.path(), &words);
    let column = VectorColumn::open(&version, "vector").unwrap();
    for metric in [Metric::L2, Metric::Cosine] {
        let index = index(folder.path(), &column, metric.name(), config(metric, 512, 25));
        check(&format!("GloVe, {metric}"), &column, &index, &asked);
    }
}
