//! Finding near rows without reading all of them.
//!
//! `flat` reads all of them; the answer the others are measured against. `ivf_pq` and `ivf_flat` file rows by
//! their nearest centroid (what they share is in `ivf`) and look only where the query is near. Every file of
//! theirs is written once, by [`build`] or [`extend`], and read in place, by [`VectorIndex`]. `scalar` finds the
//! rows that have a value instead: [`build_scalar`] writes what a [`ScalarIndex`](scalar::ScalarIndex) reads.

mod bits;
mod build;
mod column;
mod config;
mod extend;
pub mod flat;
mod ivf;
mod ivf_flat;
pub mod ivf_pq;
mod masks;
pub mod scalar;
mod search;
#[cfg(test)]
mod tests;
mod threads;
mod top_k;

pub use build::{Built, build, build_scalar};
pub use column::{ElementKind, VectorChunk, VectorColumn};
pub use config::{
    ITERATIONS_MAX_DEFAULT, IndexConfig, IvfFlatConfig, IvfPqConfig, SAMPLE_RATE_DEFAULT, SEED_DEFAULT,
    default_sub_vectors,
};
pub use extend::{Extended, Extension, extend};
pub use ivf::{Calibration, Effort};
pub use masks::{Masks, Wanted};
pub use search::{EarlyStop, Found, Probe, Range, VectorIndex};
pub use threads::build_threads;
pub use top_k::{Candidate, TopK};
