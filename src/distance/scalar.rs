//! What each distance means, without any special instructions.
//!
//! The other kernel files are held to this one by tests. Sums run in eight independent lanes, so that the
//! compiler may use whatever vectors the target always has.

use half::f16;

use super::kernels::{ElementKernels, Kernels};

pub(super) const KERNELS: Kernels = Kernels {
    name: "scalar",
    f16: element_kernels::<f32, f16>(),
    f32: element_kernels::<f32, f32>(),
    f32_unaligned: element_kernels::<f32, f32>(),
    f64: element_kernels::<f64, f64>(),
    u8: element_kernels::<f32, u8>(),
    i8: element_kernels::<f32, i8>(),
    hamming,
    dot: |a, b| {
        assert_eq!(a.len(), b.len());
        sum(a, b, |x, y| x * y)
    },
};

/// The float type that sums are computed in.
pub(super) trait Float:
    Copy + Default + std::ops::Add<Output = Self> + std::ops::Sub<Output = Self> + std::ops::Mul<Output = Self>
{
    /// This number in single precision.
    fn to_f32(self) -> f32;
    /// `1 - self` in single precision, rounded after the subtraction.
    fn one_minus(self) -> f32;
    /// One minus the cosine, from a row's inner product with a query of length one and its squared length.
    ///
    /// NaN if the squared length may have lost digits to underflow, or overflowed, or is NaN.
    fn cosine_distance(product: Self, norm_squared: Self) -> f32;
}

macro_rules! float {
    ($float:ty, safe norm squared from $min:literal) => {
        impl Float for $float {
            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }

            #[inline(always)]
            fn one_minus(self) -> f32 {
                (1.0 - self) as f32
            }

            #[inline(always)]
            fn cosine_distance(product: Self, norm_squared: Self) -> f32 {
                match ($min..=<$float>::MAX).contains(&norm_squared) {
                    true => (1.0 - product / norm_squared.sqrt()).clamp(0.0, 2.0) as f32,
                    false => f32::NAN,
                }
            }
        }
    };
}
float!(f32, safe norm squared from 1e-30);
float!(f64, safe norm squared from 1e-290);

/// A stored value that widens to the float type of the sums.
pub(super) trait Element<F>: Copy {
    fn widen(self) -> F;
}

macro_rules! widens {
    ($($from:ty => $to:ty),*) => {
        $(impl Element<$to> for $from {
            #[inline(always)]
            fn widen(self) -> $to {
                <$to>::from(self)
            }
        })*
    };
}
widens!(f16 => f32, f32 => f32, u8 => f32, i8 => f32, f64 => f64);

const fn element_kernels<F: Float, T: Element<F>>() -> ElementKernels<F, T> {
    ElementKernels { l2, dot, cosine }
}

pub(super) fn l2<F: Float, T: Element<F>>(query: &[F], rows: &[T], out: &mut [f32]) {
    each_row(query, rows, out, |query, row| {
        let squares = sum(query, row, |q, r| (q - r) * (q - r));
        squares.to_f32()
    });
}

pub(super) fn dot<F: Float, T: Element<F>>(query: &[F], rows: &[T], out: &mut [f32]) {
    each_row(query, rows, out, |query, row| sum(query, row, |q, r| q * r).one_minus());
}

pub(super) fn cosine<F: Float, T: Element<F>>(query: &[F], rows: &[T], out: &mut [f32]) {
    each_row(query, rows, out, |query, row| {
        let product = sum(query, row, |q, r| q * r);
        let norm_squared = sum(query, row, |_, r| r * r);
        F::cosine_distance(product, norm_squared)
    });
}

/// Always inlined, so that a caller with better instructions for counting bits gets to use them.
#[inline(always)]
pub(super) fn hamming(query: &[u8], rows: &[u8], out: &mut [f32]) {
    assert_eq!(rows.len(), query.len() * out.len(), "rows x dimensions");
    let (query_words, query_tail) = query.as_chunks::<8>();
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        let (row_words, row_tail) = row.as_chunks::<8>();
        let mut bits = 0;
        for (q, r) in query_words.iter().zip(row_words) {
            bits += (u64::from_ne_bytes(*q) ^ u64::from_ne_bytes(*r)).count_ones();
        }
        for (q, r) in query_tail.iter().zip(row_tail) {
            bits += (q ^ r).count_ones();
        }
        *out = bits as f32;
    }
}

/// One minus the cosine for rows of any length, scaled so that nothing under- or overflows.
///
/// NaN for a row that has no direction: zero, infinite, or holding NaN.
pub(super) fn cosine_of_any_length(unit_query: &[f64], row: &[f64]) -> f32 {
    let Some(unit_row) = unit(row) else { return f32::NAN };
    let product: f64 = unit_query.iter().zip(&unit_row).map(|(q, r)| q * r).sum();
    (1.0 - product).clamp(0.0, 2.0) as f32
}

/// The vector of length one in the same direction; `None` when there is no direction.
pub(super) fn unit(vector: &[f64]) -> Option<Vec<f64>> {
    let largest = vector.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let scaled: Vec<f64> = vector.iter().map(|value| value / largest).collect();
    let norm = scaled.iter().map(|value| value * value).sum::<f64>().sqrt();
    // At least the largest value counts as one, so a norm that is not a number is the only other case.
    (norm >= 1.0).then(|| scaled.iter().map(|value| value / norm).collect())
}

fn each_row<Q, T>(query: &[Q], rows: &[T], out: &mut [f32], distance: impl Fn(&[Q], &[T]) -> f32) {
    assert_eq!(rows.len(), query.len() * out.len(), "rows x dimensions");
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = distance(query, row);
    }
}

fn sum<F: Float, T: Element<F>>(query: &[F], row: &[T], term: impl Fn(F, F) -> F) -> F {
    let (query_lanes, query_tail) = query.as_chunks::<8>();
    let (row_lanes, row_tail) = row.as_chunks::<8>();
    let mut lanes = [F::default(); 8];
    for (q, r) in query_lanes.iter().zip(row_lanes) {
        for lane in 0..8 {
            lanes[lane] = lanes[lane] + term(q[lane], r[lane].widen());
        }
    }
    for (lane, (&q, &r)) in query_tail.iter().zip(row_tail).enumerate() {
        lanes[lane] = lanes[lane] + term(q, r.widen());
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
