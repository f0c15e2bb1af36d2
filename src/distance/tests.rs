//! Every kernel set this CPU can run is held to the meaning of each distance, computed in double precision.

use half::f16;
use proptest::prelude::*;

use super::kernels::{Kernels, supported};
use super::{Metric, Query, Vectors, kernels_name, scalar};

/// Every kernel set, and once more with the kernels of aligned rows for all rows, as test data seldom is.
fn every_set() -> impl Iterator<Item = Kernels> {
    supported().flat_map(|kernels| [kernels, Kernels { f32_unaligned: kernels.f32, ..kernels }])
}

/// `QUIVERDB_KERNELS=avx512 cargo test` fails on a CPU without them, instead of testing less.
#[test]
fn the_kernels_that_were_asked_for_are_in_use() {
    if let Ok(asked) = std::env::var("QUIVERDB_KERNELS") {
        assert_eq!(kernels_name(), asked);
    }
}

/// The distance by its definition, and the sum of the sizes of its terms, to which rounding is relative.
fn definition(metric: Metric, query: &[f64], row: &[f64]) -> (f64, f64) {
    let terms = |term: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        query.iter().zip(row).map(|(&q, &r)| term(q, r)).collect()
    };
    let product = terms(&|q, r| q * r);
    let size: f64 = product.iter().map(|p| p.abs()).sum();
    let product: f64 = product.iter().sum();
    let norms = (query.iter().map(|q| q * q).sum::<f64>() * row.iter().map(|r| r * r).sum::<f64>()).sqrt();
    match metric {
        Metric::L2 => {
            let squares: f64 = terms(&|q, r| (q - r) * (q - r)).iter().sum();
            (squares, squares)
        }
        Metric::Dot => (1.0 - product, 1.0 + size),
        Metric::Cosine if norms == 0.0 => (f64::NAN, 1.0),
        Metric::Cosine => (1.0 - product / norms, 1.0),
        Metric::Hamming => (terms(&|q, r| f64::from((q as u8 ^ r as u8).count_ones())).iter().sum(), 1.0),
    }
}

fn distances(kernels: &Kernels, metric: Metric, query: &[f64], rows: Vectors<'_>) -> Vec<f32> {
    let mut out = vec![-1.0; rows.len_values().checked_div(query.len()).unwrap_or(0)];
    Query::new(metric, query).distances_with(kernels, rows, &mut out);
    out
}

/// Holds every kernel set to the definition, for rows of one type.
fn check(metric: Metric, query: &[f64], rows: Vectors<'_>) {
    let mut values = vec![0.0; rows.len_values()];
    rows.to_f64(&mut values);
    for kernels in every_set() {
        let found = distances(&kernels, metric, query, rows);
        for (i, (row, found)) in values.chunks_exact(query.len()).zip(found).enumerate() {
            let (expected, size) = definition(metric, query, row);
            let agrees = (expected.is_nan() && found.is_nan())
                || (f64::from(found) - expected).abs() <= 2e-6 * size + 1e-30;
            assert!(agrees, "{} {metric} row {i}: {found}, expected {expected}", kernels.name);
        }
    }
}

/// A query and up to eleven rows, of 1 to 200 dimensions.
fn query_and_rows<S>(value: S) -> impl Strategy<Value = (Vec<S::Value>, Vec<S::Value>)>
where
    S: Strategy + Clone + 'static,
    S::Value: Clone + std::fmt::Debug,
{
    (1usize..=200, 0usize..12).prop_flat_map(move |(dim, rows)| {
        (prop::collection::vec(value.clone(), dim), prop::collection::vec(value.clone(), dim * rows))
    })
}

/// Floats of everyday size, and now and then a zero.
fn float() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![9 => -10.0..10.0f64, 1 => Just(0.0)]
}

const FLOAT_METRICS: [Metric; 3] = [Metric::L2, Metric::Cosine, Metric::Dot];

proptest! {
    #[test]
    fn floats_of_every_width_have_the_distance_of_the_definition((query, rows) in query_and_rows(float())) {
        // The query is rounded first, so that only the arithmetic is compared.
        let query: Vec<f64> = query.iter().map(|&q| f64::from(q as f32)).collect();
        let singles: Vec<f32> = rows.iter().map(|&r| r as f32).collect();
        let halves: Vec<f16> = rows.iter().map(|&r| f16::from_f64(r)).collect();
        for metric in FLOAT_METRICS {
            check(metric, &query, Vectors::F16(&halves));
            check(metric, &query, Vectors::F32(&singles));
            check(metric, &query, Vectors::F64(&rows));
        }
    }

    #[test]
    fn unsigned_bytes_have_the_distance_of_the_definition((query, rows) in query_and_rows(any::<u8>())) {
        let query: Vec<f64> = query.into_iter().map(f64::from).collect();
        for metric in Metric::ALL {
            check(metric, &query, Vectors::U8(&rows));
        }
    }

    #[test]
    fn signed_bytes_have_the_distance_of_the_definition((query, rows) in query_and_rows(any::<i8>())) {
        let query: Vec<f64> = query.into_iter().map(f64::from).collect();
        for metric in FLOAT_METRICS {
            check(metric, &query, Vectors::I8(&rows));
        }
    }

    #[test]
    fn the_inner_product_of_two_slices_is_that_of_the_definition((a, rows) in query_and_rows(float())) {
        let a: Vec<f32> = a.into_iter().map(|v| v as f32).collect();
        for b in rows.chunks_exact(a.len()) {
            let b: Vec<f32> = b.iter().map(|&v| v as f32).collect();
            let terms = || a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y));
            let size: f64 = terms().map(f64::abs).sum();
            for kernels in every_set() {
                let found = f64::from((kernels.dot)(&a, &b));
                prop_assert!((found - terms().sum::<f64>()).abs() <= 2e-6 * size, "{}", kernels.name);
            }
        }
    }
}

