//! What one core makes of the distance kernels: `cargo bench --bench distance`.
//!
//! Each line is one metric over rows of one type and dimension, from memory and from the cache, with the share
//! of a plain read of as many bytes that it reaches. `QUIVERDB_KERNELS=avx2` (or another set) compares sets.

mod measure;

use std::hint::black_box;

use half::f16;
use measure::{Aligned, fastest, nanoseconds, noise, plain_read};
use quiverdb::distance::{Metric, Query, Vectors, kernels_name};

/// Far larger than any cache, and small enough for the second-level one.
const SIZES: [(&str, usize); 2] = [("memory", 256 << 20), ("cache", 512 << 10)];

/// Rows a call, as the flat search passes them.
const ROWS_PER_CALL: usize = 1024;

fn main() {
    println!("kernels: {}", kernels_name());
    for (place, bytes) in SIZES {
        let noise = noise(bytes);
        let read = plain_read(&noise);
        println!("\n{place}, {} KiB: a plain read makes {read:.1} GB/s", bytes >> 10);
        println!("type  metric      dim    ns/row     GB/s  share of a plain read");

        let words = noise.as_chunks().0.iter().map(|&word| float(u32::from_le_bytes(word)));
        let floats = Aligned::new(bytes / 4, words.clone());
        let doubles = Aligned::new(bytes / 8, words.map(f64::from));
        let halves = noise.as_chunks().0.iter().map(|&word| half(u16::from_le_bytes(word)));
        let halves = Aligned::new(bytes / 2, halves);
        let signed: &[i8] = bytemuck::cast_slice(&noise);

        for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
            for dim in [16, 100, 128, 384, 768, 1536] {
                report("f32", metric, dim, Vectors::F32(&floats), bytes, read);
            }
        }
        for metric in [Metric::L2, Metric::Cosine] {
            for dim in [100, 768] {
                report("f16", metric, dim, Vectors::F16(&halves), bytes, read);
                report("f64", metric, dim, Vectors::F64(&doubles), bytes, read);
                report("u8", metric, dim, Vectors::U8(&noise), bytes, read);
                report("i8", metric, dim, Vectors::I8(signed), bytes, read);
            }
        }
        for dim in [16, 96, 128] {
            report("u8", Metric::Hamming, dim, Vectors::U8(&noise), bytes, read);
        }
    }
}

fn report(name: &str, metric: Metric, dim: usize, vectors: Vectors<'_>, bytes: usize, read: f64) {
    let rows = vectors.len_values() / dim;
    let query = Query::new(metric, &vec![3.0; dim]);
    let mut distances = vec![0.0; ROWS_PER_CALL];
    let took = nanoseconds(fastest(|| {
        for first in (0..rows).step_by(ROWS_PER_CALL) {
            let last = rows.min(first + ROWS_PER_CALL);
            let distances = &mut distances[..last - first];
            query.distances(vectors.slice(first..last, dim), distances);
            black_box(distances);
        }
    }));
    let per_row = took / rows as f64;
    let speed = bytes as f64 / took;
    println!("{name:<5} {metric:<8} {dim:>6} {per_row:>9.2} {speed:>8.1}  {:>4.0} %", 100.0 * speed / read);
}

/// A float from -1 to 1.
fn float(word: u32) -> f32 {
    word as i32 as f32 / i32::MAX as f32
}

/// A half precision float from -1 to 1.
fn half(word: u16) -> f16 {
    f16::from_f32(f32::from(word as i16) / f32::from(i16::MAX))
}
