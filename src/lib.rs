//! An embedded vector database. `docs/architecture.md` is a walk through these rooms.

pub mod connection;
pub mod error;
pub mod progress;
pub mod storage;
pub mod table;
