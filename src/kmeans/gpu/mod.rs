//! The heavy passes of k-means on a GPU: labelling rows, and summing what their centroids move by.
//!
//! A kernel and the Rust function of the same meaning are named after each other: `nearest_centroid.wgsl`
//! and [`Centroids::nearest`], `counting_sort.wgsl` and `Clusters::new`, `cluster_sums.wgsl` and
//! `Piece::sum`. Several books of centroids are served side by side, each for its own stretch of a row's
//! values: one for k-means, one for each sub-vector for a codebook.

mod assign;
mod books;
mod halves;
mod lloyd;
mod product;
mod resident;
mod singles;
#[cfg(test)]
mod tests;
mod trial;
mod update;

pub(crate) use assign::Assign;
pub(super) use books::train_books;
pub(super) use lloyd::nearest_with;
pub(crate) use resident::ResidentBooks;

use super::Centroids;
use super::clusters::Clusters;
use super::update::Update;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Variants};

/// Hears of work that is done, in row-centroid pairs, and says whether to go on.
pub type Report<'a> = dyn FnMut(u64) -> Result<()> + 'a;

/// Rows in the memory of a GPU, for many passes.
pub struct Rows<'g> {
    gpu: &'g Gpu,
    dim: usize,
    chunks: Vec<Chunk>,
}

/// As many rows as fit into one binding.
struct Chunk {
    first_row: usize,
    rows: usize,
    points: Buffer,
}

impl<'g> Rows<'g> {
    /// Uploads `points`, rows x `dim`.
    ///
    /// # Errors
    /// [`crate::error::Error::GpuFailed`] if the GPU has not enough memory, or fails; the first of `report`.
    pub fn load(gpu: &'g Gpu, points: &[f32], dim: usize, report: &mut Report<'_>) -> Result<Self> {
        let chunk_rows = rows_per_binding(gpu, dim);
        let mut chunks = Vec::new();
        for (i, points) in points.chunks(chunk_rows * dim).enumerate() {
            report(0)?;
            chunks.push(Chunk {
                first_row: i * chunk_rows,
                rows: points.len() / dim,
                points: gpu.upload("points", points)?,
            });
        }
        Ok(Self { gpu, dim, chunks })
    }

    /// Waits until all rows have arrived.
    ///
    /// # Errors
    /// As [`Rows::load`].
    pub fn arrived(&self) -> Result<()> {
        self.gpu.work().submit()?.wait(self.gpu, &mut || Ok(())).map(|_| ())
    }

    /// Labels each row with the nearest centroid of each of `books`, which have equally many: books x rows. Book
    /// `i` is about the stretch of as many values as it has dimensions that begins at `i` times as many.
    ///
    /// # Errors
    /// As [`Rows::load`].
    ///
    /// # Panics
    /// If there is no book.
    pub fn nearest(&self, books: &[&Centroids], report: &mut Report<'_>) -> Result<Vec<Vec<u32>>> {
        self.nearest_by(books, trial::variants(self.gpu)?, report)
    }

    /// [`Rows::nearest`] with kernels of these variants, which the GPU must offer.
    ///
    /// # Errors
    /// As [`Rows::nearest`].
    pub fn nearest_by(
        &self,
        books: &[&Centroids],
        variants: Variants,
        report: &mut Report<'_>,
    ) -> Result<Vec<Vec<u32>>> {
        let resident = ResidentBooks::upload_for(self.gpu, books, variants)?;
        let mut labels = vec![Vec::new(); books.len()];
        for chunk in &self.chunks {
            let mut assign = Assign::new(self.gpu, self.dim, chunk.rows, books.len())?;
            assign.run(self.gpu, &chunk.points, chunk.rows, &resident, report)?;
            let found = assign.read(self.gpu, report)?;
            labels.iter_mut().zip(found.chunks(chunk.rows)).for_each(|(all, part)| all.extend(part));
        }
        Ok(labels)
    }

    /// One pass of Lloyd's iteration for each of `books`; `scale` brings the rows' values to about 1.
    pub(super) fn pass(
        &self,
        books: &[&Centroids],
        scale: f32,
        report: &mut Report<'_>,
    ) -> Result<Vec<(Clusters, Update)>> {
        let resident = ResidentBooks::upload(self.gpu, books)?;
        let mut sums = update::Sums::new(self.gpu, self.dim, books, scale)?;
        for chunk in &self.chunks {
            let mut assign = Assign::new(self.gpu, self.dim, chunk.rows, books.len())?;
            assign.run(self.gpu, &chunk.points, chunk.rows, &resident, report)?;
            sums.add(&chunk.points, chunk.first_row, chunk.rows, assign.labels(), report)?;
        }
        Ok(sums.finish(books))
    }
}

/// Rows of `dim` values that one binding holds; at least one.
pub(crate) fn rows_per_binding(gpu: &Gpu, dim: usize) -> usize {
    (gpu.limits().binding_bytes as usize / (dim * size_of::<f32>())).max(1)
}

/// As [`Centroids::nearest`], on a GPU.
pub(crate) fn nearest(
    gpu: &Gpu,
    centroids: &Centroids,
    points: &[f32],
    labels: &mut [u32],
    report: &mut Report<'_>,
) -> Result<()> {
    let rows = Rows::load(gpu, points, centroids.dim(), report)?;
    let found = rows.nearest(&[centroids], report)?;
    labels.copy_from_slice(&found[0]);
    Ok(())
}
