//! An embedded vector database. `docs/architecture.md` is a walk through these rooms.

pub mod connection;
pub mod distance;
pub mod error;
pub mod filter;
pub mod gpu;
pub mod index;
pub mod kmeans;
#[cfg(feature = "node")]
mod node;
pub mod progress;
pub mod query;
pub mod storage;
pub mod table;
