//! What training promises, whatever the rows.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

fn train_quietly(points: &[f32], dim: usize, options: &Options) -> Centroids {
    train(points, dim, options, &mut |_, _| Ok(())).unwrap()
}

/// The mean squared distance of the rows to their nearest centroid.
fn loss(centroids: &Centroids, points: &[f32]) -> f64 {
    let mut labels = vec![0; points.len() / centroids.dim()];
    centroids.nearest(points, &mut labels);
    let rows = points.chunks_exact(centroids.dim()).zip(&labels);
    let sum: f64 = rows.map(|(row, label)| distance(row, centroids.row(*label as usize))).sum();
    sum / labels.len() as f64
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

fn uniform(rows: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..rows * dim).map(|_| rng.random::<f32>()).collect()
}

/// Rows around `clusters` corners of a wide grid; row i belongs to cluster i % clusters.
fn clustered(rows: usize, dim: usize, clusters: usize) -> Vec<f32> {
    let corners = uniform(clusters, dim, 5);
    let noise = uniform(rows, dim, 6);
    let corner = |row: usize| &corners[row % clusters * dim..][..dim];
    let corners = (0..rows).flat_map(corner);
    corners.zip(noise).map(|(corner, noise)| 100.0 * corner.round() + 10.0 * corner + noise).collect()
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn clusters_are_found() {
    let points = clustered(3000, 12, 20);

    let centroids = train_quietly(&points, 12, &Options { iterations_max: 25, ..Options::new(20) });

    // Uniform noise of width 1 has a variance of 1/12 in each of the 12 dimensions.
    assert!(loss(&centroids, &points) < 1.1, "{}", loss(&centroids, &points));
}

#[test]
fn the_number_of_threads_does_not_change_the_centroids() {
    for (dim, len) in [(100, 37), (3, 256), (7, 1100)] {
        let points = uniform(5000, dim, 1);

        let one = on_threads(1, || train_quietly(&points, dim, &Options::new(len)));
        let three = on_threads(3, || train_quietly(&points, dim, &Options::new(len)));
        let caller = train_on(Threads::Caller, &points, dim, &Options::new(len), &mut |_, _| Ok(())).unwrap();

        assert_eq!(one.values(), three.values(), "{len} x {dim}");
        assert_eq!(one.values(), caller.values(), "{len} x {dim}");
    }
}

#[test]
fn another_seed_gives_other_centroids() {
    let points = uniform(500, 4, 1);

    let first = train_quietly(&points, 4, &Options::new(16));
    let second = train_quietly(&points, 4, &Options { seed: 7, ..Options::new(16) });

    assert_ne!(first.values(), second.values());
}

#[test]
fn loss_does_not_rise_from_one_iteration_to_the_next() {
    let points = uniform(4000, 10, 3);

    let losses: Vec<f64> = (0..12)
        .map(|iterations_max| Options { iterations_max, tolerance: 0.0, ..Options::new(50) })
        .map(|options| loss(&train_quietly(&points, 10, &options), &points))
        .collect();

    assert!(losses.windows(2).all(|pair| pair[1] <= pair[0] * 1.0001), "{losses:?}");
    assert!(losses[11] < losses[0] * 0.8, "{losses:?}");
}

#[test]
fn identical_rows_give_that_row() {
    for (rows, len) in [(1, 1), (1, 16), (1000, 16), (3000, 1500)] {
        let points = [0.5, -1.0, 3.25].repeat(rows);

        let centroids = train_quietly(&points, 3, &Options::new(len));

        assert_eq!(centroids.values(), [0.5, -1.0, 3.25].repeat(len));
        let mut labels = vec![9; rows];
        centroids.nearest(&points, &mut labels);
        assert!(labels.iter().all(|label| *label == 0), "of equal centroids the first is the nearest");
    }
}

#[test]
fn fewer_distinct_rows_than_centroids_are_all_met_exactly() {
    // 1000 rows, almost all the same: random seeds see few of the others.
    let mut points = vec![0.0; 2000];
    (0..24).for_each(|i| points[i * 40] = (i + 1) as f32);

    let centroids = train_quietly(&points, 2, &Options { iterations_max: 30, ..Options::new(64) });

    assert!(loss(&centroids, &points) < 1e-60, "{}", loss(&centroids, &points));
}

#[test]
fn rows_on_a_line_are_divided_evenly() {
    let points: Vec<f32> = (0..2000).flat_map(|i| [i as f32, 2.0 * i as f32]).collect();

    let centroids =
        train_quietly(&points, 2, &Options { iterations_max: 100, tolerance: 0.0, ..Options::new(10) });

    // Ten pieces of 200 rows: the variance is 5 * 200² / 12.
    assert!(loss(&centroids, &points) < 1.3 * 5.0 * 200.0 * 200.0 / 12.0);
}

#[test]
fn magnitude_and_distance_from_the_origin_do_not_matter() {
    let points = clustered(2000, 4, 8);
    let expected = train_quietly(&points, 4, &Options::new(8));

    // Powers of two change no digit of a value, so nothing else may change either.
    for scale in [2f32.powi(-70), 2f32.powi(-110), 2f32.powi(60), 2f32.powi(110)] {
        let scaled: Vec<f32> = points.iter().map(|value| value * scale).collect();
        let centroids = train_quietly(&scaled, 4, &Options::new(8));
        let unscaled: Vec<f32> = centroids.values().iter().map(|value| value / scale).collect();
        assert_eq!(unscaled, expected.values(), "times {scale:e}");
    }
    // At 2^18, an f32 resolves 1/32: rows are rounded, as is each product where a processor has no fused
    // multiply-add, but clusters stay apart.
    let moved: Vec<f32> = points.iter().map(|value| value + 262_144.0).collect();
    let mut labels = vec![0; 2000];
    train_quietly(&moved, 4, &Options::new(8)).nearest(&moved, &mut labels);
    let clusters: std::collections::BTreeSet<u32> = labels[..8].iter().copied().collect();
    assert_eq!(clusters.len(), 8);
    assert!(labels.chunks(8).all(|eight| eight == &labels[..8]));
}

#[test]
fn values_that_are_not_numbers_neither_panic_nor_hang() {
    let mut points = uniform(500, 3, 2);
    points[100] = f32::NAN;
    points[200] = f32::INFINITY;
    points[300] = f32::MAX;

    let centroids = train_quietly(&points, 3, &Options::new(8));

    assert_eq!(centroids.len(), 8);
}

#[test]
fn no_row_is_an_error() {
    let error = train(&[], 3, &Options::new(8), &mut |_, _| Ok(())).unwrap_err();

    assert_eq!(error.code(), "NOT_ENOUGH_ROWS");
}

#[test]
fn an_error_from_outside_stops_training_at_once() {
    let points = uniform(3000, 8, 1);
    for len in [10, 1200] {
        for allowed in [0, 1, 5, 12] {
            let mut calls = 0;
            let result = train(&points, 8, &Options::new(len), &mut |_, _| {
                calls += 1;
                if calls > allowed { Err(Error::Cancelled { what: "a test".into() }) } else { Ok(()) }
            });
            assert_eq!(result.unwrap_err().code(), "CANCELLED");
            assert_eq!(calls, allowed + 1);
        }
    }
}

#[test]
fn progress_rises_to_its_total() {
    let points = uniform(3000, 8, 1);
    for len in [10, 1200] {
        let mut steps = Vec::new();
        train(&points, 8, &Options::new(len), &mut |done, total| {
            steps.push((done, total));
            Ok(())
        })
        .unwrap();

        assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 == pair[1].1), "{steps:?}");
        assert_eq!(steps.last().map(|step| step.0), steps.last().map(|step| step.1));
    }
}

