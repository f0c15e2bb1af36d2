//! Many rows compared with a fixed set of others, as a product of two matrices.

use super::kernel::{self, Strips};

/// Columns prepared for [`Scores::write`]: each score is `bias - row . column`.
#[derive(Debug, Clone)]
pub(crate) struct Scores {
    strips: Strips,
}

impl Scores {
    /// Prepares columns x `dim` values, and a bias for each column.
    ///
    /// # Panics
    /// If there are not `dim` values for each bias.
    pub(crate) fn new(columns: &[f32], biases: &[f32], dim: usize) -> Self {
        Self { strips: Strips::new(columns, biases, dim) }
    }

    /// Scores of a row: at least one for each column, and some infinite ones that fill it up.
    pub(crate) fn stride(&self) -> usize {
        self.strips.columns()
    }

    /// Writes the scores of each row of `points`, rows x [`Scores::stride`], on this thread.
    ///
    /// # Panics
    /// If `points` does not consist of whole rows, or `out` has another length.
    pub(crate) fn write(&self, points: &[f32], out: &mut [f32]) {
        (kernel::fastest().scores)(&self.strips, points, out);
    }
}
