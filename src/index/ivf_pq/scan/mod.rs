//! Estimating the distances of compressed rows, 64 rows at a time.
//!
//! A partition is a run of blocks. A block holds 64 rows: their codes, and two numbers a row that let one
//! [`ScanTable`] for each query serve every partition. With `x = c + r` (centroid and residual), and `r` near
//! `s * decoded` where `decoded` is what the row's code stands for,
//!
//! ```text
//! |q - x|^2  ~  |q - c|^2 + a - 2 s <q, decoded>        a = |r|^2 + 2 s <c, decoded>
//! ```
//!
//! so a block stores `a` (its *add*) and `s` (its *scale*), and `<q, decoded>` is a sum of one table entry
//! for each sub-vector. The table is quantised to bytes with one common step, and the sum is taken in
//! integers: all kernels therefore agree to the last bit. `scalar` says what a scan means; the other kernel
//! files say the same thing faster.
//!
//! Tables of 16 entries fit a register, and those of 256 do not. Codes of 8 bits are therefore judged by their
//! upper halves first, and only rows that may be good enough by all of their codes. Codewords are numbered so
//! that this works (`codebook/groups.rs`).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernels;
mod layout;
#[cfg(target_arch = "aarch64")]
mod neon;
mod quantised;
mod scalar;
mod table;
#[cfg(test)]
mod tests;

pub use layout::{BLOCK_ROWS, BlockLayout};
pub use table::ScanTable;
