//! Which variant of the kernels a GPU uses: the fastest of those that find the CPU's labels.
//!
//! Drivers offer what they compute wrongly, and matrix units are an experiment of wgpu. So each variant is tried on
//! first use of a GPU: on small shapes against the CPU, then all that agree on a larger one against the clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Assign, Centroids, ResidentBooks, Rows};
use crate::error::{Error, Result};
use crate::gpu::{AdapterKind, Gpu, Variant, Variants};

/// Rows, dimensions and centroids to compare labels with: some that fill tiles, some that do not.
const SHAPES: [[usize; 3]; 4] = [[1, 32, 64], [130, 40, 129], [257, 100, 300], [256, 64, 128]];

/// Rows and dimensions to take the time with, and centroids: many of them if few are done at once.
const RACE: [usize; 2] = [32_768, 256];
const RACE_CENTROIDS: [usize; 2] = [1024, 16_384];

/// Less time than this says nothing: it goes by before a GPU has begun.
const RACE_MIN: Duration = Duration::from_millis(20);

/// How much farther than the nearest centroid a label may lie, as a share, because of rounding.
const ROUNDING: f64 = 1e-5;

/// Adapters and what has made them fail: a device that is opened anew must not do it again.
static LOST: Mutex<Vec<(String, Variant)>> = Mutex::new(Vec::new());

/// The variants for `gpu`. The first call for a device tries them.
pub(super) fn variants(gpu: &Gpu) -> Result<Variants> {
    /// Held while variants are tried: two builds at once would take each other's time.
    static TRIAL: Mutex<()> = Mutex::new(());

    if let Some(variants) = gpu.variants() {
        return Ok(variants);
    }
    let _turn = TRIAL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(variants) = gpu.variants() {
        return Ok(variants);
    }
    let variants = choose(gpu)?;
    gpu.use_variants(variants);
    Ok(variants)
}

/// Tries all that `gpu` offers.
pub(super) fn choose(gpu: &Gpu) -> Result<Variants> {
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut chosen = Variants::only(Variant::F32);
    let mut fit = vec![chosen];
    for variant in gpu.adapter().variants().skip(1) {
        if lost.contains(&(gpu.adapter().name.clone(), variant)) {
            continue;
        }
        let tried = match variant.is_half() {
            true => Variants { best: variant, ..chosen },
            false => Variants::only(variant),
        };
        if !agrees(gpu, tried)? {
            continue;
        }
        if !variant.is_half() {
            chosen = tried;
            fit.clear();
        }
        fit.push(tried);
    }
    // What a software renderer is good for is to test the variants.
    if gpu.adapter().kind == AdapterKind::Cpu {
        return Ok(fit.pop().unwrap_or(chosen));
    }
    fastest(gpu, &fit, RACE)
}

/// Whether these variants find the labels of the CPU. A device that is lost over that is an error.
pub(super) fn agrees(gpu: &Gpu, variants: Variants) -> Result<bool> {
    for [rows, dim, centroids] in SHAPES {
        let (points, book) = shape(rows, dim, centroids);
        let mut expected = vec![0; rows];
        book.nearest(&points, &mut expected);
        match labels(gpu, &points, &book, variants) {
            Ok(found) if same_up_to_rounding(&points, &book, &expected, &found) => {}
            Ok(_) => return Ok(false),
            Err(error) if gpu.fault().is_some() => {
                let failed = (gpu.adapter().name.clone(), variants.best);
                LOST.lock().unwrap_or_else(PoisonError::into_inner).push(failed);
                return Err(error);
            }
            // A kernel that the driver refuses, or memory that it has not.
            Err(Error::GpuFailed { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The fastest of `fit` on so many rows and dimensions.
pub(super) fn fastest(gpu: &Gpu, fit: &[Variants], [rows, dim]: [usize; 2]) -> Result<Variants> {
    let mut fastest = fit[0];
    if fit.len() == 1 {
        return Ok(fastest);
    }
    for centroids in RACE_CENTROIDS {
        let (points, book) = shape(rows, dim, centroids);
        let resident = Rows::load(gpu, &points, dim, &mut |_| Ok(()))?;
        let mut times = Vec::new();
        for variants in fit {
            // The first round compiles what is missing and warms up.
            let rounds = (0..3).map(|_| {
                let start = Instant::now();
                resident.nearest_by(&[&book], *variants, &mut |_| Ok(()))?;
                Ok(start.elapsed())
            });
            times
                .push((rounds.collect::<Result<Vec<_>>>()?.into_iter().min().unwrap_or_default(), *variants));
        }
        times.sort_by_key(|(took, _)| *took);
        fastest = times[0].1;
        if times.iter().any(|(took, _)| *took >= RACE_MIN) {
            break;
        }
    }
    Ok(fastest)
}

/// Labels in one dispatch.
pub(super) fn labels(gpu: &Gpu, points: &[f32], book: &Centroids, variants: Variants) -> Result<Vec<u32>> {
    let (dim, rows) = (book.dim(), points.len() / book.dim());
    let resident = ResidentBooks::upload_for(gpu, &[book], variants)?;
    let mut assign = Assign::new(gpu, dim, rows, 1)?;
    assign.run(gpu, &gpu.upload("points", points)?, rows, &resident, &mut |_| Ok(()))?;
    assign.read(gpu, &mut |_| Ok(()))
}

/// Rows and centroids from -1 to 1, always the same.
fn shape(rows: usize, dim: usize, centroids: usize) -> (Vec<f32>, Centroids) {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let points = (0..rows * dim).map(|_| next()).collect();
    (points, Centroids::new((0..centroids * dim).map(|_| next()).collect(), dim))
}

/// Whether labels differ only where two centroids are equally near up to rounding.
pub(super) fn same_up_to_rounding(points: &[f32], book: &Centroids, expected: &[u32], found: &[u32]) -> bool {
    let squared = |row: &[f32], label: u32| -> f64 {
        row.iter().zip(book.row(label as usize)).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    points.chunks_exact(book.dim()).zip(expected.iter().zip(found)).all(|(row, (expected, found))| {
        let is_label = (*found as usize) < book.len();
        expected == found
            || is_label
                && squared(row, *found) <= squared(row, *expected) * (1.0 + ROUNDING) + f64::MIN_POSITIVE
    })
}
