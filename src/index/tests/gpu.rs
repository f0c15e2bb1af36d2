//! Indexes that are built on a GPU, beside those of the CPU.

use std::sync::Mutex;

use super::*;
use crate::gpu::{Accelerator, Gpu, Limits, Session, Variant, Variants, test_gpu, untried_gpu};
use crate::index::build::build_with;

/// Limits that cut everything into parts: 64 KiB a binding, 12 workgroups in a line.
const LOW: Limits = Limits { binding_bytes: 64 << 10, groups: 12, checked: true };

/// The same with fewer passes: a software renderer takes its time.
fn few_passes(config: IndexConfig) -> IndexConfig {
    match config {
        IndexConfig::IvfPq(config) => IndexConfig::IvfPq(IvfPqConfig { iterations_max: 4, ..config }),
        flat => flat,
    }
}

fn build_on(
    gpu: &Arc<Gpu>,
    asked: Accelerator,
    table: &Table,
    config: &IndexConfig,
    uuid: &str,
    progress: &Progress,
) -> crate::error::Result<Indexed> {
    let session = Session::with(gpu.clone(), asked);
    let folder = table.folder.path().join("indexes").join(uuid);
    let built = build_with(&session, config, &table.column, &folder, progress)?;
    let index = table.open(&built, table.folder.path())?;
    let path = built.files[0].locate(table.folder.path());
    Ok(Indexed { built, index, path })
}

/// How many of the ten nearest rows the index finds with few probes and little rerank.
fn recall(table: &Table, index: &VectorIndex, metric: Metric, values: &[f64], dim: usize) -> f64 {
    let queries = queries(metric, values, dim);
    let probe = Probe { candidates: 20, probes_min: 4, probes_max: Some(4), ..Probe::default() };
    let hits = queries.iter().map(|query| {
        let near = reranked(table, index, query, &probe, 10);
        table.exact(query, 10).iter().filter(|candidate| near.contains(candidate)).count()
    });
    hits.sum::<usize>() as f64 / (10 * queries.len()) as f64
}

#[test]
fn an_index_of_a_gpu_finds_what_one_of_the_cpu_finds() {
    let (dim, values) = (12, clustered(1500, 12, 3));
    for limits in [Limits::default(), LOW] {
        let Some(gpu) = test_gpu(limits) else { return };
        let configs = [
            (Metric::L2, ElementKind::F16, few_passes(pq(Metric::L2, 12, 6, 4))),
            (Metric::L2, ElementKind::F32, few_passes(pq(Metric::L2, 12, 6, 8))),
            (Metric::Dot, ElementKind::F16, few_passes(pq(Metric::Dot, 12, 3, 8))),
            (Metric::Cosine, ElementKind::F16, few_passes(pq(Metric::Cosine, 12, 4, 8))),
            (Metric::Cosine, ElementKind::F64, ivf_flat(Metric::Cosine, 12)),
        ];
        // What is cut into small parts takes its time on a software renderer.
        for (metric, element, config) in configs.into_iter().take(if limits == LOW { 1 } else { 5 }) {
            let table = Table::new(column(element, &values, dim));
            let on_cpu = table.build(&config, "cpu", &Progress::none()).unwrap();
            let build =
                |uuid| build_on(&gpu, Accelerator::Gpu, &table, &config, uuid, &Progress::none()).unwrap();
            let on_gpu = build("gpu");

            let found = [&on_cpu, &on_gpu].map(|built| recall(&table, &built.index, metric, &values, dim));
            assert!((found[0] - found[1]).abs() <= 0.02, "{metric} {element:?}: {found:?}");
            assert!(on_gpu.index.verify().is_ok());
            let details = &on_gpu.built.details;
            assert!(details["device"].as_str().unwrap().starts_with(&gpu.adapter().name), "{details}");
            assert!(details["deviceFailure"].is_null() && details["seconds"]["encode"].is_number());

            let again = build("again");
            assert!(fs::read(on_gpu.path).unwrap() == fs::read(again.path).unwrap(), "{metric} {element:?}");
        }
    }
}

/// Makes the GPU fail when `stage` is under way; notes the stages.
fn failing(
    gpu: &Arc<Gpu>,
    fail: fn(&Gpu),
    stage: &'static str,
    seen: &Arc<Mutex<Vec<&'static str>>>,
) -> Progress {
    let (gpu, seen) = (gpu.clone(), seen.clone());
    Progress::new("a test").on_report(move |reported, _, _| {
        seen.lock().unwrap().push(reported);
        if reported == stage {
            fail(&gpu);
        }
    })
}

#[test]
fn a_gpu_lost_at_any_stage_leaves_a_whole_index_or_none() {
    fails_at_any_stage(Gpu::lose, "failed");
}

