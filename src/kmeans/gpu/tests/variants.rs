//! Each variant of the kernels, by name.

use std::borrow::Cow;

use regex::Regex;

use super::*;
use crate::gpu::{Adapter, Source, Variant, Variants, untried_gpu};
use crate::kmeans::gpu::trial;

/// Shapes that fill tiles and that do not, with one row and one centroid among them; of half precision only those
/// from 32 dimensions and 64 centroids on.
const SHAPES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [1, 32, 64],
    [130, 3, 1],
    [127, 16, 129],
    [300, 17, 128],
    [129, 33, 65],
    [257, 40, 500],
    [200, 100, 333],
    [128, 64, 128],
];

/// The tests of half precision want centroids in one piece, or in pieces of 16 KiB.
const PIECES: [Limits; 2] = [Limits { binding_bytes: u64::MAX, groups: u32::MAX, checked: true }, LOW];

fn labels_by(gpu: &Gpu, points: &[f32], book: &Centroids, variant: Variant) -> Vec<u32> {
    let rows = Rows::load(gpu, points, book.dim(), &mut |_| Ok(())).unwrap();
    rows.nearest_by(&[book], Variants::only(variant), &mut |_| Ok(())).unwrap().pop().unwrap()
}

/// Compares a variant with the CPU, and with the plainest kernels, of which every label must be the same.
fn check(variant: Variant) {
    for limits in PIECES {
        let Some(gpu) = untried_gpu(limits) else { return };
        if !gpu.adapter().offers(variant) {
            eprintln!("not run: {} does not offer {variant}", gpu.adapter().name);
            return;
        }
        for [rows, dim, centroids] in SHAPES {
            let points = random(rows * dim, rows as u64);
            let book = Centroids::new(random(centroids * dim, 99), dim);
            let mut expected = vec![0; rows];
            book.nearest(&points, &mut expected);

            let labels = labels_by(&gpu, &points, &book, variant);

            assert_same_or_near(&points, &book, &expected, &labels);
            let plain = labels_by(&gpu, &points, &book, Variant::F32);
            assert!(labels == plain, "{variant}: {rows} x {dim} to {centroids}");
        }
    }
}

#[test]
fn the_variant_f32_finds_the_labels_of_the_cpu() {
    check(Variant::F32);
}

#[test]
fn the_variant_subgroups_finds_the_labels_of_the_cpu() {
    check(Variant::Subgroups);
}

#[test]
fn the_variant_f16_finds_the_labels_of_single_precision() {
    check(Variant::F16);
}

#[test]
fn the_variant_matrix_finds_the_labels_of_single_precision() {
    check(Variant::Matrix);
}

/// Pairs of centroids that lie closer together than half precision can tell, rows between them.
#[test]
fn labels_that_half_precision_cannot_tell_are_those_of_single_precision() {
    let Some(gpu) = untried_gpu(Limits::default()).filter(|gpu| gpu.adapter().offers(Variant::F16)) else {
        return;
    };
    let (rows, dim) = (500, 48);
    let mut values = random(64 * dim, 3);
    let twins: Vec<f32> = values.iter().map(|value| value * (1.0 + 1e-4)).collect();
    values.extend(twins);
    let book = Centroids::new(values, dim);
    for scale in [1.0, 1e-30, 1e30] {
        let points: Vec<f32> = random(rows * dim, 4).iter().map(|value| value * scale).collect();

        assert_eq!(
            labels_by(&gpu, &points, &book, Variant::F16),
            labels_by(&gpu, &points, &book, Variant::F32),
            "{scale}"
        );
    }
}

#[test]
fn rows_far_from_the_origin_and_rows_that_are_not_numbers_keep_their_labels_in_half_precision() {
    let Some(gpu) = untried_gpu(Limits::default()).filter(|gpu| gpu.adapter().offers(Variant::F16)) else {
        return;
    };
    let dim = 32;
    let far: Vec<f32> = random(100 * dim, 5).iter().map(|value| 1000.0 + value).collect();
    let book = Centroids::new(far.clone(), dim);
    let mut points = far;
    points[3] = f32::NAN;
    points[40] = f32::INFINITY;

    let labels = labels_by(&gpu, &points, &book, Variant::F16);

    assert!(labels[2..].iter().copied().eq(2..100), "{labels:?}");
    assert!(labels.iter().all(|label| *label < 100));
}

#[test]
fn a_gpu_chooses_a_variant_that_finds_the_labels_of_the_cpu_and_says_which() {
    let Some(gpu) = untried_gpu(Limits::default()) else { return };
    assert_eq!(gpu.variants(), None);

    let chosen = trial::variants(&gpu).unwrap();

    assert!(gpu.adapter().offers(chosen.best) && trial::agrees(&gpu, chosen).unwrap());
    assert_eq!(gpu.variants(), Some(chosen));
    assert_eq!(Session::with(gpu, Accelerator::Gpu).variant(), Some(chosen.best));
}

#[test]
fn the_fastest_variant_is_one_of_those_that_race() {
    let Some(gpu) = untried_gpu(Limits::default()) else { return };
    let fit: Vec<_> = gpu.adapter().variants().map(Variants::only).collect();

    assert!(fit.contains(&trial::fastest(&gpu, &fit, [64, 32]).unwrap()));
}

