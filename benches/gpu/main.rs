//! How fast a GPU labels rows and builds an index, beside all cores of the same machine, and what bounds each stage.
//!
//! Needs a driver, on Linux and Windows a Vulkan loader, and neither Node nor any data. `docs/gpu.md` has the
//! commands.
//!
//! Rows are made on the spot, `--resident-rows` at a time: the CPU makes them, they are uploaded, and labelled while
//! they stay; making, upload and labelling are timed apart. Every variant of the kernels that the adapter offers
//! labels them, or the one of `--variant`. The CPU labels `--cpu-rows` of the same rows; labels are compared
//! there, and those of the variants everywhere. `--build-rows` (0: none) builds an IVF_PQ index of so many rows on both, in
//! `--folder`. `benches/gpu/reference.py` does the first part with PyTorch.

mod assignment;
mod build;
mod options;
mod stages;

use quiverdb::error::Result;
use quiverdb::gpu::{Accelerator, Ceilings, Session, Variant, Variants};
use quiverdb::kmeans::instruction_set;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde_json::json;

use options::Options;

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1));
    let session = Session::open(&Accelerator::parse(&options.accelerator))?;
    let gpu = session.gpu().expect("a GPU: software ones need QUIVERDB_ALLOW_SOFTWARE_GPU=1");
    let offered: Vec<Variant> = gpu.adapter().variants().collect();
    if let Some(variant) = options.variant {
        assert!(offered.contains(&variant), "{} offers {offered:?}, not {variant}", session.device());
        gpu.use_variants(Variants::only(variant));
    }
    println!("{} beside {} threads of the CPU ({})", session.device(), cores(), instruction_set());
    println!("driver {}; variants {}", gpu.adapter().driver, names(&offered));
    let ceilings = gpu.ceilings()?;
    let Ceilings { operations, read_bytes, upload_bytes } = ceilings;
    println!(
        "measured at best: {:.2} TFLOP/s in f32, {:.1} GB/s read, {:.1} GB/s uploaded",
        operations / 1e12,
        read_bytes / 1e9,
        upload_bytes / 1e9
    );
    let variants = options.variant.map_or(offered, |variant| vec![variant]);
    let mut report = json!({
        "device": session.device(),
        "driver": gpu.adapter().driver,
        "threads": cores(),
        "instructions": instruction_set(),
        "ceilings": {
            "tflops": operations / 1e12,
            "readGbPerSecond": read_bytes / 1e9,
            "uploadGbPerSecond": upload_bytes / 1e9,
        },
        "rows": options.rows,
        "dim": options.dim,
        "centroids": options.centroids,
        "assignment": assignment::measure(&options, gpu, &variants, &ceilings)?,
    });
    if options.build_rows > 0 {
        report["build"] = build::build(&options, gpu, &ceilings)?;
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{report:#}\n")).expect("the report can be written");
    }
    Ok(())
}

fn cores() -> usize {
    rayon::current_num_threads()
}

fn names(variants: &[Variant]) -> String {
    variants.iter().map(|variant| variant.name()).collect::<Vec<_>>().join(", ")
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
