//! Compressing batches of rows on a GPU, while the next batch is read and the one before is written.
//!
//! A batch is one submission: its points are uploaded, labelled, reduced to residuals, and coded, and what
//! comes back is a label, a code and six inner products for each row. The kernels are in `row_products.wgsl`
//! beside this file and in `kmeans/gpu`.

use std::collections::VecDeque;

use bytemuck::{Pod, Zeroable};

use super::encode::Coded;
use super::estimate::{Products, RowTerms};
use super::train::Trained;
use crate::distance::{Metric, Vectors};
use crate::error::{Error, Result};
use crate::gpu::{Access, Buffer, Gpu, Pending, Source, Staging, Work};
use crate::index::ivf::{Batch, Space};
use crate::kmeans::Centroids;
use crate::kmeans::gpu::{Assign, ResidentBooks, rows_per_binding};
use crate::progress::Progress;

/// Batches that are under way at once: one is uploaded, one computed, one read back.
const UNDER_WAY: usize = 3;

/// Inner products of a row.
const PRODUCTS: usize = 6;

/// What reading and writing a value costs, in operations.
const VALUE_COST: f64 = 16.0;

static UNPACK: Source = source("unpack");
static SUBTRACT: Source = source("subtract");
static MULTIPLY: Source = source("multiply");

const fn source(entry: &'static str) -> Source {
    use Access::{Read, Write};
    Source {
        name: "row_products",
        wgsl: &[include_str!("row_products.wgsl")],
        entry,
        buffers: &[Read, Read, Read, Write, Write, Read, Write, Write],
    }
}

/// Kept in step with `Shape` in row_products.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Shape {
    rows: u32,
    dim: u32,
    sub_vectors: u32,
    codewords: u32,
    first_label: u32,
    end_label: u32,
}

/// What all batches share.
pub(super) struct Pipeline<'a> {
    gpu: &'a Gpu,
    space: &'a Space,
    sub_vectors: usize,
    codewords: usize,
    partitions: ResidentBooks,
    books: ResidentBooks,
    /// The centroids as they are stored, in as many parts as bindings need, each with its first label.
    centroids: Vec<(usize, usize, Buffer)>,
    codebook: Buffer,
    mean: Buffer,
    /// Bound where a kernel has no use for a buffer.
    nothing: [Buffer; 2],
    free: Vec<Slot>,
    under_way: VecDeque<InFlight<'a>>,
}

/// The memory of one batch.
struct Slot {
    rows: usize,
    halves: Option<Buffer>,
    points: Buffer,
    /// On the host.
    staging: Staging,
    residuals: Buffer,
    labels: Assign,
    codes: Assign,
    packed: Buffer,
    products: Buffer,
}

struct InFlight<'a> {
    batch: Batch<'a>,
    slot: Slot,
    pending: Pending,
}

/// A failure, and the batches that it leaves undone, in order.
pub(super) struct Undone<'a> {
    pub(super) error: Error,
    pub(super) batches: Vec<Batch<'a>>,
}

impl<'a> Pipeline<'a> {
    /// Uploads what all batches need. `None` if the codebook is larger than a binding of this GPU, or has
    /// more books than a dispatch has lines.
    pub(super) fn open(gpu: &'a Gpu, trained: &'a Trained, space: &'a Space) -> Result<Option<Self>> {
        let codebook = trained.codebook.values();
        let (limits, sub_vectors) = (gpu.limits(), trained.layout.sub_vectors);
        if size_of_val(codebook) as u64 > limits.binding_bytes || sub_vectors > limits.groups as usize {
            return Ok(None);
        }
        let centroids = &trained.partitioning.centroids;
        let books: Vec<&Centroids> = trained.codebook.books().iter().collect();
        let part_rows = rows_per_binding(gpu, space.dim());
        let parts = centroids.values().chunks(part_rows * space.dim()).enumerate();
        let parts = parts.map(|(i, part)| {
            let first = i * part_rows;
            Ok((first, first + part.len() / space.dim(), gpu.upload("centroids", part)?))
        });
        Ok(Some(Self {
            gpu,
            space,
            sub_vectors,
            codewords: trained.layout.codewords(),
            partitions: ResidentBooks::upload(gpu, &[centroids])?,
            books: ResidentBooks::upload(gpu, &books)?,
            centroids: parts.collect::<Result<_>>()?,
            codebook: gpu.upload("codebook", codebook)?,
            mean: gpu.upload("mean", &trained.partitioning.mean)?,
            nothing: [gpu.buffer("nothing", 4)?, gpu.buffer("nothing", 4)?],
            free: Vec::new(),
            under_way: VecDeque::new(),
        }))
    }

