//! Labels rows: what `Centroids::nearest` does, on a GPU.

use std::collections::VecDeque;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::{Centroids, Report};
use crate::error::Result;
use crate::gpu::{Access, Buffer, Gpu, Kernel, Pending, Source, Work};

/// Rows and centroids of a workgroup.
const TILE: usize = 128;

/// Fewer rows in a dispatch would leave a large GPU idle: rather fewer centroids.
const ROWS_MIN: usize = 1024;

/// Submissions that are under way at once: one runs while the next is being prepared.
const UNDER_WAY: usize = 2;

static NEAREST_CENTROID: Source = Source {
    name: "nearest_centroid",
    wgsl: &[include_str!("nearest_centroid.wgsl")],
    entry: "nearest_centroid",
    buffers: &[Access::Read, Access::Read, Access::Read, Access::Write, Access::Write],
};

/// Kept in step with `Shape` in nearest_centroid.wgsl.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Shape {
    first_row: u32,
    rows: u32,
    stride: u32,
    width: u32,
    first_column: u32,
    end_column: u32,
    columns: u32,
    base_column: u32,
    first_line: u32,
    line_rows: u32,
    is_first: u32,
    pad: u32,
}

/// Books of centroids in the memory of a GPU, in the form in which they are compared.
pub(crate) struct ResidentBooks {
    width: usize,
    parts: Vec<Part>,
}

/// As many whole books as fit into one binding, or a part of one that does not.
struct Part {
    first_book: usize,
    books: usize,
    first_column: usize,
    columns: usize,
    values: Buffer,
    biases: Buffer,
}

impl ResidentBooks {
    /// Uploads books of equally many centroids of equally many dimensions.
    pub(crate) fn upload(gpu: &Gpu, books: &[&Centroids]) -> Result<Self> {
        let (width, columns) = (books[0].dim(), books[0].len());
        let values_max = gpu.limits().binding_bytes as usize / size_of::<f32>();
        let columns_max = (values_max / width).max(1);
        let books_max = (columns_max / columns).max(1);
        let mut parts = Vec::new();
        for (i, group) in books.chunks(books_max).enumerate() {
            let mut values = Vec::with_capacity(group.len() * columns * width);
            let mut biases = Vec::with_capacity(group.len() * columns);
            for book in group {
                let (moved, bias) = book.comparands();
                values.extend(moved);
                biases.extend_from_slice(bias);
            }
            let step = columns_max.min(values.len() / width);
            for (j, (values, biases)) in values.chunks(step * width).zip(biases.chunks(step)).enumerate() {
                parts.push(Part {
                    first_book: i * books_max,
                    books: group.len(),
                    first_column: j * step,
                    columns: biases.len() / group.len(),
                    values: gpu.upload("centroids", values)?,
                    biases: gpu.upload("biases", biases)?,
                });
            }
        }
        Ok(Self { width, parts })
    }
}

/// Labels in the memory of a GPU: books x rows.
pub(crate) struct Labels {
    pub(crate) buffer: Buffer,
    pub(crate) rows: usize,
    pub(crate) books: usize,
}

/// Labels up to so many rows at a time.
pub(crate) struct Assign {
    stride: usize,
    labels: Labels,
    scores: Buffer,
}

impl Assign {
    /// For rows of `stride` values.
    pub(crate) fn new(gpu: &Gpu, stride: usize, rows: usize, books: usize) -> Result<Self> {
        let bytes = (rows * books * size_of::<u32>()) as u64;
        let labels = Labels { buffer: gpu.buffer("labels", bytes)?, rows, books };
        Ok(Self { stride, labels, scores: gpu.buffer("scores", bytes)? })
    }

    /// Where the labels are after [`Assign::run`].
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The labels, books x rows.
    pub(crate) fn read(&self, gpu: &Gpu, report: &mut Report<'_>) -> Result<Vec<u32>> {
        let mut work = gpu.work();
        work.read(&self.labels.buffer, self.labels.rows * self.labels.books)?;
        Ok(work.submit()?.wait(gpu, &mut || report(0))?.next())
    }

