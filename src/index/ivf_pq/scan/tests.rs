//! Blocks keep what was packed into them, and every kernel set estimates the same to the last bit.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::kernels::{Kernels, supported};
use super::{BLOCK_ROWS, BlockLayout, ScanTable, scalar};

/// Up to 64 rows of a partition, as they are before packing.
#[derive(Debug, Clone)]
struct Rows {
    layout: BlockLayout,
    codes: Vec<u8>,
    adds: Vec<f32>,
    scales: Vec<f32>,
}

impl Rows {
    /// The block, and the lower halves of its rows.
    fn pack(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut block, mut lower) = (vec![0xAA; self.layout.bytes()], Vec::new());
        self.layout.pack(&self.codes, &self.adds, &self.scales, &mut block, &mut lower);
        (block, lower)
    }
}

fn layout() -> impl Strategy<Value = BlockLayout> {
    let sub_vectors = prop_oneof![6 => 1usize..=100, 1 => 250usize..=262, 1 => 500usize..=520];
    (sub_vectors, prop_oneof![Just(4u8), Just(8u8)])
        .prop_map(|(sub_vectors, bits)| BlockLayout { sub_vectors, bits })
}

fn rows() -> impl Strategy<Value = Rows> {
    (layout(), 0..=BLOCK_ROWS).prop_flat_map(|(layout, rows)| {
        let code = 0..=u8::MAX >> (8 - layout.bits);
        (
            prop::collection::vec(code, rows * layout.sub_vectors),
            prop::collection::vec(-100.0..100.0f32, rows),
            prop::collection::vec((0i8..=64).prop_map(|scale| f32::from(scale) / 32.0), rows),
        )
            .prop_map(move |(codes, adds, scales)| Rows { layout, codes, adds, scales })
    })
}

fn rows_and_values() -> impl Strategy<Value = (Rows, Vec<f32>)> {
    rows().prop_flat_map(|rows| {
        let values = rows.layout.sub_vectors * rows.layout.codewords();
        (Just(rows), prop::collection::vec(-5.0..5.0f32, values))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn unpacking_undoes_packing(rows in rows()) {
        let (block, lower) = rows.pack();
        for (row, codes) in rows.codes.chunks_exact(rows.layout.sub_vectors).enumerate() {
            let expected = (codes.to_vec(), rows.adds[row], rows.scales[row]);
            prop_assert_eq!(rows.layout.unpack(&block, &lower, row), expected);
        }
        let lower = vec![0; BLOCK_ROWS * rows.layout.lower_bytes()];
        for row in rows.adds.len()..BLOCK_ROWS {
            let unused = (vec![0; rows.layout.sub_vectors], f32::INFINITY, 0.0);
            prop_assert_eq!(rows.layout.unpack(&block, &lower, row), unused);
        }
    }

    #[test]
    fn every_kernel_estimates_the_same_bits(
        (rows, values) in rows_and_values(),
        base in -10.0..10.0f32,
        factor in prop_oneof![Just(-2.0f32), Just(-1.0)],
        threshold in prop_oneof![4 => -50.0..50.0f32, 1 => Just(f32::INFINITY)],
        wanted in prop_oneof![Just(u64::MAX), any::<u64>()],
    ) {
        let ((block, lower), table) = (rows.pack(), ScanTable::new(rows.layout, &values));
        let learnt = |kernels: &Kernels| {
            let mut table = table.clone();
            table.scan_with(kernels, &block, &lower, u64::MAX, 0.0, factor, f32::INFINITY, &mut [0.0; BLOCK_ROWS]);
            table
        };
        let mut expected = [0.0; BLOCK_ROWS];
        let below = learnt(&scalar::KERNELS).scan_with(&scalar::KERNELS, &block, &lower, wanted, base, factor, threshold, &mut expected);
        for kernels in supported() {
            let mut found = [0.0; BLOCK_ROWS];
            let found_below = learnt(&kernels).scan_with(&kernels, &block, &lower, wanted, base, factor, threshold, &mut found);
            prop_assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits), "{}", kernels.name);
            prop_assert_eq!(found_below, below, "{}", kernels.name);
        }
    }

    #[test]
    fn estimates_differ_from_the_formula_by_no_more_than_the_quantisation((rows, values) in rows_and_values()) {
        let ((block, lower), mut table) = (rows.pack(), ScanTable::new(rows.layout, &values));
        let mut estimates = [0.0; BLOCK_ROWS];
        let all = table.scan(&block, &lower, 3.0, -2.0, f32::INFINITY, &mut estimates);
        let below = table.scan(&block, &lower, 3.0, -2.0, 10.0, &mut [0.0; BLOCK_ROWS]);
        prop_assert_eq!(all.count_ones() as usize, rows.adds.len());

        let codewords = rows.layout.codewords();
        for (row, codes) in rows.codes.chunks_exact(rows.layout.sub_vectors).enumerate() {
            let entries = codes.iter().enumerate().map(|(m, &code)| f64::from(values[m * codewords + usize::from(code)]));
            let scale = f64::from(rows.scales[row]);
            let exact = 3.0 + f64::from(rows.adds[row]) - 2.0 * scale * entries.sum::<f64>();
            let allowed = 2.0 * scale.abs() * f64::from(table.error_max()) * 1.001 + 0.01;
            prop_assert!((f64::from(estimates[row]) - exact).abs() <= allowed);
            let passes = below >> row & 1 == 1;
            // Of rows just below, codes of 8 bits may lose a few: `rows_below_the_threshold_pass`.
            prop_assert!(!passes || estimates[row] < 10.0);
            prop_assert!(passes || estimates[row] >= 10.0 || rows.layout.bits == 8);
        }
    }
}