    /// Starts a batch, and ends the oldest one if enough are under way.
    pub(super) fn push(
        &mut self,
        batch: Batch<'a>,
        progress: &Progress,
    ) -> Result<Option<(Batch<'a>, Coded)>, Undone<'a>> {
        match self.start(&batch) {
            Ok((slot, pending)) => self.under_way.push_back(InFlight { batch, slot, pending }),
            Err(error) => {
                let undone = self.under_way.drain(..).map(|one| one.batch).chain([batch]).collect();
                return Err(Undone { error, batches: undone });
            }
        }
        if self.under_way.len() < UNDER_WAY { Ok(None) } else { self.pop(progress) }
    }

    /// Ends the oldest batch; `None` if none is under way.
    pub(super) fn pop(&mut self, progress: &Progress) -> Result<Option<(Batch<'a>, Coded)>, Undone<'a>> {
        let Some(oldest) = self.under_way.pop_front() else { return Ok(None) };
        match self.end(&oldest.batch, oldest.pending, progress) {
            Ok(coded) => {
                oldest.slot.staging.reuse();
                self.free.push(oldest.slot);
                Ok(Some((oldest.batch, coded)))
            }
            Err(error) => {
                let rest = self.under_way.drain(..).map(|one| one.batch);
                Err(Undone { error, batches: [oldest.batch].into_iter().chain(rest).collect() })
            }
        }
    }

    fn start(&mut self, batch: &Batch<'_>) -> Result<(Slot, Pending)> {
        let rows = batch.row_ids.len();
        let mut slot = match self.free.iter().position(|slot| slot.rows >= rows) {
            Some(free) => self.free.swap_remove(free),
            None => Slot::new(self, rows)?,
        };
        let mut work = self.gpu.work();
        self.upload(&mut slot, batch, &mut work)?;
        slot.labels.record(self.gpu, &mut work, &slot.points, rows, &self.partitions)?;
        for (first, end, centroids) in &self.centroids {
            let labels = [*first, *end];
            self.run(&SUBTRACT, &mut work, &slot, centroids, &slot.labels.labels().buffer, rows, labels)?;
        }
        slot.codes.record(self.gpu, &mut work, &slot.residuals, rows, &self.books)?;
        self.run(&MULTIPLY, &mut work, &slot, &self.codebook, &slot.codes.labels().buffer, rows, [0, 0])?;
        work.read(&slot.labels.labels().buffer, rows)?;
        work.read(&slot.packed, rows * self.sub_vectors.div_ceil(4))?;
        work.read(&slot.products, rows * PRODUCTS)?;
        Ok((slot, work.submit()?))
    }

    /// Brings the points of a batch to the GPU: as halves where the column has halves.
    fn upload(&self, slot: &mut Slot, batch: &Batch<'_>, work: &mut Work<'_>) -> Result<()> {
        let rows = batch.row_ids.len();
        match batch.vectors {
            Vectors::F16(values)
                if self.space.metric != Metric::Cosine && values.len() == batch.points.len() =>
            {
                if slot.halves.is_none() {
                    slot.halves = Some(self.gpu.buffer("halves", slot.points.bytes().div_ceil(2))?);
                }
                if let Some(halves) = &slot.halves {
                    work.upload(&slot.staging, values, halves)?;
                }
                self.run(&UNPACK, work, slot, &self.nothing[0], &self.nothing[1], rows, [0, 0])
            }
            _ => work.upload(&slot.staging, &batch.points, &slot.points),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the buffers of a kernel")]
    fn run(
        &self,
        source: &'static Source,
        work: &mut Work<'_>,
        slot: &Slot,
        values: &Buffer,
        labels: &Buffer,
        rows: usize,
        [first_label, end_label]: [usize; 2],
    ) -> Result<()> {
        let shape = Shape {
            rows: rows as u32,
            dim: self.space.dim() as u32,
            sub_vectors: self.sub_vectors as u32,
            codewords: self.codewords as u32,
            first_label: first_label as u32,
            end_label: end_label as u32,
        };
        let halves = slot.halves.as_ref().unwrap_or(&self.nothing[0]);
        let buffers =
            [halves, values, &self.mean, &slot.points, &slot.residuals, labels, &slot.products, &slot.packed];
        let kernel = self.gpu.kernel(source, &[])?;
        work.dispatch(&kernel, &shape, &buffers, [rows, 1], VALUE_COST * (rows * self.space.dim()) as f64)
    }

    fn end(&self, batch: &Batch<'_>, pending: Pending, progress: &Progress) -> Result<Coded> {
        let mut reads = pending.wait(self.gpu, &mut || progress.check())?;
        let (labels, packed, products) = (reads.next(), reads.next::<u32>(), reads.next::<f32>());
        let words = self.sub_vectors.div_ceil(4);
        let mut codes = Vec::with_capacity(batch.row_ids.len() * self.sub_vectors);
        for row in packed.chunks_exact(words) {
            codes.extend_from_slice(&bytemuck::cast_slice::<u32, u8>(row)[..self.sub_vectors]);
        }
        let terms = products.chunks_exact(PRODUCTS).map(|of_row| {
            let [rr, rd, dd, xd, xr, mr] = std::array::from_fn(|i| of_row[i]);
            // The centroid is what the residual leaves of the point.
            RowTerms::of_products(self.space.metric, Products { rr, rd, dd, cd: xd - rd, cr: xr - rr, mr })
        });
        Ok(Coded { labels, codes, terms: terms.collect() })
    }
}

impl Slot {
    fn new(of: &Pipeline<'_>, rows: usize) -> Result<Self> {
        let (gpu, dim) = (of.gpu, of.space.dim());
        let buffer = |label, words: usize| gpu.buffer(label, (words * size_of::<u32>()) as u64);
        Ok(Self {
            rows,
            halves: None,
            points: buffer("points", rows * dim)?,
            staging: gpu.staging((rows * dim * size_of::<f32>()) as u64)?,
            residuals: buffer("residuals", rows * dim)?,
            labels: Assign::new(gpu, dim, rows, 1)?,
            codes: Assign::new(gpu, dim, rows, of.sub_vectors)?,
            packed: buffer("codes", rows * of.sub_vectors.div_ceil(4))?,
            products: buffer("products", rows * PRODUCTS)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::check_wgsl;

    #[test]
    fn the_kernels_are_valid_wgsl() {
        [&super::UNPACK, &super::SUBTRACT, &super::MULTIPLY].into_iter().for_each(check_wgsl);
    }
}
