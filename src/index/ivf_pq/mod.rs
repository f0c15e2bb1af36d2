//! IVF_PQ: partitions of short codes.

pub mod codebook;