#[test]
fn rows_below_the_threshold_pass() {
    // Tables whose groups say little, which is the worst that can be asked of upper halves.
    let layout = BlockLayout { sub_vectors: 40, bits: 8 };
    let mut rng = StdRng::seed_from_u64(1);
    let values: Vec<f32> = (0..layout.sub_vectors * 256).map(|_| rng.random::<f32>()).collect();
    let mut table = ScanTable::new(layout, &values);
    let (mut below, mut passed) = (0, 0);
    for _ in 0..200 {
        let codes = (0..BLOCK_ROWS * layout.sub_vectors).map(|_| rng.random()).collect();
        let rows = Rows { layout, codes, adds: vec![0.0; BLOCK_ROWS], scales: vec![1.0; BLOCK_ROWS] };
        let (block, lower) = rows.pack();
        let mut estimates = [0.0; BLOCK_ROWS];
        table.scan(&block, &lower, 0.0, -2.0, f32::INFINITY, &mut estimates);
        let threshold = -40.0;
        below += estimates.iter().filter(|&&estimate| estimate < threshold).count();
        passed += table.scan(&block, &lower, 0.0, -2.0, threshold, &mut estimates).count_ones() as usize;
    }

    assert!(below > 5000, "{below} rows are below");
    assert!(passed * 100 > below * 97, "{passed} of {below} rows passed");
}

#[test]
fn sums_of_the_largest_entries_do_not_overflow() {
    for pairs in [127, 128, 129, 513] {
        let (tables, codes) = (vec![255; pairs * 32], vec![0xFF; pairs * BLOCK_ROWS]);
        for kernels in supported() {
            let mut sums = [1; BLOCK_ROWS];
            (kernels.sum)(&tables, &codes, &mut sums);
            assert_eq!(sums, [255 * 2 * pairs as u32; BLOCK_ROWS], "{} {pairs}", kernels.name);
        }
    }
}

#[test]
fn unused_rows_never_pass() {
    for bits in [4, 8] {
        let layout = BlockLayout { sub_vectors: 3, bits };
        let rows = Rows { layout, codes: vec![1; 3 * 5], adds: vec![0.0; 5], scales: vec![1.0; 5] };
        let mut table = ScanTable::new(layout, &vec![1.0; 3 * layout.codewords()]);

        let (block, lower) = rows.pack();
        let below = table.scan(&block, &lower, 0.0, -2.0, f32::INFINITY, &mut [0.0; BLOCK_ROWS]);

        assert_eq!(below, 0b1_1111);
    }
}

#[test]
fn rows_with_nan_and_tables_with_nan_never_pass() {
    let layout = BlockLayout { sub_vectors: 2, bits: 8 };
    let rows = Rows { layout, codes: vec![7; 4], adds: vec![f32::NAN, 1.0], scales: vec![1.0; 2] };
    let scan = |values: &[f32]| {
        let mut table = ScanTable::new(layout, values);
        let (block, lower) = rows.pack();
        table.scan(&block, &lower, 0.0, -1.0, f32::INFINITY, &mut [0.0; BLOCK_ROWS])
    };

    let mut values = vec![0.5; 512];
    assert_eq!(scan(&values), 0b10);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        values[300] = bad;
        assert_eq!(scan(&values), 0);
    }
}

#[test]
fn blocks_stay_aligned() {
    for sub_vectors in 1..200 {
        for bits in [4, 8] {
            assert_eq!(BlockLayout { sub_vectors, bits }.bytes() % 64, 0);
        }
    }
    let layout = BlockLayout { sub_vectors: 48, bits: 8 };
    assert_eq!((layout.bytes(), layout.blocks(64), layout.blocks(65)), (24 * 64 + 384, 1, 2));
}

#[test]
fn only_codes_of_4_or_8_bits_have_a_layout() {
    assert_eq!(BlockLayout::new(8, 4), Some(BlockLayout { sub_vectors: 8, bits: 4 }));
    for (sub_vectors, bits) in [(0, 8), (8, 0), (8, 5), (8, 16)] {
        assert_eq!(BlockLayout::new(sub_vectors, bits), None);
    }
}