#[test]
fn a_gpu_out_of_memory_at_any_stage_leaves_a_whole_index_or_none() {
    fails_at_any_stage(Gpu::starve, "out of memory");
}

fn fails_at_any_stage(fail: fn(&Gpu), reason: &str) {
    let values = clustered(1500, 8, 4);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    let config = few_passes(pq(Metric::L2, 12, 4, 8));
    for (i, stage) in ["sample", "train partitions", "train codebooks", "encode"].into_iter().enumerate() {
        let Some(gpu) = test_gpu(Limits::default()) else { return };
        let seen = Arc::default();
        let progress = failing(&gpu, fail, stage, &seen);
        let built =
            build_on(&gpu, Accelerator::Auto, &table, &config, &format!("auto{i}"), &progress).unwrap();
        assert_eq!(built.built.rows, 1500);
        assert!(recall(&table, &built.index, Metric::L2, &values, 8) > 0.8);
        let failure = built.built.details["deviceFailure"].as_str().unwrap();
        assert!(failure.starts_with("the CPU took over: the GPU '"), "{failure}");
        assert!(failure.contains(reason), "{failure}");
        assert!(seen.lock().unwrap().iter().any(|stage| stage.ends_with("(on the CPU: the GPU failed)")));

        let Some(gpu) = test_gpu(Limits::default()) else { return };
        let progress = failing(&gpu, fail, stage, &Arc::default());
        let uuid = format!("gpu{i}");
        let error = build_on(&gpu, Accelerator::Gpu, &table, &config, &uuid, &progress).err().unwrap();
        assert_eq!(error.code(), "GPU_FAILED", "{stage}");
        assert!(!table.folder.path().join("indexes").join(uuid).exists());
    }
}

#[test]
fn a_cancelled_build_on_a_gpu_stops_at_once_and_leaves_nothing() {
    let Some(gpu) = test_gpu(Limits::default()) else { return };
    let values = clustered(6000, 16, 5);
    let table = Table::new(column(ElementKind::F32, &values, 16));
    for stage in ["train partitions", "train codebooks", "encode"] {
        let cancel = CancelFlag::default();
        let asked: Arc<Mutex<Option<std::time::Instant>>> = Arc::default();
        let (flag, at) = (cancel.clone(), asked.clone());
        let progress = Progress::new("a test").cancelled_by(cancel).on_report(move |reported, done, _| {
            if reported == stage && done > 0 {
                flag.cancel();
                at.lock().unwrap().get_or_insert_with(std::time::Instant::now);
            }
        });

        let config = few_passes(pq(Metric::L2, 50, 4, 8));
        let stopped = build_on(&gpu, Accelerator::Gpu, &table, &config, stage, &progress).err().unwrap();

        assert_eq!(stopped.code(), "CANCELLED");
        assert!(!table.folder.path().join("indexes").join(stage).exists());
        // 100 ms is the promise; a machine that is busy with other tests gets more.
        let waited = asked.lock().unwrap().unwrap().elapsed();
        assert!(waited.as_millis() < 2000, "{stage}: {waited:?}");
    }
}

#[test]
fn two_builds_at_once_share_a_gpu() {
    let Some(gpu) = test_gpu(Limits::default()) else { return };
    let values = clustered(2000, 8, 6);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    let config = few_passes(pq(Metric::L2, 15, 4, 8));
    let build = |uuid: &str| {
        let built = build_on(&gpu, Accelerator::Gpu, &table, &config, uuid, &Progress::none()).unwrap();
        fs::read(built.path).unwrap()
    };

    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| build("first"));
        let second = scope.spawn(|| build("second"));
        (first.join().unwrap(), second.join().unwrap())
    });

    assert!(first == second);
}

#[test]
fn half_precision_builds_the_very_index_that_single_precision_builds() {
    let (dim, values) = (32, clustered(1500, 32, 7));
    let config = few_passes(pq(Metric::L2, 70, 4, 8));
    for element in [ElementKind::F32, ElementKind::F16] {
        let table = Table::new(column(element, &values, dim));
        let files = [Variant::F32, Variant::F16].map(|variant| {
            let gpu = untried_gpu(Limits::default()).filter(|gpu| gpu.adapter().offers(variant))?;
            gpu.use_variants(Variants::only(variant));
            let uuid = format!("{variant}{element:?}");
            let built = build_on(&gpu, Accelerator::Gpu, &table, &config, &uuid, &Progress::none()).unwrap();
            assert_eq!(built.built.details["deviceVariant"], variant.name());
            Some(fs::read(built.path).unwrap())
        });
        let [Some(single), Some(half)] = files else { return };

        assert!(single == half, "{element:?}");
    }
}