#[test]
fn work_is_cut_into_submissions_of_the_budget_or_of_the_smallest_tile_that_keeps_a_gpu_busy() {
    let (rows, dim, centroids) = (3000, 64, 300);
    let points = random(rows * dim, 1);
    let book = Centroids::new(random(centroids * dim, 2), dim);
    for variant in [Variant::F32, Variant::F16] {
        let Some(gpu) = untried_gpu(Limits::default()).filter(|gpu| gpu.adapter().offers(variant)) else {
            return;
        };
        let resident = Rows::load(&gpu, &points, dim, &mut |_| Ok(())).unwrap();
        for (budget, largest, submissions) in [(1.0, 1024 * 128, 9), (1e12, 3000 * 300, 1)] {
            gpu.fix_budget(budget);
            let mut reported = Vec::new();
            let mut report = |pairs| {
                reported.extend((pairs > 0).then_some(pairs));
                Ok(())
            };

            resident.nearest_by(&[&book], Variants::only(variant), &mut report).unwrap();

            assert_eq!(reported.iter().sum::<u64>(), (rows * centroids) as u64);
            assert_eq!((reported.iter().max(), reported.len()), (Some(&largest), submissions), "{variant}");
        }
    }
}

#[test]
fn labels_that_are_wrong_are_noticed() {
    let points = random(50 * 8, 1);
    let book = Centroids::new(random(20 * 8, 2), 8);
    let mut expected = vec![0; 50];
    book.nearest(&points, &mut expected);
    let mut wrong = expected.clone();
    wrong[49] = (wrong[49] + 1) % 20;

    assert!(trial::same_up_to_rounding(&points, &book, &expected, &expected));
    assert!(!trial::same_up_to_rounding(&points, &book, &expected, &wrong));
    assert!(!trial::same_up_to_rounding(&points, &book, &expected, &[20; 50]));
}

/// Adapters without matrix units run the kernel for those all the same, with functions in WGSL in the place of the
/// built-in ones. That leaves to the real ones how they load, multiply and store a matrix.
#[test]
fn the_variant_matrix_finds_the_labels_of_single_precision_with_matrix_units_in_software() {
    let Some(gpu) = untried_gpu(Limits::default()).filter(|gpu| gpu.adapter().offers(Variant::F16)) else {
        return;
    };
    for size in [16, 8] {
        let in_software = Adapter { matrix_size: Some(size), ..gpu.adapter().clone() };
        let gpu = gpu.with_kernels(in_software, software_matrices);
        for [rows, dim, centroids] in SHAPES {
            let points = random(rows * dim, rows as u64);
            let book = Centroids::new(random(centroids * dim, 99), dim);

            let labels = labels_by(&gpu, &points, &book, Variant::Matrix);

            let plain = labels_by(&gpu, &points, &book, Variant::F32);
            assert!(labels == plain, "{size}: {rows} x {dim} to {centroids}");
        }
    }
}

/// The kernel with matrices that are functions: a matrix to multiply is where it lies, a sum is what an invocation
/// would hold of it, in the order in which it reads that back.
fn software_matrices<'a>(source: &Source, wgsl: &'a str) -> Cow<'a, str> {
    if !source.name.contains("matrices") {
        return Cow::Borrowed(wgsl);
    }
    let replaced = [
        (r"enable wgpu_cooperative_matrix;", ""),
        (r"alias RowMatrix = .*;", "alias RowMatrix = u32;"),
        (r"alias ColumnMatrix = .*;", "alias ColumnMatrix = u32;"),
        (r"alias Sums = .*;", "struct Sums { values: array<f32, SIZE * SIZE / 32u> }"),
        (r"coopLoadT<RowMatrix>\(&row_tile\[(.*)\], PITCH / GRAIN\)", "$1"),
        (r"coopLoad<ColumnMatrix>\(&column_tile\[(.*)\], PITCH / GRAIN\)", "$1"),
        (r"coopMultiplyAdd\(", "multiply("),
        (r"coopStore\((..), &results\[(.*)\], SIZE\)", "store($1, $2)"),
        (r"@builtin\(subgroup_id\) subgroup: u32,", ""),
        (r"@builtin\(subgroup_invocation_id\) lane: u32,", ""),
        (
            r"let tile_row = \(id.x",
            "let subgroup = local / 32u; let lane = local % 32u; own_lane = lane; let tile_row = (id.x",
        ),
    ];
    let replaced = replaced.into_iter().fold(wgsl.to_owned(), |text, (from, to)| {
        let from = Regex::new(from).unwrap();
        assert!(from.is_match(&text), "the kernel has no {from}");
        from.replace_all(&text, to).into_owned()
    });
    let value = if source.name.ends_with("16") { "[at / 4u][at % 4u]" } else { "[at]" };
    let functions = "
        var<private> own_lane: u32;
        fn multiply(row: u32, column: u32, sums: Sums) -> Sums {
            var result = sums;
            for (var i = 0u; i < SIZE * SIZE / 32u; i++) {
                let place = i * 32u + own_lane;
                for (var k = 0u; k < SIZE; k++) {
                    let left = row_value(row * GRAIN + place % SIZE * PITCH + k);
                    result.values[i] += left * column_value(column * GRAIN + place / SIZE * PITCH + k);
                }
            }
            return result;
        }
        fn store(sums: Sums, at: u32) {
            for (var i = 0u; i < SIZE * SIZE / 32u; i++) { results[at + i * 32u + own_lane] = sums.values[i]; }
        }";
    let reads = ["row", "column"]
        .map(|name| format!("fn {name}_value(at: u32) -> f32 {{ return f32({name}_tile{value}); }}\n"));
    Cow::Owned(format!("{replaced}{functions}\n{}", reads.concat()))
}
