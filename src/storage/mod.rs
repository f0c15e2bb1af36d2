//! Bytes on disk: what a table is made of, and how a version of it appears whole or not at all.
//!
//! Files are written once, synced, and never changed, so readers map them without locks. The one
//! act that publishes is creating the manifest of a version ([`Manifest::publish`]); everything
//! else here serves it. `docs/format.md` says every byte.

mod checked_json;
pub mod files;
mod keys;
mod layout;
mod manifest;
mod map;
mod row_ids;
mod schema;
mod segment;
mod segment_writer;
mod series;
mod sets;
mod statistics;
mod tags;
mod version;

pub use files::{Durability, FileEntry, NewFiles, TemporaryFolder};
pub use keys::{KeyType, Keys, after_all_with};
pub use manifest::{
    ColumnPlace, DeletionsEntry, FORMAT, IndexEntry, Manifest, PartEntry, RowIdsEntry, SegmentEntry,
};
pub use map::MappedFile;
pub use row_ids::RowIds;
pub use schema::stored_schema;
pub use segment::Segment;
pub use segment_writer::{Limits, SegmentWriter, write_part};
pub(crate) use series::{is_abandoned_temporary, is_older};
pub use sets::{write_deletions, write_row_ids};
pub use statistics::ColumnStatistics;
pub use tags::TagList;
pub use version::{BatchRef, Version};
