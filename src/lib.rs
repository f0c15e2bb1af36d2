//! An embedded vector database. `docs/architecture.md` is a walk through these rooms.

pub mod error;
pub mod filter;
pub mod progress;
