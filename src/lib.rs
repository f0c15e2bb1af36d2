//! An embedded vector database. `docs/architecture.md` is a walk through these rooms.

pub mod distance;
pub mod error;
pub mod index;
pub mod kmeans;
pub mod progress;
pub mod storage;
