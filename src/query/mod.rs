//! From a request to ranked rows.
//!
//! A [`Request`] says what is wanted, a [`Plan`] binds it to a [`Snapshot`] and runs it. Which rows are
//! near is the business of the rooms below; this one decides whom to ask, and reads the rows that are
//! returned, and only those.

mod access;
mod ask;
mod explain;
mod gather;
mod indexed;
mod matching;
mod nearest;
mod order;
mod plan;
mod projection;
mod request;
mod row_sets;
mod scan;
mod snapshot;
mod strategy;
mod target;
mod trace;

pub use matching::matching_places;
pub(crate) use matching::true_rows;
pub use plan::{Plan, Stream};
pub use projection::{DISTANCE, QUERY_INDEX, ROW_ID};
pub use request::{
    DEFAULT_LIMIT, DEFAULT_PROBES, DEFAULT_TARGET_RECALL, Nearest, OrderBy, Request, Rows, Select,
};
pub use snapshot::{OpenIndex, Snapshot};
pub(crate) use target::column_name;

use crate::error::Result;
use crate::filter::{Filter, Predicate};
use crate::progress::Progress;
use indexed::IndexedFilter;

/// How many rows of `snapshot` satisfy `filter`; without one, how many there are.
pub fn count_rows(snapshot: &Snapshot, filter: Option<&Filter>, progress: &Progress) -> Result<u64> {
    let version = snapshot.version();
    match filter {
        None => Ok(version.row_count()),
        Some(filter) => {
            if let Some(rows) = snapshot.row_sets().get(filter) {
                return Ok(rows.len());
            }
            let predicate = Predicate::of(filter, version.schema())?;
            match IndexedFilter::new(snapshot, &predicate)? {
                Some(indexed) => Ok(indexed.run(progress)?.len()),
                None => matching::count_matching(version, &predicate, progress),
            }
        }
    }
}
