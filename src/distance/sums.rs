//! What each distance accumulates over the values of a row, in registers of any instruction set.

use super::lanes::Lanes;
use super::scalar::Float;

/// Running sums over the values of a row.
///
/// # Safety
/// As for [`Lanes`]: every function may only run on a CPU that has the instruction set of the lanes.
pub(super) trait Sums: Copy {
    /// The registers that are summed.
    type Lanes: Lanes;

    /// Sums of nothing.
    unsafe fn zero() -> Self;
    /// These sums and one more register of values.
    unsafe fn step(self, query: Self::Lanes, row: Self::Lanes) -> Self;
    /// Both sums together.
    unsafe fn add(self, other: Self) -> Self;
    /// The distance, once all values are in.
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
        unsafe { self.0.sum().to_f32() }
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
        unsafe { self.product().one_minus() }
    }
}

impl<L: Lanes> Products<L> {
    /// The inner product.
    ///
    /// # Safety
    /// As for [`Lanes`].
    #[inline(always)]
    pub(super) unsafe fn product(self) -> L::Scalar {
        // SAFETY: the caller's promise.
        unsafe { self.0.sum() }
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
        L::Scalar::cosine_distance(product, norm_squared)
    }
}