/// Runs a case on every kernel set and expects the same answer from each, NaN equal to NaN.
fn expect(metric: Metric, query: &[f64], rows: Vectors<'_>, expected: &[f32]) {
    for kernels in every_set() {
        let found = distances(&kernels, metric, query, rows);
        let same = found.len() == expected.len()
            && found.iter().zip(expected).all(|(f, e)| f == e || (f.is_nan() && e.is_nan()));
        assert!(same, "{} {metric}: {found:?}, expected {expected:?}", kernels.name);
    }
}

#[test]
fn a_row_holding_nan_is_at_no_distance() {
    for dim in [1, 3, 16, 67] {
        for position in 0..dim {
            let mut rows = vec![0.5f32; 2 * dim];
            rows[dim + position] = f32::NAN;
            let query = vec![0.5; dim];
            for kernels in every_set() {
                for metric in FLOAT_METRICS {
                    let found = distances(&kernels, metric, &query, Vectors::F32(&rows));
                    assert!(!found[0].is_nan() && found[1].is_nan(), "{} {metric}", kernels.name);
                }
            }
        }
    }
}

#[test]
fn a_query_holding_nan_is_at_no_distance_from_anything() {
    for metric in FLOAT_METRICS {
        expect(metric, &[f64::NAN, 1.0], Vectors::F32(&[1.0, 2.0]), &[f32::NAN]);
    }
}

#[test]
fn zero_vectors_have_no_cosine() {
    let rows = [0.0f32, 0.0, 1.0, 0.0];
    expect(Metric::Cosine, &[1.0, 0.0], Vectors::F32(&rows), &[f32::NAN, 0.0]);
    expect(Metric::Cosine, &[0.0, 0.0], Vectors::F32(&rows), &[f32::NAN, f32::NAN]);
    expect(Metric::Cosine, &[1.0, 0.0], Vectors::U8(&[0, 0, 0, 9]), &[f32::NAN, 1.0]);
}

#[test]
fn very_short_and_very_long_rows_keep_their_cosine() {
    let rows = [1e-30f32, 0.0, 1e30, 0.0, 0.0, 3e38, -1e-42, 0.0];
    expect(Metric::Cosine, &[1e200, 0.0], Vectors::F32(&rows), &[0.0, 0.0, 1.0, 2.0]);
    expect(Metric::Cosine, &[1e-200, 0.0], Vectors::F64(&[1e-250, 0.0, 0.0, 1e300]), &[0.0, 1.0]);
}

#[test]
fn infinite_rows_are_infinitely_far_or_have_no_direction() {
    let rows = [f32::INFINITY, 1.0];
    expect(Metric::L2, &[1.0, 1.0], Vectors::F32(&rows), &[f32::INFINITY]);
    expect(Metric::Cosine, &[1.0, 1.0], Vectors::F32(&rows), &[f32::NAN]);
    expect(Metric::Dot, &[1.0, 1.0], Vectors::F32(&rows), &[f32::NEG_INFINITY]);
    expect(Metric::Dot, &[0.0, 1.0], Vectors::F32(&rows), &[f32::NAN]);
}

#[test]
fn no_rows_have_no_distances() {
    for metric in Metric::ALL {
        expect(metric, &[1.0, 2.0], Vectors::U8(&[]), &[]);
        expect(metric, &[], Vectors::U8(&[]), &[]);
    }
}

#[test]
fn only_unsigned_bytes_have_hamming_distances() {
    expect(Metric::Hamming, &[255.0, 1.0], Vectors::U8(&[0, 0, 255, 3]), &[9.0, 1.0]);
    expect(Metric::Hamming, &[255.0, 1.5], Vectors::U8(&[0, 0]), &[f32::NAN]);
    expect(Metric::Hamming, &[255.0, 1.0], Vectors::F32(&[0.0, 0.0]), &[f32::NAN]);
}

#[test]
fn doubles_are_compared_in_double_precision() {
    let row = [1.0 + 1e-12, 2.0];
    expect(Metric::L2, &[1.0, 2.0], Vectors::F64(&row), &[(1.000088900582341e-12f64).powi(2) as f32]);
}

#[test]
#[should_panic(expected = "rows x dimensions")]
fn rows_that_do_not_fit_the_query_are_a_fault() {
    Query::new(Metric::L2, &[1.0, 2.0]).distances(Vectors::F32(&[1.0; 5]), &mut [0.0; 2]);
}

#[test]
fn a_vector_of_length_one_points_the_same_way() {
    let unit = scalar::unit(&[3e300, -4e300]).unwrap();

    assert!((unit[0] - 0.6).abs() < 1e-15 && (unit[1] + 0.8).abs() < 1e-15);
    for no_direction in [&[0.0, 0.0][..], &[f64::INFINITY, 1.0], &[f64::NAN, 1.0], &[]] {
        assert_eq!(scalar::unit(no_direction), None);
    }
}
