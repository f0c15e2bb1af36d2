//! What one core makes of the scan of compressed rows: `cargo bench --bench scan`.
//!
//! Each line is one shape of codes, from memory and from the cache, with the share of a plain read of as many
//! bytes (codes, adds and scales) that it reaches. `QUIVERDB_KERNELS=avx2` (or another set) compares sets.

mod measure;

use std::hint::black_box;

use measure::{Aligned, fastest, nanoseconds, noise, plain_read};
use quiverdb::distance::kernels_name;
use quiverdb::index::ivf_pq::scan::{BLOCK_ROWS, BlockLayout, ScanTable};

/// Rows enough for any cache to overflow, and few enough for the second-level one.
const SIZES: [(&str, usize); 2] = [("memory", 2 << 20), ("cache", 8 << 10)];

fn main() {
    println!("kernels: {}", kernels_name());
    for (place, rows) in SIZES {
        println!("\n{place}, {rows} rows");
        println!("bits  sub-vectors  bytes/row    ns/row     GB/s  plain read  share");
        for bytes_per_row in [16, 24, 48, 96] {
            report(BlockLayout { sub_vectors: 2 * bytes_per_row, bits: 4 }, rows);
            report(BlockLayout { sub_vectors: bytes_per_row, bits: 8 }, rows);
        }
    }
}

fn report(layout: BlockLayout, rows: usize) {
    let blocks = blocks(layout, rows);
    // The same for all blocks: few rows are looked at so closely.
    let lower = noise(BLOCK_ROWS * layout.lower_bytes());
    let read = plain_read(&blocks);
    let values: Vec<f32> =
        noise(layout.sub_vectors * layout.codewords()).iter().map(|&byte| f32::from(byte) / 256.0).collect();
    let mut table = ScanTable::new(layout, &values);
    // Below every estimate but a few, as a search with enough candidates has it.
    let threshold = -2.0 * 0.7 * layout.sub_vectors as f32;

    let took = nanoseconds(fastest(|| {
        let mut estimates = [0.0; BLOCK_ROWS];
        let mut passed = 0;
        for block in black_box(&blocks).chunks_exact(layout.bytes()) {
            passed += table.scan(block, &lower, 0.0, -2.0, threshold, &mut estimates).count_ones();
        }
        black_box(passed);
    }));

    let (per_row, speed) = (took / rows as f64, blocks.len() as f64 / took);
    println!(
        "{:>4} {:>12} {:>10.1} {per_row:>9.2} {speed:>8.1} {read:>11.1} {:>4.0} %",
        layout.bits,
        layout.sub_vectors,
        layout.bytes() as f64 / BLOCK_ROWS as f64,
        100.0 * speed / read,
    );
}

/// Blocks of random codes whose scales are all one.
fn blocks(layout: BlockLayout, rows: usize) -> Aligned<u8> {
    let mut blocks = noise(layout.blocks(rows) * layout.bytes());
    let mask = u8::MAX >> (8 - layout.bits);
    let codes: Vec<u8> = noise(BLOCK_ROWS * layout.sub_vectors).iter().map(|&code| code & mask).collect();
    let mut numbers = vec![0; layout.bytes()];
    layout.pack(&codes, &[0.0; BLOCK_ROWS], &[1.0; BLOCK_ROWS], &mut numbers, &mut Vec::new());
    for block in blocks.chunks_exact_mut(layout.bytes()) {
        block[layout.code_bytes()..].copy_from_slice(&numbers[layout.code_bytes()..]);
    }
    blocks
}
