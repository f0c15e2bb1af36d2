//! The kernels against the Rust functions that mean the same, on whatever adapter there is.

mod variants;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::gpu::{Accelerator, Limits, Session, test_gpu};
use crate::kmeans::meter::Meter;
use crate::kmeans::{Options, Threads, train, train_with};

/// Limits that make everything small enough to be split: 16 KiB a binding, 9 workgroups in a line.
const LOW: Limits = Limits { binding_bytes: 16 << 10, groups: 9, checked: true };

fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..len).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Small whole numbers, whose products are exact in any order: every label must be the CPU's.
fn whole(len: usize, seed: u64) -> Vec<f32> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..len).map(|_| random.random_range(-3..=3i8).into()).collect()
}

/// Rows in `clusters` heaps that lie well apart.
fn heaps(rows: usize, dim: usize, clusters: usize) -> Vec<f32> {
    let centres = random(clusters * dim, 7);
    let noise = random(rows * dim, 8);
    (0..rows * dim).map(|i| centres[i / dim % clusters * dim + i % dim] + 0.05 * noise[i]).collect()
}

fn labels_of(gpu: &Gpu, points: &[f32], centroids: &Centroids) -> Vec<u32> {
    let rows = Rows::load(gpu, points, centroids.dim(), &mut |_| Ok(())).unwrap();
    rows.nearest(&[centroids], &mut |_| Ok(())).unwrap().pop().unwrap()
}

#[test]
fn labels_are_the_cpu_s_for_every_shape() {
    for limits in [Limits::default(), Limits { checked: true, ..Limits::default() }, LOW] {
        let Some(gpu) = test_gpu(limits) else { return };
        for (rows, dim, centroids) in [
            (1, 1, 1),
            (1, 8, 300),
            (130, 3, 1),
            (127, 16, 129),
            (300, 17, 128),
            (257, 40, 500),
            (1000, 100, 33),
        ] {
            let points = whole(rows * dim, rows as u64);
            // Twice whole numbers, so that the mean is taken off without rounding in most of them; what is
            // rounded is rounded on both sides alike.
            let book = Centroids::new(whole(centroids * dim, 99), dim);
            let mut expected = vec![0; rows];
            book.nearest(&points, &mut expected);

            let labels = labels_of(&gpu, &points, &book);

            assert_same_or_near(&points, &book, &expected, &labels);
        }
    }
}

/// Labels may differ where two centroids are equally near up to rounding.
fn assert_same_or_near(points: &[f32], book: &Centroids, expected: &[u32], found: &[u32]) {
    assert!(trial::same_up_to_rounding(points, book, expected, found), "{expected:?} {found:?}");
}

#[test]
fn more_workgroups_than_a_dimension_has_label_every_row() {
    let Some(gpu) = test_gpu(Limits { groups: 3, ..Limits::default() }) else { return };
    let points = heaps(128 * 40, 4, 7);
    let book = Centroids::new(points[..7 * 4].to_vec(), 4);
    let mut expected = vec![0; 128 * 40];
    book.nearest(&points, &mut expected);

    assert_eq!(labels_of(&gpu, &points, &book), expected);
}

#[test]
fn rows_that_are_not_numbers_get_a_valid_label() {
    let Some(gpu) = test_gpu(Limits::default()) else { return };
    let book = Centroids::new(vec![1.0, 2.0, 3.0], 1);

    let labels = labels_of(&gpu, &[f32::NAN, f32::INFINITY, 2.1], &book);

    assert!(labels.iter().all(|label| *label < 3), "{labels:?}");
    assert_eq!(labels[2], 1);
}

#[test]
fn a_pass_moves_centroids_as_the_cpu_does_whatever_the_limits() {
    for limits in [Limits::default(), LOW] {
        let Some(gpu) = test_gpu(limits) else { return };
        for (rows, dim, len) in [(1, 5, 1), (2500, 20, 9), (700, 300, 5), (400, 2, 200)] {
            let points = heaps(rows, dim, len);
            let book = Centroids::new(random(len * dim, 3), dim);
            let mut labels = vec![0; rows];
            book.nearest(&points, &mut labels);
            let clusters = Clusters::new(&labels, len);
            let mut silent = |_, _| Ok(());
            let mut meter = Meter::new(&mut silent);
            let expected = Update::new(Threads::Caller, &points, &book, &clusters, 2.0, &mut meter).unwrap();

            let resident = Rows::load(&gpu, &points, dim, &mut |_| Ok(())).unwrap();
            let mut passed = resident.pass(&[&book], 2.0, &mut |_| Ok(())).unwrap();
            let (found_clusters, found) = passed.pop().unwrap();

            for label in 0..len {
                assert_eq!(found_clusters.rows(label), clusters.rows(label), "{rows} x {dim}");
                let losses = (expected.losses[label], found.losses[label]);
                assert!((losses.0 - losses.1).abs() <= 1e-4 * losses.0, "{losses:?}");
            }
            let values = expected.values.iter().zip(&found.values);
            values.for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
        }
    }
}

