//! How long something takes, and how fast memory can be read at all.

use std::hint::black_box;
use std::iter;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// The fastest of several passes of `pass`, which run for about a quarter of a second together.
///
/// The fastest, because everything that disturbs a pass makes it slower.
pub fn fastest(mut pass: impl FnMut()) -> Duration {
    pass();
    let start = Instant::now();
    let mut fastest = Duration::MAX;
    let mut passes = 0;
    while passes < 5 || start.elapsed() < Duration::from_millis(250) {
        let before = Instant::now();
        pass();
        fastest = fastest.min(before.elapsed());
        passes += 1;
    }
    fastest
}

/// How fast `bytes` can be read, in bytes a nanosecond, which are GB/s: the better of adding all words and of
/// copying everything to a place that stays in the cache.
pub fn plain_read(bytes: &[u8]) -> f64 {
    let words: &[u64] = bytemuck::cast_slice(bytes);
    let added = fastest(|| {
        let mut sums = [0u64; 32];
        for chunk in black_box(words).as_chunks::<32>().0 {
            for (sum, word) in sums.iter_mut().zip(chunk) {
                *sum = sum.wrapping_add(*word);
            }
        }
        black_box(sums);
    });
    let mut place = [0; 4096];
    let copied = fastest(|| {
        for page in black_box(bytes).as_chunks::<4096>().0 {
            place = *page;
            black_box(&mut place);
        }
    });
    bytes.len() as f64 / nanoseconds(added.min(copied))
}

/// A duration in nanoseconds.
pub fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// A copy of values that starts at a 64-byte boundary, as stored columns do.
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    of: PhantomData<T>,
}

#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl<T: bytemuck::Pod> Aligned<T> {
    /// Copies `len` values.
    pub fn new(len: usize, values: impl Iterator<Item = T>) -> Self {
        let mut lines = vec![Line([0; 64]); (len * size_of::<T>()).div_ceil(64)];
        for (to, value) in bytemuck::cast_slice_mut::<_, T>(&mut lines)[..len].iter_mut().zip(values) {
            *to = value;
        }
        Self { lines, len, of: PhantomData }
    }
}

impl<T: bytemuck::Pod> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl<T: bytemuck::Pod> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

/// Bytes that repeat so late that no kernel profits.
pub fn noise(len: usize) -> Aligned<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let words = iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    Aligned::new(len, words.flat_map(u64::to_le_bytes))
}
