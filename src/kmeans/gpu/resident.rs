//! Centroids in the memory of a GPU.

use super::halves::{self, Doubt, round_centroids};
use super::{Centroids, trial};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Variants};

/// Books of centroids in the memory of a GPU, in the form in which they are compared.
pub(crate) struct ResidentBooks {
    pub(super) width: usize,
    pub(super) variants: Variants,
    /// If labels are found in half precision first.
    pub(super) rounding: Option<Rounding>,
    pub(super) parts: Vec<Part>,
}

/// As many whole books as fit into one binding, or a part of one that does not.
pub(super) struct Part {
    pub(super) first_book: usize,
    pub(super) books: usize,
    pub(super) first_column: usize,
    pub(super) columns: usize,
    pub(super) values: Buffer,
    pub(super) biases: Buffer,
    pub(super) rounded: Option<Buffer>,
}

/// How centroids were rounded.
#[derive(Clone, Copy)]
pub(super) struct Rounding {
    /// Values of a rounded centroid, with the zeros that follow.
    pub(super) padded: usize,
    pub(super) doubt: Doubt,
}

impl ResidentBooks {
    /// Uploads books of equally many centroids of equally many dimensions.
    pub(crate) fn upload(gpu: &Gpu, books: &[&Centroids]) -> Result<Self> {
        Self::upload_for(gpu, books, trial::variants(gpu)?)
    }

    /// [`ResidentBooks::upload`], for kernels of these variants.
    pub(super) fn upload_for(gpu: &Gpu, books: &[&Centroids], variants: Variants) -> Result<Self> {
        let (width, columns) = (books[0].dim(), books[0].len());
        let padded = halves::padded(books.len(), columns, width).filter(|_| variants.best.is_half());
        let mut doubt = Doubt::default();
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
                let rounded = padded.map(|padded| round_centroids(values, width, padded, biases));
                let rounded = rounded.map(|(halves, of_part)| {
                    doubt = doubt.or(of_part);
                    gpu.upload("rounded centroids", &halves)
                });
                parts.push(Part {
                    first_book: i * books_max,
                    books: group.len(),
                    first_column: j * step,
                    columns: biases.len() / group.len(),
                    values: gpu.upload("centroids", values)?,
                    biases: gpu.upload("biases", biases)?,
                    rounded: rounded.transpose()?,
                });
            }
        }
        let rounding = padded.map(|padded| Rounding { padded, doubt });
        Ok(Self { width, variants, rounding, parts })
    }
}
