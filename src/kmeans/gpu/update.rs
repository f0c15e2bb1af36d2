//! Sums what centroids move by: what `Clusters::new` and `Update::new` do, on a GPU.
//!
//! The GPU sums pieces of a cluster in single precision, as the CPU does; pieces are joined here, in double.

use bytemuck::{Pod, Zeroable};

use super::assign::Labels;
use super::{Centroids, Clusters, Report, Update};
use crate::error::Result;
use crate::gpu::{Access, Buffer, Gpu, Source, Work};
use crate::kmeans::update::PIECE_ROWS;

/// Rows that one invocation sorts at least, and how many invocations at most do.
const BLOCK_ROWS_MIN: usize = 64;
const BLOCKS_MAX: usize = 4096;

/// Invocations of a workgroup of the sort, and of one that sums.
const SORT_INVOCATIONS: usize = 64;
const SUM_INVOCATIONS: usize = 256;

/// What reading a value from memory costs, in operations.
const READ_COST: f64 = 16.0;

/// The entry points of counting_sort.wgsl, in the order in which they run.
static COUNTING_SORT: [Source; 4] = [
    counting_sort("count"),
    counting_sort("add_blocks"),
    counting_sort("add_labels"),
    counting_sort("place"),
];

const fn counting_sort(entry: &'static str) -> Source {
    Source {
        name: "counting_sort",
        wgsl: &[include_str!("counting_sort.wgsl")],
        entry,
        buffers: &[Access::Read, Access::Write, Access::Write, Access::Write],
    }
}

static CLUSTER_SUMS: Source = Source {
    name: "cluster_sums",
    wgsl: &[include_str!("cluster_sums.wgsl")],
    entry: "cluster_sums",
    buffers: &[Access::Read, Access::Read, Access::Read, Access::Read, Access::Write, Access::Write],
};

/// Kept in step with `Shape` in counting_sort.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SortShape {
    rows: u32,
    labels: u32,
    blocks: u32,
    block_rows: u32,
}

/// Kept in step with `Shape` in cluster_sums.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SumShape {
    pieces: u32,
    slices: u32,
    stride: u32,
    width: u32,
    columns: u32,
    scale: f32,
}

/// Some rows of one cluster. Kept in step with `Piece` in cluster_sums.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GpuPiece {
    first: u32,
    rows: u32,
    book: u32,
    label: u32,
}

/// Sums over chunks of rows.
pub(super) struct Sums<'g> {
    gpu: &'g Gpu,
    stride: usize,
    width: usize,
    /// Centroids of a book.
    labels: usize,
    scale: f32,
    /// Books x labels x width, as they are stored.
    centroids: Buffer,
    totals: Vec<f64>,
    losses: Vec<f64>,
    /// For each chunk: its first row, and what of it each book's clusters hold.
    chunks: Vec<(usize, Vec<Clusters>)>,
}

impl<'g> Sums<'g> {
    pub(super) fn new(gpu: &'g Gpu, stride: usize, books: &[&Centroids], scale: f32) -> Result<Self> {
        let (labels, width) = (books[0].len(), books[0].dim());
        let values: Vec<f32> = books.iter().flat_map(|book| book.values()).copied().collect();
        Ok(Self {
            gpu,
            stride,
            width,
            labels,
            scale,
            centroids: gpu.upload("centroids", &values)?,
            totals: vec![0.0; values.len()],
            losses: vec![0.0; books.len() * labels],
            chunks: Vec::new(),
        })
    }

    /// Adds a chunk of rows with their labels.
    pub(super) fn add(
        &mut self,
        points: &Buffer,
        first_row: usize,
        rows: usize,
        labels: &Labels,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let order = self.gpu.buffer("order", labels.buffer.bytes())?;
        let clusters = self.sort(labels, rows, &order, report)?;
        let pieces = self.pieces(&clusters, rows);
        for group in pieces.chunks(self.pieces_per_submission()) {
            self.sum(points, &order, group, report)?;
        }
        self.chunks.push((first_row, clusters));
        Ok(())
    }

    /// The rows of each label, for each book; they stay in `order` too.
    fn sort(
        &self,
        labels: &Labels,
        rows: usize,
        order: &Buffer,
        report: &mut Report<'_>,
    ) -> Result<Vec<Clusters>> {
        let words_max = self.gpu.limits().binding_bytes as usize / size_of::<u32>();
        let blocks_max = (words_max / (labels.books * self.labels)).clamp(1, BLOCKS_MAX);
        let blocks = rows.div_ceil(BLOCK_ROWS_MIN).clamp(1, blocks_max);
        let table_words = labels.books * blocks * self.labels;
        let starts_words = labels.books * (self.labels + 1);
        let table = self.gpu.buffer("table", (table_words * size_of::<u32>()) as u64)?;
        let starts = self.gpu.buffer("starts", (starts_words * size_of::<u32>()) as u64)?;
        let shape = SortShape {
            rows: rows as u32,
            labels: self.labels as u32,
            blocks: blocks as u32,
            block_rows: rows.div_ceil(blocks) as u32,
        };
        let by_block = blocks.div_ceil(SORT_INVOCATIONS);
        let groups = [by_block, self.labels.div_ceil(SORT_INVOCATIONS), 1, by_block];
        let mut work = self.gpu.work();
        for (source, groups) in COUNTING_SORT.iter().zip(groups) {
            let kernel = self.gpu.kernel(source, &[])?;
            let buffers = [&labels.buffer, &table, &starts, order];
            work.dispatch(&kernel, &shape, &buffers, [groups, labels.books], READ_COST * rows as f64)?;
        }
        work.read(&starts, starts_words)?;
        work.read(order, labels.books * rows)?;
        let mut reads = work.submit()?.wait(self.gpu, &mut || report(0))?;
        let (starts, order) = (reads.next::<u32>(), reads.next::<u32>());
        let books = starts.chunks_exact(self.labels + 1).zip(order.chunks_exact(rows));
        Ok(books.map(|(starts, rows)| Clusters::sorted(rows.to_vec(), starts)).collect())
    }

