//! Partitions of rows, each row compressed to a short code.

pub mod codebook;
pub mod scan;
