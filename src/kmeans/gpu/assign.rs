//! Labels rows: what `Centroids::nearest` does, on a GPU.

use std::collections::VecDeque;

use super::Report;
use super::halves::Halves;
use super::product::{Product, Shape, TILE};
use super::resident::{Part, ResidentBooks};
use super::singles::Singles;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Pending, Work};

/// Fewer rows in a dispatch would leave a large GPU idle: rather fewer centroids.
const ROWS_MIN: usize = 1024;

/// Submissions that are under way at once: one runs while the next is being prepared.
const UNDER_WAY: usize = 2;

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
    singles: Singles,
    /// For half precision, once it is used.
    halves: Option<Halves>,
}

impl Assign {
    /// For rows of `stride` values.
    pub(crate) fn new(gpu: &Gpu, stride: usize, rows: usize, books: usize) -> Result<Self> {
        let bytes = (rows * books * size_of::<u32>()) as u64;
        let labels = Labels { buffer: gpu.buffer("labels", bytes)?, rows, books };
        Ok(Self { stride, labels, singles: Singles::new(gpu, stride, rows, books)?, halves: None })
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
        self.begin(gpu, rows, books)?;
        let mut under_way = UnderWay { gpu, submissions: VecDeque::new() };
        let mut first_row = 0;
        while first_row < rows {
            let count = self.row_step(gpu, books).min(rows - first_row);
            for part in &books.parts {
                let mut first_column = 0;
                while first_column < part.columns {
                    let columns = column_step(gpu, count, part, books.width);
                    let end_column = (first_column + columns).min(part.columns);
                    let tile = Tile { first_row, rows: count, first_column, end_column };
                    let mut work = gpu.work();
                    let pairs = self.add(gpu, &mut work, points, books, part, tile)?;
                    under_way.push(work.submit()?, pairs, report)?;
                    first_column = end_column;
                }
            }
            first_row += count;
        }
        under_way.end(report)
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
        self.begin(gpu, rows, books)?;
        let step = self.halves.as_ref().map_or(rows, |halves| halves.rows).max(1);
        for first_row in (0..rows).step_by(step) {
            for part in &books.parts {
                let rows = step.min(rows - first_row);
                let tile = Tile { first_row, rows, first_column: 0, end_column: part.columns };
                self.add(gpu, work, points, books, part, tile)?;
            }
        }
        Ok(())
    }

    /// Makes room for what the labels of so many rows need.
    fn begin(&mut self, gpu: &Gpu, rows: usize, books: &ResidentBooks) -> Result<()> {
        self.labels.rows = rows;
        self.halves = match (self.halves.take(), books.rounding) {
            (_, None) => None,
            (Some(halves), Some(rounding)) if halves.fit(rows, rounding.padded) => Some(halves),
            (_, Some(rounding)) => Some(Halves::new(gpu, rows, rounding.padded)?),
        };
        Ok(())
    }

    /// Adds to `work` what compares a tile, and says how many row-centroid pairs that are.
    ///
    /// In half precision, the first tile of some rows rounds them, and the last one labels those again that are in
    /// doubt: how many that are, only the GPU knows.
    fn add(
        &mut self,
        gpu: &Gpu,
        work: &mut Work<'_>,
        points: &Buffer,
        books: &ResidentBooks,
        part: &Part,
        tile: Tile,
    ) -> Result<u64> {
        let pairs = (tile.rows * (tile.end_column - tile.first_column) * part.books) as u64;
        let operations = (2 * books.width) as f64 * pairs as f64;
        let shape = self.shape(books.width, part, tile);
        let last = books.parts.last().map(|part| part.first_column + part.columns);
        let is_last = last == Some(part.first_column + tile.end_column);
        let labels = &self.labels.buffer;
        let (Some(halves), Some(rounding), Some(rounded)) = (&self.halves, books.rounding, &part.rounded)
        else {
            let splits = self.singles.splits(gpu, tile.rows, books, false)?;
            let of = (books, part);
            self.singles.multiply(gpu, work, points, labels, None, of, &shape, splits, operations)?;
            if is_last {
                self.singles.join(gpu, work, labels, None, &shape, splits)?;
            }
            return Ok(pairs);
        };
        if shape.is_first == 1 {
            halves.round(gpu, work, points, &shape, rounding.doubt)?;
        }
        let product = Product::half(gpu, books.variants.best)?;
        let splits = halves.splits(gpu, tile.rows, books.parts[0].columns);
        halves.multiply(work, &product, (part, rounded), &shape, splits, operations)?;
        if is_last {
            halves.settle(gpu, work, points, &books.parts, labels, &shape, splits)?;
            let splits = self.singles.splits(gpu, tile.rows, books, true)?;
            let list = Some(&halves.list);
            for part in &books.parts {
                let tile = Tile { first_column: 0, end_column: part.columns, ..tile };
                let of_part = self.shape(books.width, part, tile);
                let of = (books, part);
                self.singles.multiply(gpu, work, points, labels, list, of, &of_part, splits, 0.0)?;
            }
            self.singles.join(gpu, work, labels, list, &shape, splits)?;
        }
        Ok(pairs)
    }

    fn shape(&self, width: usize, part: &Part, tile: Tile) -> Shape {
        Shape {
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
            ..Shape::default()
        }
    }

    /// How many rows a dispatch takes so that it ends in time.
    fn row_step(&self, gpu: &Gpu, books: &ResidentBooks) -> usize {
        let part = &books.parts[0];
        let fit = (gpu.budget() / operations(part, books.width, 1, part.columns)) as usize;
        let rows = fit.max(ROWS_MIN).next_multiple_of(TILE).min(gpu.groups_max().saturating_mul(TILE));
        self.halves.as_ref().map_or(rows, |halves| rows.min(halves.rows))
    }
}

/// What one dispatch compares.
#[derive(Clone, Copy)]
struct Tile {
    first_row: usize,
    rows: usize,
    first_column: usize,
    end_column: usize,
}

/// How many centroids a dispatch of so many rows takes so that it ends in time.
fn column_step(gpu: &Gpu, rows: usize, part: &Part, width: usize) -> usize {
    let fit = (gpu.budget() / operations(part, width, rows, 1)) as usize;
    fit.next_multiple_of(TILE).clamp(TILE, part.columns.next_multiple_of(TILE))
}

fn operations(part: &Part, width: usize, rows: usize, columns: usize) -> f64 {
    (2 * width * part.books) as f64 * (rows * columns) as f64
}

/// Submissions that are under way, and the row-centroid pairs of each.
struct UnderWay<'a> {
    gpu: &'a Gpu,
    submissions: VecDeque<(Pending, u64)>,
}

impl UnderWay<'_> {
    /// Adds one, and waits for the oldest if there are enough.
    fn push(&mut self, pending: Pending, pairs: u64, report: &mut Report<'_>) -> Result<()> {
        self.submissions.push_back((pending, pairs));
        if self.submissions.len() < UNDER_WAY { Ok(()) } else { self.pop(report) }
    }

    fn pop(&mut self, report: &mut Report<'_>) -> Result<()> {
        let Some((pending, pairs)) = self.submissions.pop_front() else { return Ok(()) };
        pending.wait(self.gpu, &mut || report(0))?;
        report(pairs)
    }

    /// Waits for all.
    fn end(&mut self, report: &mut Report<'_>) -> Result<()> {
        while !self.submissions.is_empty() {
            self.pop(report)?;
        }
        Ok(())
    }
}