#[test]
fn sub_vectors_are_labelled_and_moved_side_by_side() {
    for limits in [Limits::default(), LOW] {
        let Some(gpu) = test_gpu(limits) else { return };
        let (rows, books, width, len) = (300, 5, 6, 16);
        let points = random(rows * books * width, 1);
        let all: Vec<Centroids> =
            (0..books).map(|book| Centroids::new(random(len * width, book as u64), width)).collect();

        let resident = Rows::load(&gpu, &points, books * width, &mut |_| Ok(())).unwrap();
        let passed = resident.pass(&all.iter().collect::<Vec<_>>(), 1.0, &mut |_| Ok(())).unwrap();

        for (i, (book, (clusters, _))) in all.iter().zip(&passed).enumerate() {
            let own = crate::kmeans::columns(&points, books * width, i * width, width);
            let mut labels = vec![0; rows];
            book.nearest(&own, &mut labels);
            for label in 0..len {
                let rows = clusters.rows(label);
                assert!(rows.iter().all(|row| labels[*row as usize] as usize == label), "book {i}");
            }
        }
    }
}

#[test]
fn the_same_seed_trains_the_same_centroids_twice_and_those_of_the_cpu() {
    let Some(gpu) = test_gpu(Limits::default()) else { return };
    let points = heaps(3000, 12, 20);
    let options = Options::new(20);
    let session = Session::with(gpu, Accelerator::Gpu);
    let on_gpu = || {
        train_with(Threads::Pool, Some(&session), &points, 12, &options, &mut |_, _| Ok(()))
            .unwrap()
            .into_values()
    };
    let on_cpu = train(&points, 12, &options, &mut |_, _| Ok(())).unwrap().into_values();

    let first = on_gpu();

    assert_eq!(first, on_gpu());
    first.iter().zip(&on_cpu).for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
}

#[test]
fn two_levels_of_centroids_are_trained_as_on_the_cpu() {
    let Some(gpu) = test_gpu(Limits::default()) else { return };
    let (rows, dim) = (4000, 4);
    let points = random(rows * dim, 5);
    let options = Options { iterations_max: 3, ..Options::new(1100) };
    let session = Session::with(gpu, Accelerator::Gpu);
    let loss = |centroids: &Centroids| -> f64 {
        let mut labels = vec![0; rows];
        centroids.nearest(&points, &mut labels);
        let squared = |(row, label): (&[f32], &u32)| -> f32 {
            row.iter().zip(centroids.row(*label as usize)).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        points.chunks_exact(dim).zip(&labels).map(|pair| f64::from(squared(pair))).sum()
    };

    let on_gpu =
        train_with(Threads::Pool, Some(&session), &points, dim, &options, &mut |_, _| Ok(())).unwrap();
    let on_cpu = train(&points, dim, &options, &mut |_, _| Ok(())).unwrap();

    assert!((loss(&on_gpu) / loss(&on_cpu) - 1.0).abs() < 0.02, "{} {}", loss(&on_gpu), loss(&on_cpu));
}

#[test]
fn a_gpu_that_is_lost_leaves_the_rest_to_the_cpu_if_that_was_asked_for() {
    let points = heaps(2000, 8, 10);
    let options = Options::new(10);
    for (asked, code) in [(Accelerator::Auto, None), (Accelerator::Gpu, Some("GPU_FAILED"))] {
        let Some(gpu) = test_gpu(Limits::default()) else { return };
        let session = Session::with(gpu.clone(), asked);
        let mut steps = 0;
        let trained = train_with(Threads::Pool, Some(&session), &points, 8, &options, &mut |_, _| {
            steps += 1;
            if steps == 4 {
                gpu.lose();
            }
            Ok(())
        });

        match code {
            None => {
                assert_eq!(trained.unwrap().len(), 10);
                assert!(session.failure().unwrap().starts_with("the CPU took over: the GPU"));
            }
            Some(code) => assert_eq!(trained.unwrap_err().code(), code),
        }
    }
}

#[test]
fn training_stops_at_the_first_error_of_whoever_listens() {
    let Some(gpu) = test_gpu(Limits::default()) else { return };
    let points = random(20_000 * 32, 2);
    let session = Session::with(gpu, Accelerator::Auto);
    let mut calls = 0;
    let stop = &mut |_, _| {
        calls += 1;
        if calls == 5 { Err(crate::error::Error::Cancelled { what: "a test".to_owned() }) } else { Ok(()) }
    };

    let stopped = train_with(Threads::Pool, Some(&session), &points, 32, &Options::new(200), stop);

    assert_eq!(stopped.unwrap_err().code(), "CANCELLED");
    assert_eq!(calls, 5);
    assert!(session.failure().is_none());
}