    /// Labels `rows` rows of `points`, in submissions that each take little time.
    pub(crate) fn run(
        &mut self,
        gpu: &Gpu,
        points: &Buffer,
        rows: usize,
        books: &ResidentBooks,
        report: &mut Report<'_>,
    ) -> Result<()> {
        self.labels.rows = rows;
        let kernel = kernel(gpu, books.width)?;
        let mut under_way: VecDeque<(Pending, u64)> = VecDeque::new();
        let end = |(pending, pairs): (Pending, u64), report: &mut Report<'_>| {
            pending.wait(gpu, &mut || report(0))?;
            report(pairs)
        };
        for part in &books.parts {
            let mut first_row = 0;
            while first_row < rows {
                let [row_step, column_step] = steps(gpu, rows, part, books.width);
                let count = row_step.min(rows - first_row);
                for first_column in (0..part.columns).step_by(column_step) {
                    let end_column = (first_column + column_step).min(part.columns);
                    let mut work = gpu.work();
                    let tile = Tile { first_row, rows: count, first_column, end_column };
                    let pairs = self.dispatch(&mut work, &kernel, points, books.width, part, tile)?;
                    under_way.push_back((work.submit()?, pairs));
                    if under_way.len() >= UNDER_WAY
                        && let Some(oldest) = under_way.pop_front()
                    {
                        end(oldest, report)?;
                    }
                }
                first_row += count;
            }
        }
        under_way.into_iter().try_for_each(|pending| end(pending, report))
    }

    /// Labels `rows` rows of `points` as a part of `work`, however long it takes.
    pub(crate) fn record(
        &mut self,
        gpu: &Gpu,
        work: &mut Work<'_>,
        points: &Buffer,
        rows: usize,
        books: &ResidentBooks,
    ) -> Result<()> {
        self.labels.rows = rows;
        let kernel = kernel(gpu, books.width)?;
        for part in &books.parts {
            let tile = Tile { first_row: 0, rows, first_column: 0, end_column: part.columns };
            self.dispatch(work, &kernel, points, books.width, part, tile)?;
        }
        Ok(())
    }

    /// Adds one dispatch to `work`, and says how many row-centroid pairs it compares.
    fn dispatch(
        &self,
        work: &mut Work<'_>,
        kernel: &Kernel,
        points: &Buffer,
        width: usize,
        part: &Part,
        tile: Tile,
    ) -> Result<u64> {
        let shape = Shape {
            first_row: tile.first_row as u32,
            rows: tile.rows as u32,
            stride: self.stride as u32,
            width: width as u32,
            first_column: tile.first_column as u32,
            end_column: tile.end_column as u32,
            columns: part.columns as u32,
            base_column: part.first_column as u32,
            first_line: part.first_book as u32,
            line_rows: self.labels.rows as u32,
            is_first: u32::from(part.first_column + tile.first_column == 0),
            pad: 0,
        };
        let pairs = (tile.rows * (tile.end_column - tile.first_column) * part.books) as u64;
        let buffers = [points, &part.values, &part.biases, &self.scores, &self.labels.buffer];
        let groups = [tile.rows.div_ceil(TILE), part.books];
        work.dispatch(kernel, &shape, &buffers, groups, (2 * width) as f64 * pairs as f64)?;
        Ok(pairs)
    }
}

/// What one dispatch compares.
struct Tile {
    first_row: usize,
    rows: usize,
    first_column: usize,
    end_column: usize,
}

/// How many rows and centroids a dispatch takes so that it ends in time.
fn steps(gpu: &Gpu, rows: usize, part: &Part, width: usize) -> [usize; 2] {
    let operations = |rows: usize, columns: usize| (2 * width * part.books) as f64 * (rows * columns) as f64;
    let fit = (gpu.budget() / operations(1, part.columns)) as usize;
    let row_step = fit.max(ROWS_MIN).next_multiple_of(TILE).min(gpu.groups_max().saturating_mul(TILE));
    let fit = (gpu.budget() / operations(row_step.min(rows), 1)) as usize;
    [row_step, fit.next_multiple_of(TILE).clamp(TILE, part.columns.next_multiple_of(TILE))]
}

fn kernel(gpu: &Gpu, width: usize) -> Result<Arc<Kernel>> {
    // Sub-vectors are short: half of a deep tile would be zeros.
    gpu.kernel(&NEAREST_CENTROID, &[("DEPTH", if width.is_multiple_of(16) { 16.0 } else { 8.0 })])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_is_valid_wgsl() {
        crate::gpu::check_wgsl(&super::NEAREST_CENTROID);
    }
}