#[test]
fn two_levels_are_nearly_as_good_as_one() {
    let points = uniform(20_000, 6, 9);
    let options = Options::new(1024);

    let two_levels = train_quietly(&points, 6, &options);
    let mut report = |_, _| Ok(());
    let mut lloyd = Lloyd::new(Threads::Pool, &points, 6, &options, Meter::new(&mut report));
    let one_level = lloyd.train(1024, 10).unwrap();

    assert_eq!(two_levels.len(), 1024);
    let (two_levels, one_level) = (loss(&two_levels, &points), loss(&one_level, &points));
    assert!(two_levels < 1.03 * one_level, "{two_levels} against {one_level}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_shape_gives_finite_centroids_and_the_nearest_label(
        (dim, rows, len, seed) in (1..30usize, 1..200usize, 1..80usize, 0..100u64),
        exponent in -66..50i32,
    ) {
        let points: Vec<f32> = uniform(rows, dim, seed).iter().map(|x| (x - 0.3) * 2f32.powi(exponent)).collect();

        let centroids = train_quietly(&points, dim, &Options { iterations_max: 5, seed, ..Options::new(len) });

        prop_assert_eq!(centroids.len(), len);
        prop_assert!(centroids.values().iter().all(|value| value.is_finite()));
        let mut labels = vec![0; rows];
        centroids.nearest(&points, &mut labels);
        for (row, label) in points.chunks_exact(dim).zip(labels) {
            let distances = (0..len).map(|c| distance(row, centroids.row(c)));
            let nearest = distances.fold(f64::INFINITY, f64::min);
            let largest = row.iter().fold(0.0f64, |largest, x| largest.max(f64::from(x.abs())));
            let slack = 1e-5 * dim as f64 * largest * largest;
            prop_assert!(distance(row, centroids.row(label as usize)) <= nearest + slack);
        }
    }

    #[test]
    fn inner_products_are_those_of_the_values((dim, len, seed) in (1..40usize, 1..70usize, 0..100u64)) {
        let centroids = Centroids::new(uniform(len, dim, seed), dim);
        let point = uniform(1, dim, seed + 1);

        let mut products = vec![f32::NAN; len];
        centroids.inner_products(&point, &mut products);

        for (c, product) in products.into_iter().enumerate() {
            let expected: f32 = point.iter().zip(centroids.row(c)).map(|(a, b)| a * b).sum();
            prop_assert!((product - expected).abs() <= 1e-5 * dim as f32, "{product} for {expected}");
        }
    }
}
