//! An embedded vector database. `docs/architecture.md` is a walk through these rooms.

pub mod distance;
pub mod error;
pub mod index;
<<<<<<< HEAD
pub mod kmeans;
=======
>>>>>>> kernels
pub mod progress;
pub mod storage;
