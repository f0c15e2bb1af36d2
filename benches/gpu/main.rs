//! How fast a GPU labels rows and builds an index, beside all cores of the same machine.
//!
//! Needs a driver, on Linux and Windows a Vulkan loader, and neither Node nor any data:
//!
//! ```text
//! cargo bench --no-default-features --features gpu --bench gpu -- \
//!     --rows 10000000 --dim 768 --centroids 16384 --build-rows 10000000 --json gpu.json
//! ```
//!
//! Rows are streamed through the GPU's memory as many at a time as `--resident-rows` says, and timed twice: with
//! their upload and without it. The CPU labels `--cpu-rows` of the same rows; labels are compared there.
//! `--build-rows` (0: none) builds an IVF_PQ index of so many rows on both, in `--folder`.
//! `benches/gpu/reference.py` does the first part with PyTorch.

mod build;
mod options;

use std::time::{Duration, Instant};

use quiverdb::error::Result;
use quiverdb::gpu::{Accelerator, Session};
use quiverdb::kmeans::{Centroids, gpu::Rows, instruction_set};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde_json::{Value, json};

use options::Options;

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1));
    let session = Session::open(&Accelerator::parse(&options.accelerator))?;
    println!("{} beside {} threads of the CPU ({})", session.device(), cores(), instruction_set());
    let mut report = json!({
        "device": session.device(),
        "threads": cores(),
        "instructions": instruction_set(),
        "rows": options.rows,
        "dim": options.dim,
        "centroids": options.centroids,
        "assignment": assignment(&options, &session)?,
    });
    if options.build_rows > 0 {
        report["build"] = build::build(&options)?;
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{report:#}\n")).expect("the report can be written");
    }
    Ok(())
}

fn cores() -> usize {
    rayon::current_num_threads()
}

/// Labels rows on both, and compares the labels.
fn assignment(options: &Options, session: &Session) -> Result<Value> {
    let gpu = session.gpu().expect("a GPU: software ones need QUIVERDB_ALLOW_SOFTWARE_GPU=1");
    let book = Centroids::new(values(options.centroids, options.dim, u64::MAX), options.dim);
    let (mut with_upload, mut without) = (Duration::ZERO, Duration::ZERO);
    let (mut compared, mut different, mut cpu) = (0, 0, Duration::ZERO);
    let mut largest = 0.0f64;
    for (i, first) in (0..options.rows).step_by(options.resident_rows).enumerate() {
        let rows = options.resident_rows.min(options.rows - first);
        let points = values(rows, options.dim, i as u64);
        if i == 0 {
            // The first pass compiles the kernels and finds the pace.
            Rows::load(gpu, &points, options.dim, &mut |_| Ok(()))?.nearest(&[&book], &mut |_| Ok(()))?;
        }
        let start = Instant::now();
        let resident = Rows::load(gpu, &points, options.dim, &mut |_| Ok(()))?;
        resident.nearest(&[&book], &mut |_| Ok(()))?;
        with_upload += start.elapsed();
        let start = Instant::now();
        let labels = resident.nearest(&[&book], &mut |_| Ok(()))?.swap_remove(0);
        without += start.elapsed();

        let rows = rows.min(options.cpu_rows - compared.min(options.cpu_rows));
        let mut expected = vec![0; rows];
        let start = Instant::now();
        book.nearest(&points[..rows * options.dim], &mut expected);
        cpu += start.elapsed();
        compared += rows;
        for ((point, expected), found) in points.chunks_exact(options.dim).zip(expected).zip(labels) {
            if expected != found {
                different += 1;
                largest = largest.max(excess(point, book.row(expected as usize), book.row(found as usize)));
            }
        }
    }
    let speed = |rows: usize, took: Duration| {
        2.0 * rows as f64 * (options.dim * options.centroids) as f64 / took.as_secs_f64() / 1e12
    };
    let report = json!({
        "gpu": { "seconds": without.as_secs_f64(), "tflops": speed(options.rows, without) },
        "gpuWithUpload": { "seconds": with_upload.as_secs_f64(), "tflops": speed(options.rows, with_upload) },
        "cpu": { "rows": compared, "seconds": cpu.as_secs_f64(), "tflops": speed(compared, cpu) },
        "timesTheCpu": speed(options.rows, without) / speed(compared, cpu),
        "labels": { "compared": compared, "different": different, "largestExcess": largest },
    });
    println!("assignment {report:#}");
    assert!(largest < 1e-4, "labels differ by more than rounding");
    Ok(report)
}

/// By what share `found` is farther away than `expected`.
fn excess(point: &[f32], expected: &[f32], found: &[f32]) -> f64 {
    let squared = |other: &[f32]| -> f64 {
        point.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    squared(found) / squared(expected) - 1.0
}

/// Rows of numbers from -1 to 1, the same for the same seed.
fn values(rows: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; rows * dim];
    values.par_chunks_mut(dim * 1024).enumerate().for_each(|(i, values)| {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1 << 32).wrapping_add(i as u64));
        values.fill_with(|| random.random_range(-1.0..1.0));
    });
    values
}
