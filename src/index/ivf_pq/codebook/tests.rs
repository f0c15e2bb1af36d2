//! What a codebook promises, whatever it was trained on.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::error::Error;

fn uniform(rows: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..rows * dim).map(|_| rng.random::<f32>() - 0.5).collect()
}

fn train(residuals: &[f32], dim: usize, sub_vectors: usize, bits: u8) -> Codebook {
    Codebook::train(residuals, dim, sub_vectors, bits, 8, 1, &|_, _| Ok(())).unwrap()
}

fn decode(codebook: &Codebook, code: &[u8]) -> Vec<f32> {
    let mut vector = vec![f32::NAN; codebook.dim()];
    codebook.decode(code, &mut vector);
    vector
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// Widths, numbers of sub-vectors, bits, rows.
fn shapes() -> impl Strategy<Value = (usize, usize, u8, usize)> {
    (1..20usize, 1..8usize, 1..=8u8, 1..300usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn encoding_picks_the_nearest_codeword((width, sub_vectors, bits, rows) in shapes()) {
        let dim = width * sub_vectors;
        let residuals = uniform(rows, dim, 3);
        let codebook = train(&residuals, dim, sub_vectors, bits);

        let mut codes = vec![0; rows * sub_vectors];
        codebook.encode(&residuals, &mut codes);

        for (sub_vector, code) in codes.iter().enumerate() {
            let point = &residuals[sub_vector * width..][..width];
            let book = &codebook.values()[((sub_vector % sub_vectors) * width) << bits..][..width << bits];
            let nearest = book.chunks(width).map(|word| distance(point, word)).fold(f64::INFINITY, f64::min);
            let chosen = distance(point, &book[usize::from(*code) * width..][..width]);
            prop_assert!(chosen <= nearest + 1e-5 * width as f64, "{chosen} > {nearest}");
        }
    }

    #[test]
    fn decoding_undoes_encoding_of_codewords((width, sub_vectors, bits, rows) in shapes()) {
        let dim = width * sub_vectors;
        let codebook = train(&uniform(rows, dim, 4), dim, sub_vectors, bits);
        let words = 1usize << bits;
        let codes: Vec<u8> = (0..words * sub_vectors).map(|i| (i * 7 % words) as u8).collect();
        let vectors: Vec<f32> = codes.chunks(sub_vectors).flat_map(|code| decode(&codebook, code)).collect();

        let mut again = vec![0; codes.len()];
        codebook.encode(&vectors, &mut again);

        // Equal codewords may swap their numbers, and so may those that differ by less than the root of
        // what single precision can tell of a squared distance.
        let decoded: Vec<f32> = again.chunks(sub_vectors).flat_map(|code| decode(&codebook, code)).collect();
        let largest = decoded.iter().zip(&vectors).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        prop_assert!(largest < 1e-3, "a value moved by {largest}");
    }

    #[test]
    fn inner_products_of_a_code_add_up_to_that_of_its_vector((width, sub_vectors, bits, rows) in shapes()) {
        let dim = width * sub_vectors;
        let residuals = uniform(rows, dim, 5);
        let codebook = train(&residuals, dim, sub_vectors, bits);
        let query = uniform(1, dim, 6);
        let mut code = vec![0; sub_vectors];
        codebook.encode(&residuals[..dim], &mut code);

        let mut table = vec![f32::NAN; sub_vectors << bits];
        codebook.inner_products(&query, &mut table);

        let sum: f32 = table.chunks(1 << bits).zip(&code).map(|(row, code)| row[usize::from(*code)]).sum();
        let vector = decode(&codebook, &code);
        let expected: f32 = query.iter().zip(&vector).map(|(a, b)| a * b).sum();
        prop_assert!((sum - expected).abs() < 1e-4, "{sum} for {expected}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_codewords_or_codes() {
    let residuals = uniform(3000, 35, 1);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let codebook = train(&residuals, 35, 5, 8);
            let mut codes = vec![0; 3000 * 5];
            codebook.encode(&residuals, &mut codes);
            (codebook.values().to_vec(), codes)
        })
    };

    let alone = run(1);

    // Three threads train three sub-vectors side by side and two together; eight train all together.
    assert_eq!(alone, run(3));
    assert_eq!(alone, run(8));
}

#[test]
fn a_codebook_read_back_encodes_alike() {
    let residuals = uniform(2000, 24, 1);
    let codebook = train(&residuals, 24, 6, 4);
    let read = Codebook::from_parts(codebook.values().to_vec(), 24, 6, 4);

    let (mut codes, mut codes_read) = (vec![0; 12_000], vec![0; 12_000]);
    codebook.encode(&residuals, &mut codes);
    read.encode(&residuals, &mut codes_read);

    assert_eq!(codes, codes_read);
    assert!(codes.iter().all(|code| *code < 16));
    assert_eq!((read.dim(), read.sub_vectors(), read.bits()), (24, 6, 4));
}

#[test]
fn more_bits_are_closer() {
    let residuals = uniform(4000, 16, 2);
    let error = |bits: u8| {
        let codebook = train(&residuals, 16, 4, bits);
        let mut codes = vec![0; 4000 * 4];
        codebook.encode(&residuals, &mut codes);
        let rows = residuals.chunks(16).zip(codes.chunks(4));
        rows.map(|(row, code)| distance(row, &decode(&codebook, code))).sum::<f64>() / 4000.0
    };

    let (none, four, eight) = (16.0 / 12.0, error(4), error(8));

    assert!(eight < 0.4 * four && four < 0.6 * none, "{none} > {four} > {eight}");
}

#[test]
fn one_row_is_met_exactly() {
    let row = [1e-20, 0.0, 1e15, -3.0, 0.1, 7.0];

    let codebook = train(&row, 6, 3, 8);

    let mut code = [9; 3];
    codebook.encode(&row, &mut code);
    assert_eq!(code, [0; 3]);
    assert_eq!(decode(&codebook, &code), row);
}

#[test]
fn an_error_from_outside_stops_training() {
    let stop = |_, _| Err(Error::Cancelled { what: "a test".into() });

    let result = Codebook::train(&uniform(500, 12, 1), 12, 3, 8, 8, 1, &stop);

    assert_eq!(result.unwrap_err().code(), "CANCELLED");
}

#[test]
fn progress_ends_at_its_total() {
    let last = std::sync::Mutex::new((0, 0));
    let note = |done, total| {
        let mut last = last.lock().unwrap();
        *last = (last.0.max(done), total);
        Ok(())
    };

    Codebook::train(&uniform(500, 12, 1), 12, 6, 4, 8, 1, &note).unwrap();

    let (done, total) = *last.lock().unwrap();
    assert!(done == total && total > 0);
}
