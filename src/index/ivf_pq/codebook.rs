//! Product quantization: a vector is cut into sub-vectors, and each is replaced by the number of
//! the nearest of a few learnt codewords.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::error::Result;
use crate::gpu::Session;
use crate::kmeans::{self, Centroids, Threads, columns};

/// Rows that a thread encodes at a time; they stay in L2 while every sub-vector visits them.
const ENCODE_ROWS: usize = 128;

/// A pass that lowers the loss by less than this share is the last.
const TOLERANCE: f64 = 1e-3;

/// The codewords of every sub-vector: `sub_vectors` x 2^`bits` x `width`.
#[derive(Debug, Clone)]
pub struct Codebook {
    values: Vec<f32>,
    width: usize,
    bits: u8,
    /// The same codewords, by sub-vector.
    books: Vec<Centroids>,
}

impl Codebook {
    /// Learns codewords from `residuals`, rows x `dim`, by k-means on each sub-vector.
    ///
    /// Sub-vectors are trained side by side on the current rayon pool; the codewords depend on the
    /// input and `seed` alone. With fewer (distinct) rows than codewords, codewords repeat.
    ///
    /// `on_step(done, total)` is called by every thread after each few milliseconds of work.
    ///
    /// # Errors
    /// The first error of `on_step`, at once; `NotEnoughRows` if there is no row.
    ///
    /// # Panics
    /// If `sub_vectors` does not divide `dim`, `bits` is not 1 to 8, or `residuals` does not consist
    /// of whole rows.
    pub fn train(
        residuals: &[f32],
        dim: usize,
        sub_vectors: usize,
        bits: u8,
        iterations_max: usize,
        seed: u64,
        on_step: &(dyn Fn(u64, u64) -> Result<()> + Sync),
    ) -> Result<Self> {
        Self::train_with(&Session::cpu(), residuals, dim, sub_vectors, bits, iterations_max, seed, on_step)
    }

    /// [`Codebook::train`], on the GPU of `session` if it has one.
    #[expect(clippy::too_many_arguments, reason = "those of `train`, and where")]
    pub(crate) fn train_with(
        session: &Session,
        residuals: &[f32],
        dim: usize,
        sub_vectors: usize,
        bits: u8,
        iterations_max: usize,
        seed: u64,
        on_step: &(dyn Fn(u64, u64) -> Result<()> + Sync),
    ) -> Result<Self> {
        let width = width(dim, sub_vectors, bits);
        assert_eq!(residuals.len() % dim, 0, "residuals must be whole rows");
        let options = kmeans::Options { centroids: 1 << bits, iterations_max, tolerance: TOLERANCE, seed };
        if let Some(books) = kmeans::train_books(session, residuals, dim, sub_vectors, &options, on_step)? {
            return Ok(Self::of_books(books, width, bits));
        }
        let done = AtomicU64::new(0);
        let train = |sub_vector: usize, threads: Threads| {
            let points = columns(residuals, dim, sub_vector * width, width);
            let options = kmeans::Options { seed: seed.wrapping_add(sub_vector as u64), ..options.clone() };
            let mut before = 0;
            kmeans::train_on(threads, &points, width, &options, &mut |now, total| {
                let work = now - std::mem::replace(&mut before, now);
                on_step(done.fetch_add(work, Ordering::Relaxed) + work, total * sub_vectors as u64)
            })
        };
        // One sub-vector for each thread as long as there are enough, and the last few together:
        // no thread is idle, and only as many columns are copied as there are threads.
        let alone = sub_vectors - sub_vectors % rayon::current_num_threads();
        let mut books: Vec<Centroids> = (0..alone)
            .into_par_iter()
            .with_max_len(1)
            .map(|sub_vector| train(sub_vector, Threads::Caller))
            .collect::<Result<_>>()?;
        for sub_vector in alone..sub_vectors {
            books.push(train(sub_vector, Threads::Pool)?);
        }
        Ok(Self::of_books(books, width, bits))
    }

