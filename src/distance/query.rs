//! A query vector, prepared once for the metric it is compared with.

use super::Metric;
use super::kernels::{ElementKernels, Kernels, kernels};
use super::scalar;
use super::vectors::Vectors;

/// A query vector, prepared for one metric.
#[derive(Debug, Clone)]
pub struct Query {
    metric: Metric,
    /// The query as it was given, in single precision.
    values: Vec<f32>,
    /// What the kernels compare with: the query, scaled to length one for cosine.
    operand: Vec<f32>,
    /// The same in double precision, for rows of doubles.
    operand_f64: Vec<f64>,
    /// The query as bytes, for hamming; else empty.
    bytes: Vec<u8>,
    /// False if no row can have a distance: the query holds NaN, has no direction (cosine) or no bytes
    /// (hamming).
    has_distances: bool,
}

impl Query {
    /// Prepares `vector`, one value for each dimension, for distances of `metric`.
    ///
    /// A vector that holds NaN, a zero or infinite vector for cosine, and a vector whose values are not all
    /// whole numbers from 0 to 255 for hamming are accepted, and every distance from them is NaN.
    pub fn new(metric: Metric, vector: &[f64]) -> Query {
        let values: Vec<f32> = vector.iter().map(|&value| value as f32).collect();
        let mut has_distances = !vector.is_empty() && !vector.iter().any(|value| value.is_nan());
        let mut operand_f64 = vector.to_vec();
        let mut operand = values.clone();
        let mut bytes = Vec::new();
        match metric {
            Metric::L2 | Metric::Dot => {}
            Metric::Cosine => match scalar::unit(vector) {
                Some(unit) => {
                    operand = unit.iter().map(|&value| value as f32).collect();
                    operand_f64 = unit;
                }
                None => has_distances = false,
            },
            Metric::Hamming => {
                bytes = vector.iter().map(|&value| value as u8).collect();
                has_distances &= bytes.iter().zip(vector).all(|(&byte, &value)| f64::from(byte) == value);
            }
        }
        Query { metric, values, operand, operand_f64, bytes, has_distances }
    }

    /// The number of dimensions.
    pub fn dim(&self) -> usize {
        self.values.len()
    }

    /// The metric that this query was prepared for.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The query as it was given, in single precision.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The query in the form that is compared: scaled to length one for cosine, else as it was given.
    ///
    /// An index that stores normalised vectors wants this one.
    pub fn operand(&self) -> &[f32] {
        &self.operand
    }

    /// Writes the distance to each row: `out.len()` rows x [`Query::dim`] dimensions.
    ///
    /// l2 is the squared Euclidean distance, cosine one minus the cosine (0 to 2), dot one minus the inner
    /// product, hamming the number of bits that differ (rows of bytes only). Rows of doubles are computed
    /// in double precision.
    ///
    /// A row that can never match gets NaN: one that holds NaN, a zero row for cosine, a row of anything
    /// but unsigned bytes for hamming, and every row for a query that is none itself (see [`Query::new`]).
    ///
    /// # Panics
    /// If `rows` does not hold `out.len()` rows.
    pub fn distances(&self, rows: Vectors<'_>, out: &mut [f32]) {
        self.distances_with(kernels(), rows, out);
    }

    pub(super) fn distances_with(&self, kernels: &Kernels, rows: Vectors<'_>, out: &mut [f32]) {
        assert_eq!(rows.len_values(), self.dim() * out.len(), "rows x dimensions");
        if !self.has_distances {
            return out.fill(f32::NAN);
        }
        match rows {
            Vectors::U8(rows) if self.metric == Metric::Hamming => (kernels.hamming)(&self.bytes, rows, out),
            Vectors::F16(rows) => self.run(&kernels.f16, &self.operand, rows, out),
            Vectors::F32(rows) if start_at_cache_lines(rows, self.dim()) => {
                self.run(&kernels.f32, &self.operand, rows, out)
            }
            Vectors::F32(rows) => self.run(&kernels.f32_unaligned, &self.operand, rows, out),
            Vectors::F64(rows) => self.run(&kernels.f64, &self.operand_f64, rows, out),
            Vectors::U8(rows) => self.run(&kernels.u8, &self.operand, rows, out),
            Vectors::I8(rows) => self.run(&kernels.i8, &self.operand, rows, out),
        }
        if self.metric == Metric::Cosine {
            self.recompute_extreme_rows(rows, out);
        }
    }

    fn run<Q, T>(&self, kernels: &ElementKernels<Q, T>, operand: &[Q], rows: &[T], out: &mut [f32]) {
        match self.metric {
            Metric::L2 => (kernels.l2)(operand, rows, out),
            Metric::Cosine => (kernels.cosine)(operand, rows, out),
            Metric::Dot => (kernels.dot)(operand, rows, out),
            Metric::Hamming => out.fill(f32::NAN),
        }
    }

    /// Kernels leave NaN where a row is too short or too long for its squares; most such rows are zero, but
    /// one of 1e-30 or 1e30 has a direction all the same.
    #[inline]
    fn recompute_extreme_rows(&self, rows: Vectors<'_>, out: &mut [f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            if out.is_nan() {
                *out = self.cosine_of_any_length(rows.slice(i..i + 1, self.dim()));
            }
        }
    }

    #[cold]
    fn cosine_of_any_length(&self, row: Vectors<'_>) -> f32 {
        let mut values = vec![0.0; self.dim()];
        row.to_f64(&mut values);
        scalar::cosine_of_any_length(&self.operand_f64, &values)
    }
}

fn start_at_cache_lines(rows: &[f32], dim: usize) -> bool {
    const CACHE_LINE: usize = 64;
    rows.as_ptr().addr().is_multiple_of(CACHE_LINE) && (dim * size_of::<f32>()).is_multiple_of(CACHE_LINE)
}
