//! The arithmetic of the vector kernels, written once over a register of lanes.
//!
//! An instruction set brings a [`Lanes`] type, which is a register, and [`Load`]s, which widen stored values
//! into it. A [`Sums`] is what one distance accumulates over the values of a row. [`distances`] puts them
//! together; everything is inlined into one function that enables the instruction set.
//!
//! The row is read once, in order, by four independent accumulators, which is what keeps the loads ahead of
//! the additions. Dimensions that do not fill a register are read as the last full register of the row, with
//! the lanes that were counted already set to zero.

use super::scalar::{Float, cosine_distance};

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

/// What a distance accumulates over the values of a row.
///
/// # Safety
/// As for [`Lanes`].
pub(super) trait Sums: Copy {
    type Lanes: Lanes;

    unsafe fn zero() -> Self;
    unsafe fn step(self, query: Self::Lanes, row: Self::Lanes) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn distance(self) -> f32;
}

/// For the squared Euclidean distance.
#[derive(Clone, Copy)]
pub(super) struct SquaredDifferences<L>(L);

impl<L: Lanes> Sums for SquaredDifferences<L> {
    type Lanes = L;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(L::zero()) }
    }

    #[inline(always)]
    unsafe fn step(self, query: L, row: L) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let difference = query.subtract(row);
            Self(difference.multiply_add(difference, self.0))
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(self.0.add(other.0)) }
    }

    #[inline(always)]
    unsafe fn distance(self) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.sum().to_f64() as f32 }
    }
}

/// For one minus the inner product.
#[derive(Clone, Copy)]
pub(super) struct Products<L>(L);

impl<L: Lanes> Sums for Products<L> {
    type Lanes = L;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(L::zero()) }
    }

    #[inline(always)]
    unsafe fn step(self, query: L, row: L) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(query.multiply_add(row, self.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(self.0.add(other.0)) }
    }

    #[inline(always)]
    unsafe fn distance(self) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { (1.0 - self.0.sum().to_f64()) as f32 }
    }
}

/// For one minus the cosine, in one pass over the row.
#[derive(Clone, Copy)]
pub(super) struct ProductsAndSquares<L> {
    products: L,
    squares: L,
}

impl<L: Lanes> Sums for ProductsAndSquares<L> {
    type Lanes = L;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self { products: L::zero(), squares: L::zero() } }
    }

    #[inline(always)]
    unsafe fn step(self, query: L, row: L) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                products: query.multiply_add(row, self.products),
                squares: row.multiply_add(row, self.squares),
            }
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self { products: self.products.add(other.products), squares: self.squares.add(other.squares) }
        }
    }

    #[inline(always)]
    unsafe fn distance(self) -> f32 {
        // SAFETY: the caller's promise.
        let (product, norm_squared) = unsafe { (self.products.sum(), self.squares.sum()) };
        cosine_distance::<L::Scalar>(product.to_f64(), norm_squared.to_f64())
    }
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
    unsafe { accumulate::<Products<L>, L::Scalar>(a, b).0.sum() }
}

#[inline(always)]
unsafe fn accumulate<S, T>(query: &[<S::Lanes as Lanes>::Scalar], row: &[T]) -> S
where
    S: Sums<Lanes: Load<T> + Load<<S::Lanes as Lanes>::Scalar>>,
{
    let count = S::Lanes::COUNT;
    let dim = query.len();
    assert!(dim == row.len() && dim >= count, "vectors of one length that fill a register");

    // SAFETY: the instruction set is the caller's promise. Every load starts at most `count` values before
    // the end of both vectors, which are `dim >= count` long.
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

/// Defines `element_kernels`, `hamming` and `dot` for one instruction set, given as the features that
/// `#[target_feature]` enables.
///
/// All three may be used only after those features were detected. Vectors shorter than a register are left
/// to the scalar kernels.
macro_rules! kernels_with_features {
    ($features:literal) => {
        fn element_kernels<L, T>() -> $crate::distance::kernels::ElementKernels<L::Scalar, T>
        where
            L: Load<T> + Load<<L as Lanes>::Scalar>,
            T: scalar::Element<L::Scalar>,
        {
            use $crate::distance::lanes::{Products, ProductsAndSquares, SquaredDifferences};
            $crate::distance::kernels::ElementKernels {
                l2: |query, rows, out| match query.len() < L::COUNT {
                    true => scalar::l2(query, rows, out),
                    // SAFETY: whoever calls `element_kernels` has detected the features.
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
            S: $crate::distance::lanes::Sums<Lanes: Load<T> + Load<<S::Lanes as Lanes>::Scalar>>,
        {
            // SAFETY: this function runs only where its features are.
            unsafe { $crate::distance::lanes::distances::<S, T>(query, rows, out) }
        }

        #[target_feature(enable = $features)]
        fn inner_product<L: Load<<L as Lanes>::Scalar>>(a: &[L::Scalar], b: &[L::Scalar]) -> L::Scalar {
            // SAFETY: this function runs only where its features are.
            unsafe { $crate::distance::lanes::inner_product::<L>(a, b) }
        }
    };
}
pub(super) use kernels_with_features;
