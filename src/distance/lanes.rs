//! The arithmetic of the vector kernels, written once over a register of lanes.
//!
//! An instruction set brings a [`Lanes`] type, which is a register, and [`Load`]s, which widen stored values
//! into it. [`Sums`] are what a distance accumulates over the values of a row. [`distances`] puts them together;
//! everything is inlined into one function that enables the instruction set.
//!
//! The row is read once, in order, by four independent accumulators, which is what keeps the loads ahead of
//! the additions. Dimensions that do not fill a register are read as the last full register of the row, with
//! the lanes that were counted already set to zero.

use super::scalar::Float;
use super::sums::{Products, Sums};

/// A register of floats.
///
/// # Safety
/// Every function here may only run on a CPU that has the instruction set that the type stands for.
pub(super) trait Lanes: Copy {
    /// The type of a lane.
    type Scalar: Float;
    /// How many lanes there are.
    const COUNT: usize;

    unsafe fn zero() -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn subtract(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once.
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self;
    /// Zero in all but the last `count` lanes; `count` is less than [`Lanes::COUNT`].
    unsafe fn keep_last(self, count: usize) -> Self;
    /// The sum of all lanes.
    unsafe fn sum(self) -> Self::Scalar;
}

/// Reads stored values into a register, widening them.
pub(super) trait Load<T>: Lanes {
    /// # Safety
    /// As for [`Lanes`]; and `values` points at [`Lanes::COUNT`] readable values, at any alignment.
    unsafe fn load(values: *const T) -> Self;
}

/// Writes the distance from `query` to each row.
///
/// # Panics
/// If `rows` does not hold `out.len()` rows, or if a row does not fill one register.
///
/// # Safety
/// This CPU has the instruction set of `S::Lanes`.
#[inline(always)]
pub(super) unsafe fn distances<S, T>(query: &[<S::Lanes as Lanes>::Scalar], rows: &[T], out: &mut [f32])
where
    S: Sums<Lanes: Load<T> + Load<<S::Lanes as Lanes>::Scalar>>,
{
    assert_eq!(rows.len(), query.len() * out.len(), "rows x dimensions");
    for (row, out) in rows.chunks_exact(query.len()).zip(out) {
        // SAFETY: the caller's promise.
        *out = unsafe { accumulate::<S, T>(query, row).distance() };
    }
}

/// The inner product of two vectors that each fill at least one register.
///
/// # Panics
/// If they do not, or if their lengths differ.
///
/// # Safety
/// This CPU has the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn inner_product<L: Load<<L as Lanes>::Scalar>>(
    a: &[L::Scalar],
    b: &[L::Scalar],
) -> L::Scalar {
    // SAFETY: the caller's promise.
    unsafe { accumulate::<Products<L>, L::Scalar>(a, b).product() }
}

#[inline(always)]
unsafe fn accumulate<S, T>(query: &[<S::Lanes as Lanes>::Scalar], row: &[T]) -> S
where
    S: Sums<Lanes: Load<T> + Load<<S::Lanes as Lanes>::Scalar>>,
{
    let count = S::Lanes::COUNT;
    let dim = query.len();
    assert!(dim == row.len() && dim >= count, "vectors of one length that fill a register");

    // SAFETY: the instruction set is the caller's promise. Every load is of `count` values that end at or
    // before `dim`, the length of both vectors; the last one starts at `dim - count`, which is not negative.
    unsafe {
        let (query, row) = (query.as_ptr(), row.as_ptr());
        let [mut a, mut b, mut c, mut d] = [S::zero(); 4];
        let mut at = 0;
        while at + 4 * count <= dim {
            a = step(a, query, row, at);
            b = step(b, query, row, at + count);
            c = step(c, query, row, at + 2 * count);
            d = step(d, query, row, at + 3 * count);
            at += 4 * count;
        }
        while at + count <= dim {
            a = step(a, query, row, at);
            at += count;
        }
        if at < dim {
            let (last, new) = (dim - count, dim - at);
            let last_query = S::Lanes::load(query.add(last)).keep_last(new);
            let last_row = <S::Lanes as Load<T>>::load(row.add(last)).keep_last(new);
            b = b.step(last_query, last_row);
        }
        a.add(b).add(c.add(d))
    }
}

/// Adds the register of values that starts at `at`.
#[inline(always)]
unsafe fn step<S, T>(sums: S, query: *const <S::Lanes as Lanes>::Scalar, row: *const T, at: usize) -> S
where
    S: Sums<Lanes: Load<T> + Load<<S::Lanes as Lanes>::Scalar>>,
{
    // SAFETY: the caller's promises: the instruction set, and a register of values from `at` on in both.
    unsafe { sums.step(S::Lanes::load(query.add(at)), <S::Lanes as Load<T>>::load(row.add(at))) }
}

/// Defines `element_kernels` and `inner_product` for one instruction set, given as the features that
/// `#[target_feature]` enables. Vectors shorter than a register are left to the scalar kernels.
macro_rules! kernels_with_features {
    ($features:literal) => {
        /// # Safety
        /// The features were detected.
        unsafe fn element_kernels<L, T>() -> super::kernels::ElementKernels<L::Scalar, T>
        where
            L: Load<T> + Load<<L as Lanes>::Scalar>,
            T: scalar::Element<L::Scalar>,
        {
            use super::sums::{Products, ProductsAndSquares, SquaredDifferences};
            super::kernels::ElementKernels {
                l2: |query, rows, out| match query.len() < L::COUNT {
                    true => scalar::l2(query, rows, out),
                    // SAFETY: the promise of the caller of `element_kernels`.
                    false => unsafe { distances::<SquaredDifferences<L>, T>(query, rows, out) },
                },
                dot: |query, rows, out| match query.len() < L::COUNT {
                    true => scalar::dot(query, rows, out),
                    // SAFETY: as above.
                    false => unsafe { distances::<Products<L>, T>(query, rows, out) },
                },
                cosine: |query, rows, out| match query.len() < L::COUNT {
                    true => scalar::cosine(query, rows, out),
                    // SAFETY: as above.
                    false => unsafe { distances::<ProductsAndSquares<L>, T>(query, rows, out) },
                },
            }
        }

        #[target_feature(enable = $features)]
        fn distances<S, T>(query: &[<S::Lanes as Lanes>::Scalar], rows: &[T], out: &mut [f32])
        where
            S: super::sums::Sums<Lanes: Load<T> + Load<<S::Lanes as Lanes>::Scalar>>,
        {
            // SAFETY: this function runs only where its features are.
            unsafe { super::lanes::distances::<S, T>(query, rows, out) }
        }

        #[target_feature(enable = $features)]
        fn inner_product<L: Load<<L as Lanes>::Scalar>>(a: &[L::Scalar], b: &[L::Scalar]) -> L::Scalar {
            // SAFETY: this function runs only where its features are.
            unsafe { super::lanes::inner_product::<L>(a, b) }
        }
    };
}
pub(super) use kernels_with_features;