    /// The clusters of a chunk, in pieces, by book and label.
    fn pieces(&self, clusters: &[Clusters], rows: usize) -> Vec<GpuPiece> {
        let mut pieces = Vec::new();
        for (book, clusters) in clusters.iter().enumerate() {
            let mut first = book * rows;
            for label in 0..clusters.len() {
                for piece in clusters.rows(label).chunks(PIECE_ROWS) {
                    pieces.push(GpuPiece {
                        first: first as u32,
                        rows: piece.len() as u32,
                        book: book as u32,
                        label: label as u32,
                    });
                    first += piece.len();
                }
            }
        }
        pieces
    }

    fn pieces_per_submission(&self) -> usize {
        let bytes_of_piece = size_of::<GpuPiece>().max(self.width * size_of::<f32>());
        let by_binding = self.gpu.limits().binding_bytes as usize / bytes_of_piece;
        let by_time = self.gpu.budget() / (READ_COST * (PIECE_ROWS * self.width) as f64);
        let by_grid = self.gpu.groups_max() / self.slices();
        (by_time as usize).max(64).min(by_binding).min(by_grid).max(1)
    }

    /// Invocations side by side over the dimensions: a power of two.
    fn lanes(&self) -> usize {
        self.width.next_power_of_two().min(SUM_INVOCATIONS)
    }

    fn slices(&self) -> usize {
        self.width.div_ceil(self.lanes())
    }

    fn sum(
        &mut self,
        points: &Buffer,
        order: &Buffer,
        pieces: &[GpuPiece],
        report: &mut Report<'_>,
    ) -> Result<()> {
        let slices = self.slices();
        let gpu_pieces = self.gpu.upload("pieces", pieces)?;
        let differences = self.gpu.buffer("differences", (pieces.len() * self.width * 4) as u64)?;
        let losses = self.gpu.buffer("losses", (pieces.len() * slices * 4) as u64)?;
        let shape = SumShape {
            pieces: pieces.len() as u32,
            slices: slices as u32,
            stride: self.stride as u32,
            width: self.width as u32,
            columns: self.labels as u32,
            scale: self.scale,
        };
        let kernel = self.gpu.kernel(&CLUSTER_SUMS, &[("LANES", self.lanes() as f64)])?;
        let rows: usize = pieces.iter().map(|piece| piece.rows as usize).sum();
        let buffers = [points, &self.centroids, order, &gpu_pieces, &differences, &losses];
        let mut work: Work<'_> = self.gpu.work();
        let operations = READ_COST * (rows * self.width) as f64;
        work.dispatch(&kernel, &shape, &buffers, [pieces.len() * slices, 1], operations)?;
        work.read(&differences, pieces.len() * self.width)?;
        work.read(&losses, pieces.len() * slices)?;
        let mut reads = work.submit()?.wait(self.gpu, &mut || report(0))?;
        let (differences, losses) = (reads.next::<f32>(), reads.next::<f32>());
        let sums = differences.chunks_exact(self.width).zip(losses.chunks_exact(slices));
        for (piece, (differences, losses)) in pieces.iter().zip(sums) {
            let label = piece.book as usize * self.labels + piece.label as usize;
            let totals = &mut self.totals[label * self.width..][..self.width];
            totals.iter_mut().zip(differences).for_each(|(total, d)| *total += f64::from(*d));
            self.losses[label] += losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
        }
        Ok(())
    }

    /// The clusters and the moved centroids of each book.
    pub(super) fn finish(mut self, books: &[&Centroids]) -> Vec<(Clusters, Update)> {
        let mut finished = Vec::with_capacity(books.len());
        for (i, book) in books.iter().enumerate() {
            let parts: Vec<_> = self.chunks.iter().map(|(first, books)| (*first, &books[i])).collect();
            let clusters = Clusters::joined(&parts);
            let losses = self.losses[i * self.labels..][..self.labels].to_vec();
            let mut update = Update { values: book.values().to_vec(), losses };
            let totals = &mut self.totals[i * self.labels * self.width..][..self.labels * self.width];
            for (label, totals) in totals.chunks_exact_mut(self.width).enumerate() {
                let rows = clusters.rows(label).len();
                if rows > 0 {
                    update.move_centroid(label, totals, rows as f64 * f64::from(self.scale));
                }
            }
            finished.push((clusters, update));
        }
        finished
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::check_wgsl;

    #[test]
    fn the_kernels_are_valid_wgsl() {
        super::COUNTING_SORT.iter().for_each(check_wgsl);
        check_wgsl(&super::CLUSTER_SUMS);
    }
}