    fn of_books(books: Vec<Centroids>, width: usize, bits: u8) -> Self {
        let values = books.iter().flat_map(Centroids::values).copied().collect();
        Self { values, width, bits, books }
    }

    /// A codebook from its values, `sub_vectors` x 2^`bits` x (`dim` / `sub_vectors`).
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn from_parts(values: Vec<f32>, dim: usize, sub_vectors: usize, bits: u8) -> Self {
        let width = width(dim, sub_vectors, bits);
        assert_eq!(values.len(), dim << bits, "a codebook has dim x 2^bits values");
        let books =
            values.chunks_exact(width << bits).map(|book| Centroids::new(book.to_vec(), width)).collect();
        Self { values, width, bits, books }
    }

    /// The values, `sub_vectors` x 2^`bits` x (`dim` / `sub_vectors`).
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The codewords of each sub-vector.
    #[cfg(feature = "gpu")]
    pub(crate) fn books(&self) -> &[Centroids] {
        &self.books
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> usize {
        self.width * self.books.len()
    }

    /// How many sub-vectors, so how many codes, a vector has.
    pub fn sub_vectors(&self) -> usize {
        self.books.len()
    }

    /// Bits of a code: 2^`bits` codewords for each sub-vector.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Writes the codes of `residuals`, rows x `dim`, to `codes`, rows x `sub_vectors`.
    ///
    /// Each code is the number of the nearest codeword, the lowest of equally near ones, and takes
    /// one byte whatever `bits` is. Runs in parallel on the current rayon pool.
    ///
    /// # Panics
    /// If the two do not have the same number of whole rows.
    pub fn encode(&self, residuals: &[f32], codes: &mut [u8]) {
        let (dim, sub_vectors) = (self.dim(), self.sub_vectors());
        assert_eq!(residuals.len() % dim, 0, "residuals must be whole rows");
        assert_eq!(codes.len(), residuals.len() / dim * sub_vectors, "one code for each sub-vector");
        let blocks =
            codes.par_chunks_mut(ENCODE_ROWS * sub_vectors).zip(residuals.par_chunks(ENCODE_ROWS * dim));
        blocks.for_each(|(codes, residuals)| {
            let mut labels = [0; ENCODE_ROWS];
            let labels = &mut labels[..residuals.len() / dim];
            for (sub_vector, book) in self.books.iter().enumerate() {
                book.nearest_strided(&residuals[sub_vector * self.width..], dim, labels);
                for (codes, label) in codes.chunks_exact_mut(sub_vectors).zip(&*labels) {
                    codes[sub_vector] = *label as u8;
                }
            }
        });
    }

    /// Writes the vector that `code`, `sub_vectors` bytes, stands for: `dim` values.
    ///
    /// # Panics
    /// If a length is wrong, or a code is not below 2^`bits`.
    pub fn decode(&self, code: &[u8], out: &mut [f32]) {
        assert_eq!((code.len(), out.len()), (self.sub_vectors(), self.dim()));
        for ((book, code), out) in self.books.iter().zip(code).zip(out.chunks_exact_mut(self.width)) {
            out.copy_from_slice(book.row(usize::from(*code)));
        }
    }

    /// Writes the inner product of each sub-vector of `query` with each of its codewords:
    /// `sub_vectors` x 2^`bits` values.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn inner_products(&self, query: &[f32], out: &mut [f32]) {
        assert_eq!((query.len(), out.len()), (self.dim(), self.sub_vectors() << self.bits));
        let tables = out.chunks_exact_mut(1 << self.bits);
        for ((book, query), table) in self.books.iter().zip(query.chunks_exact(self.width)).zip(tables) {
            book.inner_products(query, table);
        }
    }
}

/// Dimensions of a sub-vector.
fn width(dim: usize, sub_vectors: usize, bits: u8) -> usize {
    assert!(
        sub_vectors > 0 && dim > 0 && dim.is_multiple_of(sub_vectors),
        "sub-vectors must divide the dimensions"
    );
    assert!((1..=8).contains(&bits), "a code has 1 to 8 bits");
    dim / sub_vectors
}

#[cfg(test)]
mod tests;
